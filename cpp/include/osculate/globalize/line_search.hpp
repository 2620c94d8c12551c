#pragma once
// Backtracking line search with Armijo's condition f(x + s) <= f + 1e-4 g's; the next length is the minimizer
// of the parabola through f, g's and f(x + s), kept within [0.1, 0.5] (Dennis & Schnabel 1983,
// section 6.3.2). A direction of negative curvature, which leads away from a saddle, is judged by the
// reduction of the model.

#include <cmath>

#include "../stop.hpp"

namespace osculate {

template <class S>
struct LineSearch {
  S sufficient = S(1e-4);  ///< share of the slope's promise that f must fall by
  int most_tries = 60;     ///< halvings after which the direction is given up: below the rounding of x

  int tries = 0;

  void first(const Quadratic<S>&, const Vector<S>&) {}
  Trial<S> start(const Quadratic<S>&) {
    tries = 0;
    return {};
  }

  Verdict judge(const Quadratic<S>& q, const Judged<S>& judged, Trial<S>& trial) {
    // Along negative curvature there may be no slope: then the promise is the model's.
    const bool curved = q.curvature.escape.size() > 0;
    const S promise = curved ? judged.predicted : -judged.slope;
    if (promise > 0 && judged.actual + q.slack >= sufficient * promise) return Verdict::accept;
    if (!(promise > 0) || ++tries > most_tries) return Verdict::give_up;
    const S shrink = curved ? S(0.25) : S(0.5) * judged.slope / (judged.slope + judged.actual);
    trial.scale *= shrink >= S(0.1) ? std::min(shrink, S(0.5)) : S(0.1);
    return Verdict::rescale;
  }
};

}  // namespace osculate
