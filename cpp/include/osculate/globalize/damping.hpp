#pragma once
// Damping rules that change lambda itself instead of a radius.

#include <cmath>

#include "../stop.hpp"

namespace osculate {

namespace detail {
/// tau times the largest diagonal element of D^-1 J'J D^-1, Marquardt's first lambda as Nielsen scales it.
template <class S>
S first_damping(const Quadratic<S>& q, S tau) {
  S largest = 0;
  for (Index i = 0; i < q.scale.size(); ++i)
    if (q.scale[i] > 0) largest = std::max(largest, q.gradient_scale[i] / q.scale[i]);
  return q.value > 0 ? tau * largest * largest / (2 * q.value) : tau;
}
}  // namespace detail

/// Nielsen, "Damping parameter in Marquardt's method" (IMM-REP-1999-05), eq. 2.5: lambda follows the gain
/// ratio smoothly and grows ever faster while trials fail.
template <class S>
struct NielsenDamping {
  S tau = S(1e-3);
  S lambda = 0, growth = 2;

  void first(const Quadratic<S>& q, const Vector<S>&) { lambda = detail::first_damping(q, tau); }
  Trial<S> start(const Quadratic<S>&) const { return {.damping = lambda}; }

  Verdict judge(const Quadratic<S>&, const Judged<S>& judged, Trial<S>& trial) {
    if (judged.ratio > 0) {
      const S t = 2 * judged.ratio - 1;
      lambda *= std::max(S(1) / 3, 1 - t * t * t);
      growth = 2;
      return Verdict::accept;
    }
    lambda *= growth;
    growth *= 2;
    trial.damping = lambda;
    return std::isfinite(lambda) ? Verdict::resolve : Verdict::give_up;
  }
};

/// Delayed gratification (Transtrum & Sethna, arXiv:1201.5885, section 2): lambda is raised little and
/// lowered much, so that long valleys are followed in steps that are no bolder than they need be.
template <class S>
struct DelayedGratification {
  S tau = S(1e-3), raise = 2, lower = 10;
  S lambda = 0;

  void first(const Quadratic<S>& q, const Vector<S>&) { lambda = detail::first_damping(q, tau); }
  Trial<S> start(const Quadratic<S>&) const { return {.damping = lambda}; }

  Verdict judge(const Quadratic<S>&, const Judged<S>& judged, Trial<S>& trial) {
    if (judged.ratio > 0) {
      lambda /= lower;
      return Verdict::accept;
    }
    lambda *= raise;
    trial.damping = lambda;
    return std::isfinite(lambda) ? Verdict::resolve : Verdict::give_up;
  }
};

}  // namespace osculate
