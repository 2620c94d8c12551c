#pragma once
// Cholesky factors of D^-1 H D^-1 + lambda I, what both Newton solves are made of: the Hessian scaled by D,
// with fixed variables as rows and columns of a multiple of the identity.

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>
#include <optional>

#include "../quadratic.hpp"

namespace osculate {

template <class S>
class DenseHessianFactor {
 public:
  /// What is known of the scaled matrix' eigenvalues without any work.
  struct Spectrum {
    S low = 0, high = 0,
      least_diagonal = 0;  ///< Gershgorin's bounds; the lowest eigenvalue is below the last
    S size() const { return std::max(std::abs(low), std::abs(high)); }
  };

  void restrict(const HessianModel<S>& q, const Mask& fixed, const Vector<S>& displacement) {
    fixed_ = fixed, held_ = displacement;
    inverse_scale_ = (q.scale.array() > 0).select(q.scale.cwiseInverse(), S(0));
    gradient_ = q.gradient;
    if (!held_.isZero(0)) gradient_ += q.hessian.template selfadjointView<Eigen::Lower>() * held_;
    gradient_ = fixed_.select(S(0), gradient_.cwiseProduct(inverse_scale_));
    matrix_ = q.hessian;
    const bool any_fixed = fixed_.any(), scaled = !(inverse_scale_.array() == 1).all();
    if (scaled || any_fixed)
      for (Index k = 0; k < matrix_.cols(); ++k)
        for (Index i = k; i < matrix_.rows(); ++i)
          matrix_(i, k) =
              fixed_[i] || fixed_[k] ? S(0) : matrix_(i, k) * inverse_scale_[i] * inverse_scale_[k];
    if (!any_fixed) return;
    const S largest = matrix_.size() ? matrix_.diagonal().cwiseAbs().maxCoeff() : S(1);
    for (Index k = 0; k < matrix_.cols(); ++k)
      if (fixed_[k]) matrix_(k, k) = largest > 0 ? largest : S(1);
  }

  S least_diagonal() const { return matrix_.size() ? matrix_.diagonal().minCoeff() : S(0); }
  Spectrum spectrum() const {
    const Index n = matrix_.cols();
    if (n == 0) return {};
    radii_.setZero(n);
    for (Index k = 0; k < n; ++k)
      for (Index i = k + 1; i < n; ++i) {
        const S a = std::abs(matrix_(i, k));
        radii_[i] += a, radii_[k] += a;
      }
    return {(matrix_.diagonal() - radii_).minCoeff(), (matrix_.diagonal() + radii_).maxCoeff(),
            matrix_.diagonal().minCoeff()};
  }

  /// False where the matrix is not safely positive definite.
  bool factorize(S lambda) {
    if (matrix_.size() == 0) return true;
    shifted_ = matrix_;
    shifted_.diagonal().array() += lambda;
    llt_.emplace(shifted_);  // in place
    if (llt_->info() != Eigen::Success) return false;
    const S ratio = shifted_.diagonal().minCoeff() / shifted_.diagonal().maxCoeff();
    return ratio * ratio > 4 * std::numeric_limits<S>::epsilon();
  }

  /// z = -(A + lambda I)^-1 g
  void solve(Vector<S>& z) const {
    z = -gradient_;
    apply_inverse(z);
  }
  void apply_inverse(Vector<S>& b) const {
    if (b.size()) llt_->solveInPlace(b);
  }
  S inverse_form(const Vector<S>& z) const { return llt_->matrixL().solve(z).squaredNorm(); }
  S gradient_norm() const { return gradient_.norm(); }
  S gradient_dot(const Vector<S>& z) const { return gradient_.dot(z); }
  S rayleigh_quotient(const Vector<S>& u) const {
    return u.dot(matrix_.template selfadjointView<Eigen::Lower>() * u);
  }
  /// Takes the fixed variables out of a direction.
  void project(Vector<S>& u) const { u = fixed_.select(S(0), u); }
  void unscale(const Vector<S>& z, Vector<S>& d) const {
    d = fixed_.select(held_, z.cwiseProduct(inverse_scale_));
  }
  Matrix<S> lower() const { return llt_->matrixL(); }  ///< L of the last factorization
  Index size() const { return matrix_.cols(); }

 private:
  Matrix<S> matrix_, shifted_;  ///< lower triangles
  Vector<S> gradient_, inverse_scale_, held_;
  mutable Vector<S> radii_;
  Mask fixed_;
  std::optional<Eigen::LLT<Eigen::Ref<Matrix<S>>, Eigen::Lower>> llt_;  ///< of shifted_, in its place
};

}  // namespace osculate
