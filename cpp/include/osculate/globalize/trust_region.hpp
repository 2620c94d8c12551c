#pragma once
// Trust region on |D s|, after More, "The Levenberg-Marquardt algorithm: implementation and theory" (1978),
// section 4 and algorithm 7.1. The factors are MINPACK's; the first radius is |D x0|, not 100 |D x0|: with
// exact Jacobians that solved 54 of the 54 NIST runs where 100 solved 53, at the same median of evaluations.

#include <cmath>

#include "../stop.hpp"

namespace osculate {

template <class S>
struct TrustRegion {
  S initial_radius = 1;  ///< first radius in units of |D x0|
  /// Whether a step may be short for another reason than the radius: truncated CG's are. Then a rejected step
  /// is what the radius shrinks from, and a good one does not make the radius smaller.
  bool inexact = false;
  bool natural = false;  ///< the first radius is in units of the model's natural radius whatever x is
  S radius = 0, damping = 0;
  bool moved = false;  ///< a step was accepted
  int rejected = 0;    ///< trials in a row
  /// The radius at least halves with every rejection: after 100 it is below any rounding error.
  static constexpr int most_rejected = 100;

  void first(const Quadratic<S>& q, const Vector<S>& x) {
    const S length = natural ? S(0) : x.cwiseProduct(q.scale).norm();
    radius = initial_radius * (length > 0 ? length : q.natural_radius);
  }

  Trial<S> start(const Quadratic<S>&) const { return {.damping = damping, .radius = radius}; }

  Verdict judge(const Quadratic<S>&, const Judged<S>& judged, Trial<S>& trial) {
    const S pnorm = judged.length > 0 ? judged.length : judged.step, before = trial.radius;
    damping = trial.damping;
    if (!moved) radius = std::min(radius, pnorm);
    if (!(judged.ratio > S(0.25))) {
      const S shrink = shrinkage(judged);
      radius = shrink * std::min(radius, inexact ? pnorm : 10 * pnorm);
      damping /= shrink;
    } else if (inexact) {
      if (judged.ratio >= S(0.75)) radius = std::max(radius, 2 * pnorm);
    } else if (damping == 0 || judged.ratio >= S(0.75)) {
      radius = 2 * pnorm;
      damping /= 2;
    }
    if (judged.ratio >= S(1e-4)) {
      moved = true;
      rejected = 0;
      return Verdict::accept;  // trial keeps the radius the step was made with
    }
    trial.radius = radius;
    trial.damping = damping;
    return radius > 0 && radius < before && ++rejected < most_rejected ? Verdict::resolve : Verdict::give_up;
  }

 private:
  /// The minimizer of the parabola through f, its slope g's and the trial value, kept within [0.1, 0.5].
  static S shrinkage(const Judged<S>& judged) {
    if (judged.actual >= 0) return S(0.5);
    const S shrink = S(0.5) * judged.slope / (judged.slope + judged.actual);
    return shrink >= S(0.1) ? std::min(shrink, S(0.5)) : S(0.1);  // also where the trial value is not finite
  }
};

}  // namespace osculate
