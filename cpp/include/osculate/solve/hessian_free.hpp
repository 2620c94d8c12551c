#pragma once
// Hessian-free minimization of a function whose Hessian, or a Gauss-Newton matrix in its place, is known by
// products: the steps of hessian_free_step.hpp one after another, with the tests and the certificate that
// Newton-CG has.

#include <utility>

#include "hessian_free_step.hpp"
#include "newton_cg.hpp"

namespace osculate {

template <class S>
struct HessianFreeMinimizeOptions {
  Tolerances<S> tolerances{.ftol = 0, .xtol = 0};  ///< gtol on the largest gradient element, as in SciPy
  HessianFreeOptions step{};
  Index certifying_products = 20;  ///< see NewtonCgOptions
};

template <class S>
struct HessianFreeResult : Result<S> {
  Curvature<S> curvature;  ///< the certificate of Status::gradient and its evidence
  Index cg_iterations = 0;
  double damping = 0;  ///< the lambda that a next step would have
};

namespace detail {

/// Steps in a row without a lower loss after which there is none to be had. A step fails only if a millionth
/// of it fails too, so lambda then grows by powers of ten, 10^28 in all.
inline constexpr int most_rejections = 8;

/// The length t u from x, u a unit vector of negative curvature, to where f falls by a share of what the
/// model promises; writes the point. Zero: there is none.
template <class S, class Problem>
S escape_length(Problem& function, const Vector<S>& x, const ProductModel<S>& q, Vector<S>& point) {
  const Vector<S>& u = q.curvature.escape;
  const S slope = q.gradient.dot(u), sign = slope > 0 ? S(-1) : S(1);
  S t = std::max(x.norm(), S(1));
  for (int k = 0; k < 40; ++k, t /= 2) {
    point = x + sign * t * u;
    const S promise = t * std::abs(slope) - t * t * q.curvature.lowest / 2;
    if (function.value(point) <= q.value - promise / 100 - q.value_noise) return t;
  }
  return 0;
}

}  // namespace detail

/// Minimizes problem.value from x0.
template <HessianProducts P, class S = typename P::Scalar, class Observer = NoObserver>
HessianFreeResult<S> hessian_free(P& problem, const Vector<S>& x0,
                                  const HessianFreeMinimizeOptions<S>& options = {},
                                  Observer&& observe = {}) {
  check(options.tolerances);
  check(options.step);
  if (options.certifying_products < 0) throw std::invalid_argument("certifying_products must be at least 0");

  ProductsOfFunction<P> function(problem);
  MatrixFree<S> curvature{options.certifying_products};
  ProductModel<S> q;
  q.fixed = Mask::Constant(x0.size(), false);
  q.scale.setOnes(x0.size());
  Stop<S> stop(options.tolerances);
  HessianFreeState<S> state{.damping = options.step.damping};
  HessianFreeWorkspace<S> work;
  HessianFreeResult<S> result;
  Iteration<S> record{.radius = std::numeric_limits<S>::infinity()};
  Judged<S> judged;
  Vector<S> x = x0;
  int rejections = 0;

  const auto value = [&](const Vector<S>& at) { return static_cast<double>(function.value(at)); };
  const auto product = [&](const Vector<S>& v, Vector<S>& out) { q.multiply(v, out); };
  const auto arrive = [&](S f) {  // the model at x
    function.back_to(f);
    return curvature(function, x, q) ? Status::not_run : Status::nonfinite;
  };
  const auto note = [&] {
    record.cost = q.value, record.optimality = result.optimality = optimality(q);
    record.evaluations = function.evaluations();
    result.trace.push_back(record);
    return observe(record, x, q) ? Status::not_run : Status::user_stop;
  };
  const auto move = [&](const HessianFreeStep& step) {
    x.swap(work.point);
    ++result.iterations;
    record.step = static_cast<S>(step.step_norm), record.damping = static_cast<S>(step.damping);
    record.ratio = static_cast<S>(step.ratio);
    const Status arrived = arrive(static_cast<S>(step.after)), seen = note();
    return arrived != Status::not_run ? arrived : seen;
  };

  Status status = arrive(function.value(x));
  if (const Status seen = note(); status == Status::not_run) status = seen;
  while (status == Status::not_run) {
    status = stop.at_point(q, record.optimality);
    if (is_success(status) && !q.may_be_minimum()) status = Status::not_run;  // a saddle or a maximum
    if (status == Status::not_run)
      status = stop.at_limit(result.iterations, function.evaluations(), x.size());
    if (status != Status::not_run) break;
    if (q.curvature.escape.size()) {
      const S length = detail::escape_length(function, x, q, work.point);
      status = length > 0 ? move({.after = double(function.last_value()), .step_norm = double(length)})
                          : Status::saddle;
      state.direction.resize(0);
      continue;
    }
    const HessianFreeStep step =
        hessian_free_step<S>(x, double(q.value), q.gradient, value, product, options.step, state, work);
    result.cg_iterations += step.cg_iterations;
    judged.accepted = step.exit == HessianFreeExit::accepted;
    if (judged.accepted && rejections > 0 && step.predicted <= double(q.slack)) {
      status = stop.given_up(q);  // longer steps were uphill, and this one is too short to tell
      break;
    }
    if (!judged.accepted && step.exit != HessianFreeExit::rejected) {
      status = step.exit == HessianFreeExit::nonfinite ? Status::nonfinite : Status::no_progress;
      break;
    }
    judged.predicted = static_cast<S>(step.predicted), judged.ratio = static_cast<S>(step.ratio);
    judged.actual = static_cast<S>(step.before - step.after), judged.slope = static_cast<S>(step.slope);
    judged.step = static_cast<S>(step.step_norm);
    status = stop.after_trial(q, judged, record.optimality, (judged.accepted ? work.point : x).norm());
    if (!judged.accepted) {
      state.damping *= std::pow(10.0, rejections);
      state.damping = std::min(state.damping, double(std::numeric_limits<S>::max()) / 4);
      if (++rejections == detail::most_rejections && status == Status::not_run) status = stop.given_up(q);
      if (status == Status::not_run)
        status = stop.at_limit(result.iterations, function.evaluations(), x.size());
    } else {
      rejections = 0;
      const S before = record.optimality;
      const Status tested = std::exchange(status, move(step));
      if (status == Status::not_run)
        status = tested != Status::not_run ? tested : stop.exhausted(q, judged, before, record.optimality);
    }
    if (is_success(status) && !q.may_be_minimum()) status = Status::not_run;
  }
  if (is_success(status) && q.curvature.certificate == Certificate::none) q.may_be_minimum();
  if (q.curvature.escape.size() && (is_success(status) || status == Status::no_progress))
    status = Status::saddle;
  result.x = std::move(x);
  result.cost = q.value;
  result.gradient = q.gradient;
  result.status = status;
  result.evaluations = function.evaluations();
  result.derivatives = function.derivative_evaluations();
  result.curvature = std::move(q.curvature);
  result.damping = state.damping;
  return result;
}

}  // namespace osculate
