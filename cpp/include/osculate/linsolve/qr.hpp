#pragma once
// The same step without squaring the condition number: QR of [J; sqrt(lambda) D] (More 1978, section 3).
// J = Q R is factored once per point, [R; sqrt(lambda) I] once per lambda. At lambda = 0 the complete
// orthogonal decomposition of R gives the least-norm Gauss-Newton step, also where J has not full rank.

#include <Eigen/QR>
#include <cmath>

#include "../types.hpp"

namespace osculate {

/// A Factor of solve_secular, but for prepare.
template <class S>
class QrFactor {
 public:
  void prepare(const Matrix<S>& jacobian, const Vector<S>& residual, const Vector<S>& inverse_scale) {
    const Index n = jacobian.cols(), k = std::min(jacobian.rows(), n);
    qr_.compute(jacobian * inverse_scale.asDiagonal());
    r_ = qr_.matrixQR().topRows(k);
    for (Index c = 0; c < k; ++c) r_.col(c).tail(k - c - 1).setZero();
    Vector<S> rotated = residual;
    rotated.applyOnTheLeft(qr_.householderQ().adjoint());
    rotated_residual_ = rotated.head(k);
  }

  /// Columns of fixed variables become zero; their displacement moves to the residual.
  void restrict(const Mask& fixed, const Vector<S>& z) {
    b_ = rotated_residual_;
    if (!z.isZero(0)) b_ += r_ * z;
    masked_ = r_;
    for (Index i = 0; i < fixed.size(); ++i)
      if (fixed[i]) masked_.col(i).setZero();
    free_ = fixed.size() - fixed.count();
    magnitude_ = masked_.size() ? masked_.colwise().squaredNorm().maxCoeff() : S(0);
  }

  bool factorize(S lambda) {
    const Index k = masked_.rows(), n = masked_.cols();
    damped_ = lambda > 0;
    if (!damped_) {
      cod_.compute(masked_);
      return true;
    }
    stacked_.resize(k + n, n);
    stacked_.topRows(k) = masked_;
    stacked_.bottomRows(n) = Matrix<S>::Identity(n, n) * std::sqrt(lambda);
    stacked_qr_.compute(stacked_);
    triangle_ = stacked_qr_.matrixQR().topRows(n);  // its upper triangle
    return true;
  }

  bool full_rank() const { return damped_ || cod_.rank() == free_; }

  void solve(Vector<S>& z) {
    if (!damped_) {
      z = cod_.solve(Vector<S>(-b_));
      return;
    }
    work_.setZero(stacked_.rows());
    work_.head(b_.size()) = -b_;
    work_.applyOnTheLeft(stacked_qr_.householderQ().adjoint());
    z = work_.head(masked_.cols());
    triangle_.template triangularView<Eigen::Upper>().solveInPlace(z);
  }
  void solve_for(Vector<S>& b) {
    if (damped_) {
      b = -b;
      triangle_.transpose().template triangularView<Eigen::Lower>().solveInPlace(b);
      triangle_.template triangularView<Eigen::Upper>().solveInPlace(b);
    } else {  // (R'R)^+ = R^+ R^+'
      const Matrix<S> inverse = cod_.pseudoInverse();
      b = -(inverse * (inverse.transpose() * b));
    }
  }
  /// Only asked for where the matrix has full rank.
  S inverse_form(const Vector<S>& z) {
    if (!damped_) {
      work_ = cod_.pseudoInverse().transpose() * z;
      return work_.squaredNorm();
    }
    work_ = z;
    triangle_.transpose().template triangularView<Eigen::Lower>().solveInPlace(work_);
    return work_.squaredNorm();
  }
  S gradient_norm() const { return (masked_.transpose() * b_).eval().stableNorm(); }
  S magnitude() const { return magnitude_; }
  Index size() const { return masked_.cols(); }

 private:
  Eigen::HouseholderQR<Matrix<S>> qr_, stacked_qr_;
  Eigen::CompleteOrthogonalDecomposition<Matrix<S>> cod_;
  Matrix<S> r_, masked_, stacked_, triangle_;
  Vector<S> rotated_residual_, b_, work_;
  S magnitude_ = 0;
  Index free_ = 0;
  bool damped_ = false;
};

}  // namespace osculate
