#pragma once
// The one loop. Every method is a choice of its four parts:
//   curvature(problem, x, q)      what B is            once per accepted point
//   linsolve.prepare(q), .solve   how d is found       prepare once per accepted point, solve once per trial
//   globalize.start, .judge       what makes it safe   accept | rescale | resolve | give_up
//   stop                          the only convergence tests
// `bounds` keeps every iterate feasible and says which variables are fixed; without bounds it does nothing.

#include "../globalize/bounds.hpp"
#include "../quadratic.hpp"
#include "../result.hpp"
#include "../stop.hpp"

namespace osculate {

namespace detail {
/// Why a linear solve gave no step.
template <class LinearSolve>
Status failure_of(const LinearSolve& linsolve) {
  if constexpr (requires { linsolve.failure; })
    return linsolve.failure;
  else
    return Status::singular;
}

/// Whether a rejected trial is taken all the same: f at both points differs by what may be rounding of a sum
/// that cancels, since f was as large as `largest` before, and the largest gradient element halves.
template <class S, class Problem>
bool gradient_halves(Problem& problem, const Quadratic<S>& q, const Judged<S>& judged, const Vector<S>& at,
                     S largest, S measure, Vector<S>& gradient) {
  constexpr S rounding = S(1e5) * std::numeric_limits<S>::epsilon();
  if constexpr (requires { problem.gradient(at, gradient); }) {
    if (!(q.slack > 0 || q.value == 0) || !(std::abs(judged.actual) <= rounding * largest)) return false;
    problem.gradient(at, gradient);
    gradient = q.fixed.select(S(0), gradient);
    return gradient.allFinite() && gradient.template lpNorm<Eigen::Infinity>() <= S(0.5) * measure;
  }
  return false;
}
}  // namespace detail

/// An observer that watches nothing. An observer returns false to stop the solve.
struct NoObserver {
  template <class S, class Model>
  bool operator()(const Iteration<S>&, const Vector<S>&, const Model&) const {
    return true;
  }
};

/// Minimizes problem.value from x, which must be feasible. `q` ends as the model at the returned point.
template <class S, class Problem, class Model, class Curvature, class LinearSolve, class Globalize,
          class Observer = NoObserver>
Result<S> minimize_loop(Problem& problem, Vector<S> x, Model& q, Curvature& curvature, LinearSolve& linsolve,
                        Globalize& globalize, const Bounds<S>& bounds, const Tolerances<S>& tolerances,
                        Observer&& observe = {}) {
  Stop<S> stop(tolerances);
  Result<S> result;
  Iteration<S> record;
  Trial<S> trial;
  Judged<S> judged;
  Vector<S> direction, step, unbent, candidate, end_gradient;
  Status status = Status::not_run;
  bool solved = true;
  S largest = 0;  // |f| of the points so far, forgotten by halves

  const auto arrive = [&] {  // the model at x, and the tests that need nothing else
    const bool finite_value = std::isfinite(problem.value(x)), finite_model = curvature(problem, x, q);
    bounds.activate(x, q);
    return finite_value && finite_model ? Status::not_run : Status::nonfinite;
  };
  const auto note = [&] {
    record.cost = q.value;
    largest = std::max(largest / 2, std::abs(q.value));
    record.optimality = optimality(q);
    record.evaluations = problem.evaluations();
    result.trace.push_back(record);
    result.optimality = record.optimality;
    return observe(record, x, q) ? Status::not_run : Status::user_stop;
  };

  status = arrive();
  if (status == Status::not_run) globalize.first(q, x);
  if (const Status seen = note(); status == Status::not_run) status = seen;
  while (status == Status::not_run) {
    status = stop.at_point(q, record.optimality);
    if (is_success(status) && !q.may_be_minimum()) status = Status::not_run;  // a saddle or a maximum
    if (status == Status::not_run) status = stop.at_limit(result.iterations, problem.evaluations(), x.size());
    if (status != Status::not_run) break;

    linsolve.prepare(q);
    trial = globalize.start(q);
    Verdict verdict = Verdict::resolve;
    S value = 0;
    bool finite_trial = false, nonfinite_trial = false, shortened = false;
    while (status == Status::not_run && verdict != Verdict::accept) {
      if (verdict == Verdict::resolve && !(solved = linsolve.solve(q, x, trial, direction))) {
        status = detail::failure_of(linsolve);
        break;
      }
      bounds.move(x, direction, trial.scale, candidate, step);
      value = problem.value(candidate);
      (std::isfinite(value) ? finite_trial : nonfinite_trial) |= !step.isZero(0);
      // The bend makes up for what the model leaves out, so the model promises what it does without it.
      const Vector<S>& modelled = trial.bend.size() ? unbent = step - trial.bend : step;
      judged.predicted = q.predicted_reduction(modelled);
      judged.actual = std::isfinite(value) ? q.value - value : -std::numeric_limits<S>::infinity();
      judged.ratio = judged.predicted > 0 ? (judged.actual + q.slack) / (judged.predicted + q.slack)
                                          : -std::numeric_limits<S>::infinity();
      judged.slope = q.gradient.dot(modelled);
      judged.noise = q.gradient_noise.size() ? q.gradient_noise.dot(modelled.cwiseAbs()) : S(0);
      judged.step = step.cwiseProduct(q.scale).norm();
      if constexpr (requires { q.step_length; }) judged.length = q.step_length;
      if constexpr (requires { q.share(); }) judged.share = q.share();
      if constexpr (requires { globalize.looks_at_end(q); })
        if (globalize.looks_at_end(q) && std::isfinite(value)) {
          problem.gradient(candidate, end_gradient);
          judged.end_slope = end_gradient.dot(step);
        }
      verdict = globalize.judge(q, judged, trial);
      if (verdict != Verdict::accept && !shortened && !step.isZero(0) &&
          detail::gradient_halves(problem, q, judged, candidate, largest, record.optimality, end_gradient))
        verdict = Verdict::accept;
      judged.accepted = verdict == Verdict::accept;
      status = stop.after_trial(q, judged, record.optimality,
                                (judged.accepted ? candidate : x).cwiseProduct(q.scale).norm());
      if (judged.accepted || status != Status::not_run) break;
      shortened |= verdict != Verdict::rescale || trial.scale < 1;
      if (verdict == Verdict::give_up || step.isZero(0))
        status = nonfinite_trial && !finite_trial ? Status::nonfinite : stop.given_up(q);
      else
        status = stop.at_limit(result.iterations, problem.evaluations(), x.size());
    }
    if (!judged.accepted || !solved) break;

    x.swap(candidate);
    ++result.iterations;
    record.step = judged.step, record.ratio = judged.ratio;
    record.radius = trial.radius, record.damping = trial.damping;
    const bool finite_model = curvature(problem, x, q);
    bounds.activate(x, q);
    const S before = record.optimality;
    const Status seen = note();
    if (!finite_model)
      status = Status::nonfinite;
    else if (status == Status::not_run)
      status = stop.exhausted(q, judged, before, record.optimality, shortened);
    else
      status = stop.confirm(status, q, record.optimality);
    if (is_success(status) && !q.may_be_minimum()) status = Status::not_run;
    if (status == Status::not_run) status = seen;
  }
  if (is_success(status) && q.curvature.certificate == Certificate::none) q.may_be_minimum();
  if (q.curvature.escape.size() && (is_success(status) || status == Status::no_progress))
    status = Status::saddle;
  result.x = std::move(x);
  result.cost = q.value;
  result.gradient = q.gradient;
  result.status = status;
  result.evaluations = problem.evaluations();
  result.derivatives = problem.derivative_evaluations();
  return result;
}

}  // namespace osculate
