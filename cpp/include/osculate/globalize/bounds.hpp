#pragma once
// Simple bounds l <= x <= u by an active set and a projected arc (Bertsekas, SIAM J. Control Optim. 20, 1982;
// Lin & More, SIAM J. Optim. 9, 1999): a variable at a bound whose gradient points outward is fixed, the step
// of the others is solved for, and what leaves the box is put on its bound. `Bounded` then solves again for
// the variables that are still inside, and for those that would rather be, so that the step is the model's
// minimizer in the box, not a mere projection.

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "../quadratic.hpp"

namespace osculate {

template <class S>
struct Bounds {
  Vector<S> lower{};    ///< empty like `upper`: no bounds
  Vector<S> upper{};    ///< infinite elements: no bound on that side
  Mask fixed_always{};  ///< parameters that keep their start; empty: none

  bool any() const { return lower.size() > 0; }

  /// Sets q.fixed for the point x.
  void activate(const Vector<S>& x, Quadratic<S>& q) const {
    q.fixed = q.scale.array() == 0;
    if (fixed_always.size()) q.fixed = q.fixed || fixed_always;
    if (!any()) return;
    q.fixed = q.fixed || (x.array() <= lower.array() && q.gradient.array() > 0) ||
              (x.array() >= upper.array() && q.gradient.array() < 0);
  }

  /// candidate = P(x + scale * direction) and step = candidate - x. A component within rounding of its bound
  /// is put on it.
  void move(const Vector<S>& x, const Vector<S>& direction, S scale, Vector<S>& candidate,
            Vector<S>& step) const {
    candidate = x + scale * direction;
    if (any()) {
      constexpr S snap = 4 * std::numeric_limits<S>::epsilon();
      for (Index i = 0; i < x.size(); ++i) {
        const S margin = snap * std::abs(x[i]);
        if (direction[i] < 0 && candidate[i] <= lower[i] + margin) candidate[i] = lower[i];
        if (direction[i] > 0 && candidate[i] >= upper[i] - margin) candidate[i] = upper[i];
      }
    }
    step = candidate - x;
  }
};

template <class S>
void check(const Bounds<S>& bounds, const Vector<S>& x) {
  const auto fail = [](Index i, const char* what) {
    throw std::invalid_argument("parameter " + std::to_string(i) + " " + what);
  };
  if (bounds.fixed_always.size() && bounds.fixed_always.size() != x.size())
    throw std::invalid_argument("fixed_always must have one flag a parameter");
  if (!bounds.any() && !bounds.upper.size()) return;
  if (bounds.lower.size() != x.size() || bounds.upper.size() != x.size())
    throw std::invalid_argument("lower and upper must have one bound a parameter");
  for (Index i = 0; i < x.size(); ++i) {
    if (!(bounds.lower[i] <= bounds.upper[i])) fail(i, "has a lower bound above its upper bound");
    if (!(x[i] >= bounds.lower[i] && x[i] <= bounds.upper[i])) fail(i, "starts outside its bounds");
  }
}

/// A linear solve whose steps stay in the box. `Inner` can restrict its subproblem: `restrict(fixed,
/// displacement)` holds the fixed variables at the given displacement.
template <class S, class Inner>
struct Bounded {
  Inner inner;
  const Bounds<S>& bounds;
  Mask held{};
  Vector<S> displacement{}, work{}, slope{};

  template <class Model>
  void prepare(const Model& q) {
    inner.prepare(q);
  }

  template <class Model>
  bool solve(const Model& q, const Vector<S>& x, Trial<S>& trial, Vector<S>& d) {
    held = q.fixed;
    displacement.setZero(x.size());
    if (bounds.any() && q.curvature.escape.size()) return escape(q, x, trial, d);
    inner.restrict(q, held, displacement);
    if (!inner.solve(q, x, trial, d)) return false;
    if (!bounds.any()) return true;
    // As in a primal-dual active-set method, which needs a few rounds and might cycle: hence their limit.
    constexpr int most_rounds = 10;
    for (int round = 0; hold(x, d) || (round++ < most_rounds && release(q, x, trial.damping, d));) {
      inner.restrict(q, held, displacement);
      if (!inner.solve(q, x, trial, d)) return false;
    }
    return true;
  }

  /// The last system with another right-hand side; the held variables stay.
  void solve_again(const Vector<S>& b, Vector<S>& d) { inner.solve_again(b, d); }

 private:
  /// From a stationary point along its negative curvature, in the direction that the bounds leave more of.
  template <class Model>
  bool escape(const Model& q, const Vector<S>& x, const Trial<S>& trial, Vector<S>& d) {
    const S size = x.norm(), length = std::isfinite(trial.radius) ? trial.radius : size > 0 ? size : S(1);
    S most = 0;
    d.setZero(x.size());
    for (const S signed_length : {length, -length}) {
      const Vector<S> way =
          (x + signed_length * q.curvature.escape).cwiseMax(bounds.lower).cwiseMin(bounds.upper) - x;
      q.gradient_at(way, work, slope);
      const S reduction = -way.dot(q.gradient + slope) / 2;
      if (reduction > most) most = reduction, d = way;
    }
    return true;
  }

  /// Puts on its bound what d moves beyond it; false where nothing is.
  bool hold(const Vector<S>& x, const Vector<S>& d) {
    bool any = false;
    for (Index i = 0; i < x.size(); ++i) {
      if (held[i]) continue;
      const S low = bounds.lower[i] - x[i], high = bounds.upper[i] - x[i];
      if (d[i] >= low && d[i] <= high) continue;
      displacement[i] = std::clamp(d[i], low, high);
      held[i] = any = true;
    }
    return any;
  }

  /// Lets go of variables that hold() put on a bound and the model at d pulls inward again, as it may once
  /// others are held: without this d need not even be downhill.
  template <class Model>
  bool release(const Model& q, const Vector<S>& x, S damping, const Vector<S>& d) {
    bool any = false;
    if ((held == q.fixed).all()) return any;
    q.gradient_at(d, work, slope);
    for (Index i = 0; i < x.size(); ++i) {
      if (!held[i] || q.fixed[i] || bounds.lower[i] == bounds.upper[i]) continue;
      const S pull = slope[i] + damping * q.scale[i] * q.scale[i] * d[i];
      const bool at_lower = displacement[i] == bounds.lower[i] - x[i];
      if (!(at_lower ? pull < 0 : pull > 0)) continue;
      displacement[i] = 0;
      held[i] = false;
      any = true;
    }
    return any;
  }
};

}  // namespace osculate
