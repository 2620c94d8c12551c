#pragma once
// How far to go along a natural gradient: a fixed step, a line search on the loss, or a trust region in the
// Kullback-Leibler divergence. Along -d the model of the loss is f - t g'd + t^2 d'Fd / 2, and t^2 d'Fd / 2
// is the divergence of the step to second order (Amari 1998, doi:10.1162/089976698300017746; Martens 2020,
// section 6), in nats a sample where the loss is a mean over samples.

#include <algorithm>
#include <cmath>

#include "../quadratic.hpp"

namespace osculate {

enum class KlKind { fixed, line_search, trust_region };

/// The scale t of the step from one point, trial by trial; `radius` lasts from point to point.
template <class S>
struct KlStep {
  KlKind kind = KlKind::line_search;
  S radius = std::numeric_limits<S>::infinity();  ///< of the trust region, a divergence

  static constexpr S sufficient = S(1e-4);  ///< share of the promise that f must fall by
  static constexpr int most_tries = 60;     ///< of a step; halved as often it is below the rounding of x
  // Ratios of actual and predicted reduction that shrink the radius by 4 and double it; Nocedal & Wright
  // 2006, algorithm 4.1. The divergence grows with the square of the length.
  static constexpr S poor = S(0.25), good = S(0.75), shrink = S(1) / 16, grow = 4;

  S value = 0, slack = 0, slope = 0, curvature = 0, most = 0;  ///< what begin() was given
  S scale = 0;                                                 ///< of the trial that is wanted
  S predicted = 0, actual = 0, ratio = 0;
  int tries = 0;

  /// Begins at a point with loss f, whose differences below `unresolved` are no progress and no failure, with
  /// g'd > 0, d'Fd and the largest scale.
  void begin(S f, S unresolved, S descent, S curved, S longest) {
    value = f, slack = unresolved, slope = descent, curvature = curved, most = longest, tries = 0;
    if (kind == KlKind::trust_region) {
      if (most * curvature > slope) most = slope / curvature;  // beyond the model's minimum
      scale = within(most, radius);
    } else {
      scale = most;
    }
  }

  /// Reduction of the model.
  S promise(S t) const { return t * slope - t * t * curvature / 2; }
  S divergence(S t) const { return t * t * curvature / 2; }
  /// t, or the scale whose divergence is `bound` where that is less.
  S within(S t, S bound) const { return divergence(t) <= bound ? t : std::sqrt(2 * bound / curvature); }

  /// Takes the loss at `scale`; after Verdict::rescale that is another one.
  Verdict judge(S there) {
    ++tries;
    const S floor = promise(scale) + slack;
    predicted = promise(scale);
    actual = std::isfinite(there) ? value - there : -std::numeric_limits<S>::infinity();
    ratio = floor > 0 ? (actual + slack) / floor : std::numeric_limits<S>::quiet_NaN();
    if (kind == KlKind::fixed) return std::isfinite(there) ? Verdict::accept : Verdict::give_up;
    return kind == KlKind::line_search ? search() : trust();
  }

 private:
  /// Armijo's condition, and the minimizer of the parabola through f, g'd and the loss there, kept within
  /// [0.1, 0.5] (Dennis & Schnabel 1983, section 6.3.2).
  Verdict search() {
    const S promised = scale * slope;
    if (actual + slack >= sufficient * promised) return Verdict::accept;
    const S shorter = std::isfinite(actual) ? promised / (2 * (promised - actual)) : S(0);
    scale *= std::clamp(shorter, S(0.1), S(0.5));
    return again();
  }

  Verdict trust() {
    if (!(ratio >= poor))
      radius = shrink * divergence(scale);
    else if (ratio > good && scale < most)
      radius *= grow;
    if (ratio >= sufficient) return Verdict::accept;
    if (curvature == 0) most /= 4;  // no divergence that a radius could bound
    scale = within(most, radius);
    return again();
  }

  /// A step so short that rounding hides what the slope promises says nothing.
  Verdict again() const {
    return tries >= most_tries || scale * slope <= slack ? Verdict::give_up : Verdict::rescale;
  }
};

}  // namespace osculate
