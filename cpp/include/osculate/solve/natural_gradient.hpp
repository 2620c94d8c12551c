#pragma once
// Minimization of a negative log-likelihood by natural-gradient steps x - t (F + damping I)^-1 g, with the
// Fisher matrix F of the model at x (Amari 1998); for a generalized linear model it is Fisher scoring.

#include <concepts>
#include <stdexcept>

#include "../globalize/kl_step.hpp"
#include "counted_function.hpp"
#include "loop.hpp"

namespace osculate {

/// A loss with its gradient, and natural(x, g, d): d = (F + damping I)^-1 g, or why there is none.
template <class P>
concept NaturalProblem =
    requires(P& p, const Vector<typename P::Scalar>& x, Vector<typename P::Scalar>& out) {
      { p.value(x) } -> std::convertible_to<typename P::Scalar>;
      p.gradient(x, out);
      { p.natural(x, x, out) } -> std::same_as<Status>;
    };

template <class S>
struct NaturalGradientOptions {
  Tolerances<S> tolerances{.ftol = 0, .xtol = 0};  ///< gtol on the largest gradient element
  S damping = 0;                                   ///< that natural() adds to F
  KlKind step = KlKind::line_search;
  S learning_rate = 1;                               ///< the largest t
  S kl_radius = std::numeric_limits<S>::infinity();  ///< of the first step in a trust region
  S kl_clip = std::numeric_limits<S>::infinity();    ///< the largest divergence of a step
};

/// The loss along the natural gradient of a point.
template <class S>
struct NaturalModel : Quadratic<S> {
  Vector<S> x, direction;  ///< the point, and d
  S slope = 0;             ///< g'd
  const KlStep<S>* control = nullptr;

  S predicted_reduction(const Vector<S>&) const { return control->promise(control->scale); }
  /// How much of the way to the model's minimum a step goes: what is left of the gradient is the rest.
  S share() const { return std::min(control->scale, S(1)); }
  bool may_be_minimum() {  // F is never indefinite and says nothing of the Hessian
    this->curvature = {.certificate = Certificate::first_order_only};
    return true;
  }
};

namespace detail {

template <class S>
struct NaturalCurvature {
  bool resolves;  ///< whether differences of the loss below its rounding count as progress

  template <class Problem>
  bool operator()(Problem& problem, const Vector<S>& x, NaturalModel<S>& q) const {
    q.x = x;
    q.value = problem.last_value();
    problem.gradient(x, q.gradient);
    q.value_noise = std::numeric_limits<S>::epsilon() * std::abs(q.value);
    q.slack = resolves ? 10 * q.value_noise : S(0);
    q.scale.setOnes(x.size());
    q.curvature = {};
    return std::isfinite(q.value) && q.gradient.allFinite();
  }
};

/// d once a point.
template <NaturalProblem P>
struct NaturalDirection {
  using S = typename P::Scalar;
  P& problem;
  Status failure = Status::singular;

  void prepare(NaturalModel<S>& q) {
    q.slope = 0;
    failure = Status::gradient;  // nothing is left to do where g is zero
    if (q.gradient.isZero(0)) return;
    failure = problem.natural(q.x, q.gradient, q.direction);
    if (failure != Status::gradient) return;
    q.slope = q.gradient.dot(q.direction);
    if (!(q.slope > 0)) failure = Status::singular;
  }
  bool solve(const NaturalModel<S>& q, const Vector<S>&, Trial<S>&, Vector<S>& direction) const {
    if (!(q.slope > 0)) return false;
    direction = -q.direction;
    return true;
  }
};

template <class S>
struct KlGlobalize {
  KlStep<S> step;
  S learning_rate, clip, damping;

  void first(const NaturalModel<S>&, const Vector<S>&) {}
  Trial<S> start(const NaturalModel<S>& q) {
    const bool found = q.slope > 0;
    // d is exact, or as CG's orthogonal to its residual
    const S curvature = found ? std::max(q.slope - damping * q.direction.squaredNorm(), S(0)) : S(0);
    step.curvature = curvature;
    step.begin(q.value, q.slack, q.slope, curvature, step.within(learning_rate, clip));
    return {.damping = damping, .scale = step.scale, .radius = step.radius};
  }
  Verdict judge(const NaturalModel<S>& q, const Judged<S>& judged, Trial<S>& trial) {
    const Verdict verdict = step.judge(q.value - judged.actual);
    if (verdict == Verdict::rescale) trial.scale = step.scale;
    return verdict;
  }
};

}  // namespace detail

/// Minimizes problem.value from x0. Its trace has divergences as radii.
template <NaturalProblem P, class S = typename P::Scalar, class Observer = NoObserver>
Result<S> natural_gradient(P& problem, const Vector<S>& x0, const NaturalGradientOptions<S>& options = {},
                           Observer&& observe = {}) {
  check(options.tolerances);
  if (!(options.learning_rate > 0)) throw std::invalid_argument("learning_rate must be positive");
  if (!(options.kl_radius > 0)) throw std::invalid_argument("kl_radius must be positive");
  if (!(options.kl_clip > 0)) throw std::invalid_argument("kl_clip must be positive");
  if (!(options.damping >= 0)) throw std::invalid_argument("damping must be at least 0");

  CountedFunction<P> function(problem);
  detail::NaturalCurvature<S> curvature{options.step != KlKind::fixed};
  detail::NaturalDirection<P> linsolve{problem};
  detail::KlGlobalize<S> globalize{{.kind = options.step, .radius = options.kl_radius},
                                   options.learning_rate,
                                   options.kl_clip,
                                   options.damping};
  NaturalModel<S> q;
  q.control = &globalize.step;
  return minimize_loop(function, x0, q, curvature, linsolve, globalize, Bounds<S>{}, options.tolerances,
                       observe);
}

}  // namespace osculate
