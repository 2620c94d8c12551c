#pragma once
// Newton's direction from Cholesky of D^-1 H D^-1 + tau I with the first tau in a geometric sequence that
// makes it positive definite (Nocedal & Wright 2006, algorithm 3.3): always a descent direction. At a
// stationary point with negative curvature it is that curvature's direction.

#include "hessian_factor.hpp"

namespace osculate {

template <class S, class Factor = DenseHessianFactor<S>>
struct ShiftedCholesky {
  Factor factor{};
  Vector<S> z{};

  template <class Model>
  void prepare(const Model&) {}
  template <class Model>
  void restrict(const Model& q, const Mask& fixed, const Vector<S>& displacement) {
    factor.restrict(q, fixed, displacement);
  }

  template <class Model>
  bool solve(const Model& q, const Vector<S>& x, Trial<S>& trial, Vector<S>& d) {
    if (q.curvature.escape.size()) {
      const Vector<S>& u = q.curvature.escape;
      const S length = x.norm() > 0 ? x.norm() : S(1);
      d = q.gradient.dot(u) > 0 ? Vector<S>(-length * u) : Vector<S>(length * u);
      return true;
    }
    const S smallest = factor.least_diagonal();
    if (trial.damping == 0 && smallest > 0 && factor.factorize(0)) return finish(d);
    const S size = factor.spectrum().size();
    // Nocedal & Wright's beta, relative to H; their 1e-3 makes steps of Meyer's and Beale's valleys, whose
    // curvature is 1e-8 of |H| and slightly negative, 1e5 times too short.
    const S least = std::sqrt(std::numeric_limits<S>::epsilon()) * (size > 0 ? size : S(1));
    S tau = std::max(trial.damping, smallest > 0 ? S(0) : least - smallest);
    while (std::isfinite(tau) && !factor.factorize(tau)) tau = std::max(4 * tau, least);
    if (!std::isfinite(tau)) return false;
    trial.damping = tau;
    return finish(d);
  }

  bool finish(Vector<S>& d) {
    factor.solve(z);
    factor.unscale(z, d);
    return d.allFinite();
  }
};

}  // namespace osculate
