#pragma once
// When lanes end: the tolerances, and the statuses that their tests give.

#include "../status.hpp"
#include "wide.hpp"

namespace osculate::batch {

template <class S>
struct LaneOptions {
  S ftol, xtol, gtol;   ///< as in stop.hpp; 0: no such test
  S max_iterations;     ///< accepted steps; infinite: no limit
  S max_evaluations;    ///< of the model
  S initial_radius;     ///< in units of |D x0|
  bool robust = false;  ///< whether column norms are in `norms`, and not those of the matrix
};

template <class S>
Wide<S> lane_status(Status s) {
  return Wide<S>(S(static_cast<int>(s)));
}

/// Gives lanes of a mask that have no status yet one.
template <class S>
struct LaneEnds {
  Wide<S>& state;
  WideMask<S>& unended;

  XSIMD_INLINE void operator()(const WideMask<S>& mask, Status s) const {
    const WideMask<S> now = mask & unended;
    state = choose(now, lane_status<S>(s), state);
    unended = unended & !now;
  }
};

}  // namespace osculate::batch
