#pragma once
// Cholesky of the damped normal matrix: J'J once per point, one factorization per lambda.

#include <Eigen/Cholesky>
#include <limits>

#include "gram.hpp"

namespace osculate {

/// A + lambda I = L L' with A = D^-1 J'J D^-1; a Factor of solve_secular.
template <class S>
class CholeskyFactor {
 public:
  int threads = 1;

  template <class Model>
  void prepare(const Model& q, const Vector<S>& inverse_scale) {
    gram(q.jacobian, a_, threads);
    const Index n = a_.cols();
    for (Index k = 0; k < n; ++k)
      a_.col(k).tail(n - k).array() *= inverse_scale.tail(n - k).array() * inverse_scale[k];
    scaled_gradient_ = q.gradient.cwiseProduct(inverse_scale);
  }

  /// Rows and columns of fixed variables become the identity's; their displacement moves to the right side.
  void restrict(const Mask& fixed, const Vector<S>& z) {
    g_ = scaled_gradient_;
    if (!z.isZero(0)) g_ += a_.template selfadjointView<Eigen::Lower>() * z;
    g_ = fixed.select(S(0), g_);
    masked_ = a_;
    free_diagonal_ = (fixed).select(S(1), a_.diagonal().array());
    magnitude_ = fixed.all() ? S(1) : fixed.select(S(0), a_.diagonal().array()).maxCoeff();
    if (!fixed.any()) return;
    for (Index k = 0; k < fixed.size(); ++k)
      if (fixed[k]) masked_.row(k).setZero(), masked_.col(k).setZero(), free_diagonal_[k] = magnitude_;
  }

  bool factorize(S lambda) {
    masked_.diagonal() = free_diagonal_.array() + lambda;
    llt_.compute(masked_);
    if (llt_.info() != Eigen::Success || masked_.size() == 0) return masked_.size() == 0;
    const auto diagonal = llt_.matrixLLT().diagonal();
    const S ratio = diagonal.minCoeff() / diagonal.maxCoeff();
    condition_ = ratio * ratio;
    return condition_ > 4 * std::numeric_limits<S>::epsilon();
  }

  bool full_rank() const { return true; }
  /// A cheap estimate, from above, of the reciprocal condition number of the factored matrix.
  S reciprocal_condition() const { return condition_; }

  void solve(Vector<S>& z) const {
    z = -g_;
    llt_.solveInPlace(z);
  }
  void solve_for(Vector<S>& b) const {
    b = -b;
    llt_.solveInPlace(b);
  }
  S inverse_form(const Vector<S>& z) {
    work_ = z;
    llt_.matrixL().solveInPlace(work_);
    return work_.squaredNorm();
  }
  S gradient_norm() const { return g_.stableNorm(); }
  S magnitude() const { return magnitude_; }
  Index size() const { return g_.size(); }

 private:
  Matrix<S> a_, masked_;
  Vector<S> scaled_gradient_, g_, free_diagonal_, work_;
  Eigen::LLT<Matrix<S>, Eigen::Lower> llt_;
  S condition_ = 1, magnitude_ = 1;
};

}  // namespace osculate
