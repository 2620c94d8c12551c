#pragma once
// Newton's direction from Cholesky of D^-1 H D^-1 + tau I with the first tau in a geometric sequence that
// makes it positive definite (Nocedal & Wright 2006, algorithm 3.3): always a descent direction.

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "../quadratic.hpp"

namespace osculate {

/// H scaled by D, with fixed variables as rows and columns of the identity; both Newton solves start from it.
template <class S>
struct ScaledHessian {
  Matrix<S> matrix;  ///< lower triangle
  Vector<S> gradient, inverse_scale, held;
  Mask fixed;

  void restrict(const HessianModel<S>& q, const Mask& fixed_variables, const Vector<S>& displacement) {
    fixed = fixed_variables, held = displacement;
    inverse_scale = (q.scale.array() > 0).select(q.scale.cwiseInverse(), S(0));
    gradient = q.gradient;
    if (!held.isZero(0)) gradient += q.hessian.template selfadjointView<Eigen::Lower>() * held;
    gradient = fixed.select(S(0), gradient.cwiseProduct(inverse_scale));
    matrix = q.hessian;
    for (Index k = 0; k < matrix.cols(); ++k)
      for (Index i = k; i < matrix.rows(); ++i)
        matrix(i, k) = fixed[i] || fixed[k] ? S(0) : matrix(i, k) * inverse_scale[i] * inverse_scale[k];
    const S largest = matrix.size() ? matrix.diagonal().cwiseAbs().maxCoeff() : S(1);
    for (Index k = 0; k < matrix.cols(); ++k)
      if (fixed[k]) matrix(k, k) = largest > 0 ? largest : S(1);
  }
  void unscale(const Vector<S>& z, Vector<S>& d) const {
    d = fixed.select(held, z.cwiseProduct(inverse_scale));
  }
};

template <class S>
struct ShiftedCholesky {
  ScaledHessian<S> scaled{};
  Matrix<S> shifted{};
  Vector<S> z{};
  Eigen::LLT<Matrix<S>, Eigen::Lower> llt{};

  void prepare(const HessianModel<S>&) {}
  void restrict(const HessianModel<S>& q, const Mask& fixed, const Vector<S>& displacement) {
    scaled.restrict(q, fixed, displacement);
  }

  bool solve(const HessianModel<S>&, const Vector<S>&, Trial<S>& trial, Vector<S>& d) {
    const S smallest = scaled.matrix.diagonal().minCoeff(),
            size = scaled.matrix.diagonal().cwiseAbs().maxCoeff();
    const S least = S(1e-3) * (size > 0 ? size : S(1));  // Nocedal & Wright's beta, relative to the diagonal
    S tau = std::max(trial.damping, smallest > 0 ? S(0) : least - smallest);
    for (; std::isfinite(tau); tau = std::max(2 * tau, least)) {
      shifted = scaled.matrix;
      shifted.diagonal().array() += tau;
      llt.compute(shifted);
      if (llt.info() == Eigen::Success) break;
    }
    if (llt.info() != Eigen::Success) return false;
    trial.damping = tau;
    z = llt.solve(-scaled.gradient);
    scaled.unscale(z, d);
    return d.allFinite();
  }
};

}  // namespace osculate
