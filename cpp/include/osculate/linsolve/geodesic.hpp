#pragma once
// Geodesic acceleration (Transtrum & Sethna, arXiv:1201.5885, section 4): the step d is bent by half of
// a = -(J'J + lambda D^2)^-1 J'r'', where r'' is the second derivative of r along d, from one more residual
// evaluation. Useful in long curved valleys, where it lets the radius stay large. `Inner` keeps x + d in the
// box, so that the point of that evaluation, between x and x + d, lies there too.

#include "../quadratic.hpp"

namespace osculate {

template <class S, class Inner, class Problem>
struct GeodesicAcceleration {
  Inner inner;
  Problem& problem;
  bool active = true;
  Vector<S> probe{}, second{}, right{}, bend{};

  template <class Model>
  void prepare(const Model& q) {
    inner.prepare(q);
  }

  template <class Model>
  bool solve(const Model& q, const Vector<S>& x, Trial<S>& trial, Vector<S>& d) {
    if (!inner.solve(q, x, trial, d)) return false;
    if (!active) return true;
    trial.bend.setZero(d.size());
    constexpr S h = S(0.1);  // the paper's finite-difference step
    // The paper's alpha: 2 |D a| <= alpha |D d|, else the series is not trusted.
    constexpr S most_bending = S(0.75);
    probe = x + h * d;
    problem.residual_aside(probe, second);
    multiply(q.jacobian, d, right);
    if (q.row_weight.size())
      second = (second - q.uncorrected).cwiseProduct(q.row_weight);
    else
      second -= q.residual;
    second = (2 / h) * (second / h - right);
    if (!second.allFinite()) return true;
    multiply_transposed(q.jacobian, second, right);
    inner.solve_again(right, bend);
    if (!bend.allFinite() ||
        2 * bend.cwiseProduct(q.scale).norm() > most_bending * d.cwiseProduct(q.scale).norm())
      return true;
    trial.bend = bend / 2;
    d += trial.bend;
    return true;
  }
};

}  // namespace osculate
