#pragma once
// L D L' of a sparse Hessian with a shift, through Eigen's SimplicialLDLT: the fill-reducing ordering (AMD)
// and the symbolic factorization are computed once, and again only where the pattern changes. The sparse
// counterpart of hessian_factor.hpp.

#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "hessian_factor.hpp"

namespace osculate {

/// The lower triangle with every diagonal element stored, so that a shift has its place.
template <class S>
SparseMatrix<S> lower_with_diagonal(const SparseMatrix<S>& a) {
  SparseMatrix<S> zeros(a.rows(), a.cols());
  zeros.setIdentity();
  zeros.coeffs().setZero();
  return SparseMatrix<S>(SparseMatrix<S>(a.template triangularView<Eigen::Lower>()) + zeros);
}

template <class S>
class SparseHessianFactor {
 public:
  using Spectrum = typename DenseHessianFactor<S>::Spectrum;

  template <class Model>
  void restrict(const Model& q, const Mask& fixed, const Vector<S>& displacement) {
    fixed_ = fixed, held_ = displacement;
    inverse_scale_ = (q.scale.array() > 0).select(q.scale.cwiseInverse(), S(0));
    gradient_ = q.gradient;
    if (!held_.isZero(0)) gradient_ += q.hessian.template selfadjointView<Eigen::Lower>() * held_;
    gradient_ = fixed_.select(S(0), gradient_.cwiseProduct(inverse_scale_));
    matrix_ = lower_with_diagonal(q.hessian);
    S largest = 0;
    diagonal_.resize(matrix_.cols());
    for (Index k = 0; k < matrix_.cols(); ++k)
      for (typename SparseMatrix<S>::InnerIterator it(matrix_, k); it; ++it) {
        it.valueRef() *= fixed_[k] || fixed_[it.row()] ? S(0) : inverse_scale_[k] * inverse_scale_[it.row()];
        if (it.row() == k) largest = std::max(largest, std::abs(it.value()));
      }
    for (Index k = 0; k < matrix_.cols(); ++k) {
      typename SparseMatrix<S>::InnerIterator first(matrix_, k);
      if (fixed_[k]) first.valueRef() = largest > 0 ? largest : S(1);
      diagonal_[k] = first.value();
    }
    if (same_pattern()) return;
    ldlt_.analyzePattern(matrix_);
    starts_.assign(matrix_.outerIndexPtr(), matrix_.outerIndexPtr() + matrix_.cols() + 1);
    rows_.assign(matrix_.innerIndexPtr(), matrix_.innerIndexPtr() + matrix_.nonZeros());
  }

  S least_diagonal() const { return diagonal_.size() ? diagonal_.minCoeff() : S(0); }
  Spectrum spectrum() const {
    if (matrix_.cols() == 0) return {};
    Vector<S> radii = Vector<S>::Zero(matrix_.cols());
    for (Index k = 0; k < matrix_.cols(); ++k)
      for (typename SparseMatrix<S>::InnerIterator it(matrix_, k); it; ++it)
        if (it.row() != k) radii[k] += std::abs(it.value()), radii[it.row()] += std::abs(it.value());
    return {(diagonal_ - radii).minCoeff(), (diagonal_ + radii).maxCoeff(), diagonal_.minCoeff()};
  }

  /// False where the matrix is not safely positive definite.
  bool factorize(S lambda) {
    if (matrix_.cols() == 0) return true;
    ldlt_.setShift(lambda);
    ldlt_.factorize(matrix_);
    if (ldlt_.info() != Eigen::Success) return false;
    const auto d = ldlt_.vectorD();
    return d.minCoeff() > 4 * std::numeric_limits<S>::epsilon() * d.maxCoeff();
  }

  /// z = -(A + lambda I)^-1 g
  void solve(Vector<S>& z) const {
    z = -gradient_;
    apply_inverse(z);
  }
  void apply_inverse(Vector<S>& b) const {
    if (b.size()) b = Vector<S>(ldlt_.solve(b));
  }
  S inverse_form(const Vector<S>& z) const { return z.dot(Vector<S>(ldlt_.solve(z))); }
  S gradient_norm() const { return gradient_.norm(); }
  S gradient_dot(const Vector<S>& z) const { return gradient_.dot(z); }
  S rayleigh_quotient(const Vector<S>& u) const {
    return u.dot(Vector<S>(matrix_.template selfadjointView<Eigen::Lower>() * u));
  }
  /// Takes the fixed variables out of a direction.
  void project(Vector<S>& u) const { u = fixed_.select(S(0), u); }
  void unscale(const Vector<S>& z, Vector<S>& d) const {
    d = fixed_.select(held_, z.cwiseProduct(inverse_scale_));
  }
  Index size() const { return matrix_.cols(); }

 private:
  bool same_pattern() const {
    return static_cast<Index>(starts_.size()) == matrix_.cols() + 1 &&
           static_cast<Index>(rows_.size()) == matrix_.nonZeros() &&
           std::equal(starts_.begin(), starts_.end(), matrix_.outerIndexPtr()) &&
           std::equal(rows_.begin(), rows_.end(), matrix_.innerIndexPtr());
  }

  SparseMatrix<S> matrix_;  ///< lower triangle
  Vector<S> gradient_, inverse_scale_, held_, diagonal_;
  Mask fixed_;
  std::vector<typename SparseMatrix<S>::StorageIndex> starts_, rows_;  ///< the pattern that was analyzed
  Eigen::SimplicialLDLT<SparseMatrix<S>, Eigen::Lower> ldlt_;
};

}  // namespace osculate
