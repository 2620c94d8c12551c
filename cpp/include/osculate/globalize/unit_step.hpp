#pragma once
// No globalization: every finite step is taken. For models that are exact (linear least squares, quadratics)
// and for the textbook's pure Newton method.

#include <cmath>

#include "../stop.hpp"

namespace osculate {

template <class S>
struct UnitStep {
  void first(const Quadratic<S>&, const Vector<S>&) {}
  Trial<S> start(const Quadratic<S>&) const { return {}; }
  Verdict judge(const Quadratic<S>&, const Judged<S>& judged, Trial<S>&) const {
    return std::isfinite(judged.actual) ? Verdict::accept : Verdict::give_up;
  }
};

}  // namespace osculate
