#pragma once
// L D L' of the damped normal matrix of a sparse Jacobian, through Eigen's SimplicialLDLT: the fill-reducing
// ordering (AMD) and the symbolic factorization are computed once, and again only where the pattern of J
// changes, as it does where the caller drops entries that happen to be zero.

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../types.hpp"

namespace osculate {

/// Nonzeros of L for the pattern of J'J ordered by AMD, counted on the elimination tree without storing L
/// (Liu 1990; Davis, "Direct Methods for Sparse Linear Systems", 2006, section 4). Infinite when J'J itself
/// would hold more than `most` entries, as a dense row of J makes it.
template <class S>
double count_factor_nonzeros(const SparseMatrix<S>& j, double most) {
  std::vector<double> row_length(static_cast<std::size_t>(j.rows()), 0.0);
  for (Index k = 0; k < j.cols(); ++k)
    for (typename SparseMatrix<S>::InnerIterator it(j, k); it; ++it)
      ++row_length[static_cast<std::size_t>(it.row())];
  double products = 0;
  for (const double length : row_length) products += length * length;
  if (products > 8 * most) return std::numeric_limits<double>::infinity();

  SparseMatrix<S> ones = j;
  ones.coeffs().setOnes();
  SparseMatrix<S> a = SparseMatrix<S>(ones.transpose()) * ones;
  Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, typename SparseMatrix<S>::StorageIndex> order;
  Eigen::AMDOrdering<typename SparseMatrix<S>::StorageIndex>()(a.template selfadjointView<Eigen::Lower>(),
                                                               order);
  SparseMatrix<S> upper(a.rows(), a.cols());
  upper.template selfadjointView<Eigen::Upper>() =
      a.template selfadjointView<Eigen::Lower>().twistedBy(order.inverse());
  std::vector<Index> parent(static_cast<std::size_t>(a.cols()), -1),
      mark(static_cast<std::size_t>(a.cols()), -1);
  double count = 0;
  for (Index k = 0; k < upper.cols(); ++k) {
    mark[static_cast<std::size_t>(k)] = k;
    for (typename SparseMatrix<S>::InnerIterator it(upper, k); it; ++it)
      for (Index i = it.row(); i < k && mark[static_cast<std::size_t>(i)] != k;
           i = parent[static_cast<std::size_t>(i)]) {
        mark[static_cast<std::size_t>(i)] = k;
        if (parent[static_cast<std::size_t>(i)] < 0) parent[static_cast<std::size_t>(i)] = k;
        if (++count > most) return std::numeric_limits<double>::infinity();
      }
  }
  return count;
}

/// Bytes of the factor with `nonzeros` entries: a value and an index each.
template <class S>
double factor_bytes(double nonzeros) {
  return nonzeros * static_cast<double>(sizeof(S) + sizeof(typename SparseMatrix<S>::StorageIndex));
}

/// A + lambda I = L D L' with A = D^-1 J'J D^-1; a Factor of solve_secular.
template <class S>
class SparseCholeskyFactor {
 public:
  template <class Model>
  void prepare(const Model& q, const Vector<S>& inverse_scale) {
    scaled_ = q.jacobian * inverse_scale.asDiagonal();
    a_ = (SparseMatrix<S>(scaled_.transpose()) * scaled_).template triangularView<Eigen::Lower>();
    complete_diagonal();
    if (!same_pattern()) {
      ldlt_.analyzePattern(a_);
      starts_.assign(a_.outerIndexPtr(), a_.outerIndexPtr() + a_.cols() + 1);
      rows_.assign(a_.innerIndexPtr(), a_.innerIndexPtr() + a_.nonZeros());
    }
    scaled_gradient_ = q.gradient.cwiseProduct(inverse_scale);
  }

  void restrict(const Mask& fixed, const Vector<S>& z) {
    g_ = scaled_gradient_;
    if (!z.isZero(0)) g_ += a_.template selfadjointView<Eigen::Lower>() * z;
    g_ = fixed.select(S(0), g_);
    masked_ = a_;
    magnitude_ = 0;
    for (Index k = 0; k < masked_.cols(); ++k)
      if (!fixed[k]) magnitude_ = std::max(magnitude_, masked_.coeff(k, k));
    if (magnitude_ == 0) magnitude_ = 1;
    if (!fixed.any()) return;
    for (Index k = 0; k < masked_.cols(); ++k)
      for (typename SparseMatrix<S>::InnerIterator it(masked_, k); it; ++it)
        if (fixed[k] || fixed[it.row()]) it.valueRef() = it.row() == k ? magnitude_ : S(0);
  }

  bool factorize(S lambda) {
    ldlt_.setShift(lambda);
    ldlt_.factorize(masked_);
    if (ldlt_.info() != Eigen::Success) return false;
    if (masked_.cols() == 0) return true;
    const Vector<S> d = ldlt_.vectorD();
    return d.minCoeff() > 4 * std::numeric_limits<S>::epsilon() * d.maxCoeff();
  }

  bool full_rank() const { return true; }
  void solve(Vector<S>& z) const { z = ldlt_.solve(-g_); }
  void solve_for(Vector<S>& b) const { b = ldlt_.solve(-b).eval(); }
  S inverse_form(const Vector<S>& z) const { return z.dot(Vector<S>(ldlt_.solve(z))); }
  S gradient_norm() const { return g_.stableNorm(); }
  S magnitude() const { return magnitude_; }
  Index size() const { return g_.size(); }

 private:
  /// An empty column of J leaves none in A, whose diagonal is what a fixed variable needs.
  void complete_diagonal() {
    const auto has_diagonal = [this](Index k) {
      const typename SparseMatrix<S>::InnerIterator first(a_, k);
      return first && first.row() == k;
    };
    Index k = 0;
    while (k < a_.cols() && has_diagonal(k)) ++k;
    if (k == a_.cols()) return;
    SparseMatrix<S> zeros(a_.rows(), a_.cols());
    zeros.setIdentity();
    zeros.coeffs().setZero();
    a_ = SparseMatrix<S>(a_ + zeros);
  }
  bool same_pattern() const {
    return static_cast<Index>(starts_.size()) == a_.cols() + 1 &&
           static_cast<Index>(rows_.size()) == a_.nonZeros() &&
           std::equal(starts_.begin(), starts_.end(), a_.outerIndexPtr()) &&
           std::equal(rows_.begin(), rows_.end(), a_.innerIndexPtr());
  }

  SparseMatrix<S> scaled_, a_, masked_;
  std::vector<typename SparseMatrix<S>::StorageIndex> starts_, rows_;  ///< the pattern that was analyzed
  Vector<S> scaled_gradient_, g_;
  Eigen::SimplicialLDLT<SparseMatrix<S>, Eigen::Lower> ldlt_;
  S magnitude_ = 1;
};

}  // namespace osculate
