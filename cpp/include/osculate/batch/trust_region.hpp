#pragma once
// globalize/trust_region.hpp for many small problems at once, a lane each.

#include "wide.hpp"

namespace osculate::batch {

template <class S>
struct LaneTrustRegion {
  Rows<S> radius{1}, damping{1};
  Rows<S> moved{1};     ///< 1 where a step was accepted
  Rows<S> rejected{1};  ///< trials in a row

  /// Begins with `first` as radius in the lanes of the mask, of the part at `offset`.
  void start(const WideMask<S>& fresh, const Wide<S>& first, int offset) {
    update(radius, fresh, first, offset);
    for (Rows<S>* row : {&damping, &moved}) update(*row, fresh, Wide<S>(0), offset);
  }

  /// Updates radius and damping after a trial; the mask tells where to give up.
  WideMask<S> judge(const WideMask<S>& going, const WideMask<S>& accepted, const Wide<S>& actual,
                    const Wide<S>& slope, const Wide<S>& ratio, const Wide<S>& length, int offset) {
    constexpr int most_rejected = 100;
    const Wide<S> zero(0), half(S(0.5)), tenth(S(0.1)), before = get(radius, offset);
    Wide<S> next = choose(get(moved, offset) != zero, before, smaller(length, before)),
            lambda = get(damping, offset);
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
    update(radius, going, next, offset);
    update(damping, going, lambda, offset);
    update(moved, accepted, Wide<S>(1), offset);
    if (!poor.any()) return poor;
    const Wide<S> count = get(rejected, offset) + Wide<S>(1);
    update(rejected, going & !accepted, count, offset);
    return !((next > zero) & (next < before) & (count < Wide<S>(most_rejected)));
  }

 private:
  static Wide<S> get(const Rows<S>& row, int offset) { return Wide<S>::load(row[0] + offset); }
  static void update(Rows<S>& row, const WideMask<S>& mask, const Wide<S>& value, int offset) {
    choose(mask, value, get(row, offset)).store(row[0] + offset);
  }
};

}  // namespace osculate::batch
