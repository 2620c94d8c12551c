#pragma once
// Levenberg-Marquardt of solve/levenberg_marquardt.hpp for a group of small problems, one a lane: the same
// model, scale, trust region (globalize/trust_region.hpp), active set and stopping tests (stop.hpp), with
// masks where the scalar code branches. A lane that ends is free for the next problem while the others go on.
// The order is
//   start(lane) | propose(), evaluate the model at `trial`, judge() -> lanes that have ended
// where propose() ends lanes as well, which can be started anew before the evaluation: those whose last step
// needs none (promise.hpp).
// Where stop.hpp looks at single residuals (Status::residual) the sums over the points are looked at here.

#include <cmath>

#include "interpreter.hpp"
#include "lane_stop.hpp"
#include "promise.hpp"
#include "step.hpp"
#include "trust_region.hpp"

namespace osculate::batch {

template <class S>
class LaneGroup : Part<S> {
  static std::size_t rows(int n) { return static_cast<std::size_t>(n); }
  int n_;

 public:
  LaneGroup(int n, const LaneOptions<S>& options, bool bounded)
      : n_(n), options_(options), bounded_(bounded), step_(n) {}

  Rows<S> x{rows(n_)};                       ///< the best accepted points
  Rows<S> trial{rows(n_)};                   ///< where the model is wanted next
  Rows<S> lower{rows(n_)}, upper{rows(n_)};  ///< bounds, where there are any
  Normal<S> normal = Normal<S>(n_);          ///< normal equations at x
  Normal<S> at_trial = Normal<S>(n_);        ///< and at `trial`: set by who evaluates
  Rows<S> status{1};                         ///< a Status a lane; not_run while it goes on
  Rows<S> iterations{1}, evaluations{1};
  Rows<S> active{1};  ///< 1 for lanes that have a problem

  /// Gives a lane a problem; its start is in `trial`, its bounds in `lower` and `upper`.
  void start(int lane) {
    active[0][lane] = starting_[0][lane] = 1;
    status[0][lane] = S(static_cast<int>(Status::not_run));
    evaluations[0][lane] = iterations[0][lane] = measure_[0][lane] = 0;
  }
  void stop(int lane) { active[0][lane] = 0; }

  /// The lanes whose problem has ended, a bit each.
  std::uint32_t ended() const {
    std::uint32_t bits = 0;
    for (int lane = 0; lane < lanes<S>; ++lane)
      bits |= std::uint32_t(active[0][lane] != 0 && status[0][lane] != S(static_cast<int>(Status::not_run)))
              << lane;
    return bits;
  }
  bool any_active() const {
    return std::any_of(active[0], active[0] + lanes<S>, [](S a) { return a != 0; });
  }

  /// Whether the cost at `trial` alone makes judge() refuse the step, whatever the derivatives are there.
  bool refuses(int lane) const {
    return starting_[0][lane] == 0 && !(at_trial.cost[0][lane] < normal.cost[0][lane]);
  }

  /// Whether the variable cannot move at x: at a bound that the gradient pushes it against, or without
  /// influence.
  bool fixed(int k, int lane) const {
    const S at = x[row(k)][lane], g = normal.gradient[row(k)][lane];
    if (square_scale_[row(k)][lane] == 0) return true;
    return bounded_ && ((at <= lower[row(k)][lane] && g > 0) || (at >= upper[row(k)][lane] && g < 0));
  }

  /// Whether no variable of any lane is.
  bool all_free() const { return !bounded_ && !some_without_influence_; }

  /// Sets `trial` for the lanes that go on. True when a lane has ended: its status is set.
  bool propose() {
    return any_part([this] { return propose_part(); });
  }

  /// Takes the normal equations at `trial` into account. True when a lane has ended: its status is set.
  bool judge() {
    return any_part([this] { return judge_part(); });
  }

 private:
  using Part<S>::get, Part<S>::put, Part<S>::set, Part<S>::update, Part<S>::move;
  static constexpr S stationary = S(1e-2);  // stop.hpp

  static std::size_t row(int k) { return static_cast<std::size_t>(k); }

  /// Whether `work` is true for some part; all are worked on.
  template <class Work>
  bool any_part(Work&& work) {
    bool any = false;
    for_parts<S>([&](int first) {
      this->offset = first;
      any = work() || any;
    });
    return any;
  }

  bool propose_part() {
    const WideMask<S> going = set(active) & !set(starting_);
    if (!going.any()) return false;
    const Wide<S> zero(0);
    for (int k = 0; k < n_ && !all_free(); ++k) {
      if (bounded_) {
        put(low_, k, get(lower, k) - get(x, k));
        put(high_, k, get(upper, k) - get(x, k));
      }
      choose(fixed_lanes(k), Wide<S>(1), zero).store(step_.held[row(k)]);
      zero.store(step_.displacement[row(k)]);
    }
    Wide<S> damping = get(region_.damping, 0);
    step_.solve(going, normal.matrix, normal.gradient, inverse_scale_, get(region_.radius, 0), damping,
                bounded_ ? &low_ : nullptr, bounded_ ? &high_ : nullptr, this->offset, all_free());
    update(region_.damping, going, damping);
    const Wide<S> snap(4 * std::numeric_limits<S>::epsilon());
    for (int k = 0; k < n_; ++k) {
      const Wide<S> at = get(x, k), d = Wide<S>::load(step_.step[row(k)]);
      Wide<S> to = at + d;
      if (bounded_) {
        const Wide<S> margin = snap * abs(at), l = get(lower, k), u = get(upper, k);
        to = choose((d < zero) & (to <= l + margin), l, to);
        to = choose((d > zero) & (to >= u - margin), u, to);
      }
      put(trial, k, choose(going, to, get(trial, k)));
    }
    promise_(*this, n_, x, trial, normal.gradient, normal.matrix, square_scale_);
    WideMask<S> last = promise_.last(*this, going, damping, get(normal.cost, 0), options_.ftol, confirming_);
    for (int k = 0; k < n_ && bounded_; ++k)
      last = last & (Wide<S>::load(step_.displacement[row(k)]) == zero);
    if (!last.any()) return false;
    finish(last);
    return true;
  }

  /// Ends lanes at `trial`.
  void finish(const WideMask<S>& last) {
    promise_.keep(*this, n_, last, x, trial, normal);
    move(x, trial, n_, last);
    update(iterations, last, get(iterations, 0) + Wide<S>(1));
    update(status, last, lane_status<S>(Status::cost));
  }

  bool judge_part() {
    const Wide<S> zero(0), one(1), infinity(std::numeric_limits<S>::infinity());
    const WideMask<S> running = set(active), fresh = running & set(starting_), going = running & !fresh;
    const Wide<S> cost = get(normal.cost, 0), cost_there = get(at_trial.cost, 0);
    const WideMask<S> finite_there = finite(cost_there);
    update(evaluations, running, get(evaluations, 0) + one);

    // What the step promised and what came of it.
    const Wide<S> predicted = get(promise_.predicted, 0), slope = get(promise_.slope, 0),
                  square_step = get(promise_.square_step, 0);
    const Wide<S> actual = choose(finite_there, cost - cost_there, -infinity);
    const Wide<S> ratio = choose(predicted > zero, actual / predicted, -infinity);
    const WideMask<S> accepted = going & (ratio >= Wide<S>(S(1e-4)));
    const WideMask<S> rejected = going & !accepted;
    const bool any_rejected = rejected.any();
    promise_.remember(*this, n_, accepted, ratio, normal.matrix, at_trial.matrix, inverse_scale_);
    const WideMask<S> give_up =
        region_.judge(*this, going, accepted, actual, slope, ratio, sqrt(square_step));

    // stop.hpp: after_trial. Cosines and lengths are compared by their squares.
    Wide<S> square_x(0);
    for (int u = 0; u < n_; ++u) {
      const Wide<S> point = choose(accepted, get(trial, u), get(x, u));
      square_x = fma(get(square_scale_, u) * point, point, square_x);
    }
    const Wide<S> small = Wide<S>(options_.ftol) * cost;
    WideMask<S> by_cost = going & (abs(actual) <= small) & (predicted <= small) & (ratio <= Wide<S>(2));
    if (options_.ftol == 0) by_cost = zero != zero;
    WideMask<S> by_step = going & (square_step <= Wide<S>(options_.xtol * options_.xtol) * square_x);
    if (options_.xtol == 0) by_step = zero != zero;

    Wide<S> state = get(status, 0);
    WideMask<S> unended = state == lane_status<S>(Status::not_run);
    const LaneEnds<S> ends{state, unended};
    if (any_rejected) {
      const WideMask<S> moved = square_step > zero, tellable = predicted > Wide<S>(100) * noise();
      update(finite_trial_, rejected & finite_there & moved, one);
      update(nonfinite_trial_, rejected & !finite_there & moved, one);
      update(contradicted_, rejected & tellable, choose(ratio >= Wide<S>(-100), one, zero));
      const WideMask<S> contradicted = set(contradicted_), testable = cosine_within(stationary, rejected);
      ends(testable & by_cost & !contradicted, Status::cost);
      ends(testable & by_step & contradicted, Status::no_progress);
      ends(testable & by_step, Status::step);
      const WideMask<S> hopeless = rejected & (give_up | !moved);
      ends(hopeless & set(nonfinite_trial_) & !set(finite_trial_), Status::nonfinite);
      ends(hopeless, Status::no_progress);
      ends(rejected & at_limit(), Status::max_iterations);
      disturbed_ = true;  // there are flags to be taken back
    }

    const WideMask<S> arrived = fresh | accepted;
    if (arrived.any()) {
      arrive(arrived, fresh, accepted, !(running & !arrived).any());
      // stop.hpp: confirm, then the tests at a point
      WideMask<S> finite_model = finite(get(normal.cost, 0));
      for (int k = 0; k < n_; ++k)
        finite_model =
            finite_model & finite(get(normal.gradient, k)) & finite(get(normal.matrix, packed(k, k)));
      ends(arrived & !finite_model, Status::nonfinite);
      ends(cosine_within(confirming_, accepted & by_cost), Status::cost);
      ends(cosine_within(stationary, accepted & by_step & !by_cost), Status::step);
      const Wide<S> eps(std::numeric_limits<S>::epsilon());
      ends(arrived & (get(normal.square, 0) <= eps * eps * get(terms_, 0)), Status::residual);
      if (options_.gtol > 0)
        ends(arrived & (get(measure_, 0) <= Wide<S>(options_.gtol * options_.gtol) * get(normal.square, 0)),
             Status::gradient);
      ends(arrived & at_limit(), Status::max_iterations);
    }
    put(status, 0, state);
    return (running & !unended).any();
  }

  WideMask<S> fixed_lanes(int k) const {
    const Wide<S> zero(0);
    const WideMask<S> fixed = get(square_scale_, k) == zero;
    if (!bounded_) return fixed;
    const Wide<S> at = get(x, k), g = get(normal.gradient, k);
    return fixed | ((at <= get(lower, k)) & (g > zero)) | ((at >= get(upper, k)) & (g < zero));
  }

  /// The lanes of `asked` whose cosine is at most `most`, or whose promise, a reduction by cosine^2 f, drowns
  /// in rounding errors.
  WideMask<S> cosine_within(S most, const WideMask<S>& asked) const {
    const Wide<S> measure = get(measure_, 0), square = get(normal.square, 0);
    const WideMask<S> small = measure <= Wide<S>(most * most) * square;
    if (!(asked & !small).any()) return asked;
    return asked & (small | (measure * get(normal.cost, 0) <= Wide<S>(100) * noise() * square));
  }

  /// The rounding error of f at x: that of r_i is about eps times the sum of its terms.
  Wide<S> noise() const {
    const Wide<S> eps(std::numeric_limits<S>::epsilon());
    return eps * (get(normal.cost, 0) + sqrt(get(normal.square, 0) * get(terms_, 0)));
  }

  WideMask<S> at_limit() const {
    return (get(evaluations, 0) >= Wide<S>(options_.max_evaluations)) |
           (get(iterations, 0) >= Wide<S>(options_.max_iterations));
  }

  /// Moves lanes to `trial` and their model with them: `all` of them, or those of a mask.
  void arrive(const WideMask<S>& arrived, const WideMask<S>& fresh, const WideMask<S>& accepted, bool all) {
    const Wide<S> zero(0);
    const bool swaps = part<S> == lanes<S> && all;
    if (swaps) {
      std::swap(x, trial);
      std::swap(normal, at_trial);
    } else {
      move(x, trial, n_, arrived);
      move(normal.matrix, at_trial.matrix, packed(n_, 0), arrived);
      move(normal.gradient, at_trial.gradient, n_, arrived);
      move(normal.cost, at_trial.cost, 1, arrived);
      move(normal.square, at_trial.square, 1, arrived);
    }
    const Rows<S>& norms = swaps ? normal.norms : at_trial.norms;
    const Wide<S> square = get(normal.square, 0);
    Wide<S> measure(0), terms(0);
    for (int k = 0; k < n_; ++k) {
      const Wide<S> norm2 = options_.robust ? get(norms, k) : get(normal.matrix, packed(k, k));
      const Wide<S> at = get(x, k);
      const Wide<S> inverse_norm = choose(norm2 > zero, inverse_root(norm2), zero);
      const WideMask<S> grown = fresh | (arrived & (norm2 > get(square_scale_, k)));
      const Wide<S> square_scale = choose(grown, norm2, get(square_scale_, k));
      put(square_scale_, k, square_scale);
      if ((square_scale == zero).any()) some_without_influence_ = true;
      put(inverse_scale_, k, choose(grown, inverse_norm, get(inverse_scale_, k)));
      const Wide<S> cosine = get(normal.gradient, k) * inverse_norm;  // times |r|
      measure = larger(choose(fixed_lanes(k), zero, cosine * cosine), measure);
      terms = fma(norm2 * at, at, terms);
    }
    update(measure_, arrived, measure);
    update(terms_, arrived, terms);
    if (fresh.any()) {
      Wide<S> square_x(0);
      for (int k = 0; k < n_; ++k) square_x = fma(get(square_scale_, k) * get(x, k), get(x, k), square_x);
      const Wide<S> length = sqrt(square_x);
      region_.start(*this, fresh,
                    Wide<S>(options_.initial_radius) * choose(length > zero, length, sqrt(square)));
      update(starting_, fresh, zero);
    }
    if (disturbed_)
      for (Rows<S>* flag : {&region_.rejected, &contradicted_, &finite_trial_, &nonfinite_trial_})
        update(*flag, arrived, zero);
    update(iterations, accepted, get(iterations, 0) + Wide<S>(1));
  }

  LaneOptions<S> options_;
  /// The cosine that Status::cost needs.
  S confirming_ = std::max(std::pow(options_.ftol, S(0.75)), std::sqrt(std::numeric_limits<S>::epsilon()));
  bool bounded_;
  Rows<S> square_scale_{rows(n_)}, inverse_scale_{rows(n_)}, low_{rows(n_)}, high_{rows(n_)};
  LaneTrustRegion<S> region_;
  LanePromise<S> promise_;
  Rows<S> terms_{1};
  Rows<S> measure_{1};  ///< the square of the gradient's cosine, times |r|^2
  Rows<S> starting_{1}, contradicted_{1}, finite_trial_{1}, nonfinite_trial_{1};
  bool some_without_influence_ = false;  ///< whether a variable ever was, lanes without a problem included
  bool disturbed_ = false;               ///< whether a trial was ever rejected
  BoundedStep<S> step_;
};

}  // namespace osculate::batch
