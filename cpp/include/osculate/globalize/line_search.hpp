#pragma once
// Backtracking line search with Armijo's condition f(x + s) <= f + 1e-4 g's; the next length is the minimizer
// of the parabola through f, g's and f(x + s), kept within [0.1, 0.5] (Dennis & Schnabel 1983,
// section 6.3.2).

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

  Verdict judge(const Quadratic<S>&, const Judged<S>& judged, Trial<S>& trial) {
    if (judged.slope < 0 && judged.actual >= -sufficient * judged.slope) return Verdict::accept;
    if (!(judged.slope < 0) || ++tries > most_tries) return Verdict::give_up;
    const S shrink = S(0.5) * judged.slope / (judged.slope + judged.actual);
    trial.scale *= shrink >= S(0.1) ? std::min(shrink, S(0.5)) : S(0.1);
    return Verdict::rescale;
  }
};

}  // namespace osculate
