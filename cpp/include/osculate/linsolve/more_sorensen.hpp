#pragma once
// The exact trust-region step of a Hessian model: min g'z + z'Bz/2 over |z| <= radius, characterized by
// (B + lambda I) z = -g with B + lambda I positive semidefinite (More & Sorensen, SIAM J. Sci. Stat. Comput.
// 4, 1983). Where B is positive definite lambda comes from Cholesky factors and the secular equation; where
// it is not, from the eigenbasis, which is computed once per point and in which the hard case (g orthogonal
// to the lowest eigenvector) is plain.

#include <Eigen/Eigenvalues>

#include "secular.hpp"
#include "shifted_cholesky.hpp"

namespace osculate {

template <class S>
class MoreSorensen {
 public:
  void prepare(const HessianModel<S>&) {}

  void restrict(const HessianModel<S>& q, const Mask& fixed, const Vector<S>& displacement) {
    scaled_.restrict(q, fixed, displacement);
    definite_ = factorize(0);
    decomposed_ = false;
  }

  bool solve(const HessianModel<S>&, const Vector<S>&, Trial<S>& trial, Vector<S>& d) {
    if (definite_) {
      if (!solve_secular(*this, trial, z_)) return false;
    } else {
      solve_indefinite(trial);
    }
    scaled_.unscale(z_, d);
    return d.allFinite();
  }

  // A Factor of solve_secular.
  bool factorize(S lambda) {
    shifted_ = scaled_.matrix;
    shifted_.diagonal().array() += lambda;
    llt_.compute(shifted_);
    if (llt_.info() != Eigen::Success || shifted_.size() == 0) return shifted_.size() == 0;
    const S ratio = llt_.matrixLLT().diagonal().minCoeff() / llt_.matrixLLT().diagonal().maxCoeff();
    return ratio * ratio > 4 * std::numeric_limits<S>::epsilon();
  }
  bool full_rank() const { return true; }
  void solve(Vector<S>& z) const { z = llt_.solve(-scaled_.gradient); }
  S inverse_form(const Vector<S>& z) const { return llt_.matrixL().solve(z).squaredNorm(); }
  S gradient_norm() const { return scaled_.gradient.norm(); }
  S magnitude() const { return scaled_.matrix.diagonal().cwiseAbs().maxCoeff(); }
  Index size() const { return scaled_.gradient.size(); }

 private:
  void solve_indefinite(Trial<S>& trial) {
    if (!decomposed_) eigen_.compute(scaled_.matrix);
    decomposed_ = true;
    const Vector<S>& values = eigen_.eigenvalues();
    const Vector<S> g = eigen_.eigenvectors().transpose() * scaled_.gradient;
    const S lowest = values[0], size = values.cwiseAbs().maxCoeff();
    const S rounding = std::numeric_limits<S>::epsilon() * size;
    const auto length = [&](S lambda) { return (g.array() / (values.array() + lambda)).matrix().norm(); };
    Vector<S> y;
    S lambda = std::max(S(0), -lowest) + rounding;
    if (length(lambda) < trial.radius) {  // the hard case, or nearly so: fill up along the lowest eigenvector
      y = -(g.array() / (values.array() + lambda)).matrix();
      const S rest = std::sqrt(std::max(S(0), trial.radius * trial.radius - y.squaredNorm() + y[0] * y[0]));
      y[0] = y[0] < 0 ? -rest : rest;
    } else {
      S low = lambda, high = std::max(S(0), -lowest) + g.norm() / trial.radius + rounding;
      for (int i = 0; i < 200 && high - low > S(1e-3) * (high + rounding) &&
                      std::abs(length(lambda) - trial.radius) > S(0.1) * trial.radius;
           ++i) {
        (length(lambda) > trial.radius ? low : high) = lambda;
        lambda = low + (high - low) / 2;
      }
      y = -(g.array() / (values.array() + lambda)).matrix();
    }
    trial.damping = lambda;
    z_.noalias() = eigen_.eigenvectors() * y;
  }

  ScaledHessian<S> scaled_;
  Matrix<S> shifted_;
  Vector<S> z_;
  Eigen::LLT<Matrix<S>, Eigen::Lower> llt_;
  Eigen::SelfAdjointEigenSolver<Matrix<S>> eigen_;
  bool definite_ = false, decomposed_ = false;
};

}  // namespace osculate
