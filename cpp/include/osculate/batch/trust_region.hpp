#pragma once
// globalize/trust_region.hpp for many small problems at once, a lane each.

#include "wide.hpp"

namespace osculate::batch {

template <class S>
struct LaneTrustRegion {
  Rows<S> radius{1}, damping{1};
  Rows<S> moved{1};     ///< 1 where a step was accepted
  Rows<S> rejected{1};  ///< trials in a row

  /// Begins with `first` as radius in the lanes of the mask.
  void start(const Part<S>& at, const WideMask<S>& fresh, const Wide<S>& first) {
    at.update(radius, fresh, first);
    for (Rows<S>* row : {&damping, &moved}) at.update(*row, fresh, Wide<S>(0));
  }

  /// Updates radius and damping after a trial; the mask tells where to give up.
  WideMask<S> judge(const Part<S>& at, const WideMask<S>& going, const WideMask<S>& accepted,
                    const Wide<S>& actual, const Wide<S>& slope, const Wide<S>& ratio,
                    const Wide<S>& length) {
    constexpr int most_rejected = 100;
    const Wide<S> zero(0), half(S(0.5)), tenth(S(0.1)), before = at.get(radius);
    Wide<S> next = choose(at.get(moved) != zero, before, smaller(length, before)), lambda = at.get(damping);
    const WideMask<S> poor = going & !(ratio > Wide<S>(S(0.25)));
    const WideMask<S> good = (!poor) & ((lambda == zero) | (ratio >= Wide<S>(S(0.75))));
    next = choose(good, Wide<S>(2) * length, next);
    lambda = choose(good, half * lambda, lambda);
    if (poor.any()) {
      const Wide<S> parabola = half * slope / (slope + actual);
      const Wide<S> shrink =
          choose(actual >= zero, half, choose(parabola >= tenth, smaller(parabola, half), tenth));
      next = choose(poor, shrink * smaller(Wide<S>(10) * length, next), next);
      lambda = choose(poor, lambda / shrink, lambda);
    }
    at.update(radius, going, next);
    at.update(damping, going, lambda);
    at.update(moved, accepted, Wide<S>(1));
    if (!poor.any()) return poor;
    const Wide<S> count = at.get(rejected) + Wide<S>(1);
    at.update(rejected, going & !accepted, count);
    return !((next > zero) & (next < before) & (count < Wide<S>(most_rejected)));
  }
};

}  // namespace osculate::batch
