// stop.hpp: one case a formula.

#include <doctest/doctest.h>

#include <osculate/stop.hpp>

using namespace osculate;

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon(),
                 not_a_number = std::numeric_limits<double>::quiet_NaN();

/// A model of least squares at a point of cost `value`.
Quadratic<double> least_squares_model(double value) {
  Quadratic<double> q;
  q.value = value;
  q.value_noise = eps * value;
  q.gradient = Vector<double>{{1}};
  q.gradient_scale = Vector<double>{{1}};
  q.scale = Vector<double>{{1}};
  q.fixed = Mask::Constant(1, false);
  return q;
}
Judged<double> judged(double predicted, double actual, double step, bool accepted) {
  return {.predicted = predicted,
          .actual = actual,
          .ratio = actual / predicted,
          .step = step,
          .accepted = accepted};
}

}  // namespace

TEST_CASE("max_iterations_is_a_hundred_evaluations_a_parameter_by_default") {
  const Stop<double> stop(Tolerances<double>{});
  CHECK(stop.at_limit(0, 299, 3) == Status::not_run);
  CHECK(stop.at_limit(0, 300, 3) == Status::max_iterations);
}

TEST_CASE("optimality_is_the_largest_cosine_of_the_free_variables") {
  Quadratic<double> q;
  q.gradient = Vector<double>{{3, -8, 100, 0}};
  q.gradient_scale = Vector<double>{{6, 10, 1, 0}};
  q.fixed = Mask::Constant(4, false);
  q.fixed[2] = true;
  CHECK(optimality(q) == 0.8);  // a zero gradient with a zero scale counts as none
  q.gradient_scale.resize(0);
  CHECK(optimality(q) == 8);
  q.gradient[1] = not_a_number;
  CHECK(std::isnan(optimality(q)));
  q.fixed.setConstant(true);
  CHECK(optimality(q) == 0);
}

TEST_CASE("at_point_tests_the_residual_then_the_gradient") {
  Stop<double> stop(Tolerances<double>{.gtol = 1e-6}), none(Tolerances<double>{.gtol = 0});
  Quadratic<double> q = least_squares_model(1);
  CHECK(stop.at_point(q, 1e-6) == Status::gradient);
  CHECK(stop.at_point(q, 1.1e-6) == Status::not_run);
  CHECK(stop.at_point(q, not_a_number) == Status::not_run);
  CHECK(none.at_point(q, 0) == Status::not_run);
  q.residual_at_rounding = true;
  CHECK(none.at_point(q, 1) == Status::residual);
}

TEST_CASE("cost_needs_small_actual_and_predicted_reductions_that_agree") {
  const Quadratic<double> q = least_squares_model(4);
  const auto after = [&](const Judged<double>& j) {
    return Stop<double>(Tolerances<double>{.ftol = 1e-6, .xtol = 0}).after_trial(q, j, 1e-9, 1);
  };
  CHECK(after(judged(4e-6, 4e-6, 1, true)) == Status::cost);
  CHECK(after(judged(5e-6, 4e-6, 1, true)) == Status::not_run);    // too much promised
  CHECK(after(judged(3e-6, 5e-6, 1, true)) == Status::not_run);    // too much gained
  CHECK(after(judged(1e-6, 2.1e-6, 1, true)) == Status::not_run);  // more than twice the promise
  CHECK(after(judged(1e-6, 2e-6, 1, true)) == Status::cost);
}

TEST_CASE("step_is_measured_by_the_scaled_parameters") {
  const Quadratic<double> q = least_squares_model(4);
  const auto after = [&](double step) {
    return Stop<double>(Tolerances<double>{.ftol = 0, .xtol = 1e-6})
        .after_trial(q, judged(1, 1, step, true), 1e-9, 50);
  };
  CHECK(after(4.9e-5) == Status::step);
  CHECK(after(5.1e-5) == Status::not_run);
}

TEST_CASE("cost_and_step_are_silent_zero_tolerances") {
  const Quadratic<double> q = least_squares_model(4);
  Stop<double> stop(Tolerances<double>{.ftol = 0, .xtol = 0});
  CHECK(stop.after_trial(q, judged(0, 0, 0, true), 0, 1) == Status::not_run);
}

TEST_CASE("a_rejected_trial_means_nothing_far_from_stationary") {
  const Quadratic<double> q = least_squares_model(4);
  Stop<double> stop(Tolerances<double>{});  // changes below a hundred rounding errors contradict nothing
  CHECK(stop.after_trial(q, judged(1e-14, -1e-14, 1e-12, false), 0.5, 1) == Status::not_run);
  CHECK(stop.after_trial(q, judged(1e-14, -1e-14, 1e-12, false), 1e-3, 1) == Status::cost);
}

TEST_CASE("short_steps_that_contradict_the_derivatives_are_no_progress") {
  Quadratic<double> q = least_squares_model(4);
  q.gradient_scale.resize(0);  // Newton: no cosine
  Stop<double> stop(Tolerances<double>{.ftol = 0, .xtol = 1e-8});
  // Rejected, of the predicted size, and far above the rounding error of f.
  CHECK(stop.after_trial(q, judged(1e-3, -1e-3, 1e-9, false), 1, 1) == Status::no_progress);
  // Noise far larger than what was predicted is no contradiction.
  Stop<double> noisy(Tolerances<double>{.ftol = 0, .xtol = 1e-8});
  CHECK(noisy.after_trial(q, judged(1e-10, -1e-3, 1e-9, false), 1, 1) == Status::step);
}

TEST_CASE("given_up_within_the_rounding_error_of_the_cost_is_solved") {
  Quadratic<double> q = least_squares_model(4);
  CHECK(Stop<double>::given_up(q) == Status::no_progress);
  q.value_noise = 4;
  CHECK(Stop<double>::given_up(q) == Status::residual);
  q.gradient_scale.resize(0);  // Newton's f may be negative
  CHECK(Stop<double>::given_up(q) == Status::no_progress);
}

TEST_CASE("errors_of_our_own_differences_contradict_nothing") {
  Quadratic<double> q = least_squares_model(4);
  Judged<double> j = judged(1e-10, -1e-10, 1e-9, false);
  CHECK(Stop<double>(Tolerances<double>{}).after_trial(q, j, 1e-3, 1) == Status::no_progress);
  j.noise = 1.01e-12;  // a hundred times that is what the step promised
  CHECK(Stop<double>(Tolerances<double>{}).after_trial(q, j, 1e-3, 1) == Status::cost);
}

TEST_CASE("confirm_asks_the_gradient_at_the_new_point") {
  const Stop<double> stop(Tolerances<double>{.ftol = 1e-8});
  Quadratic<double> q = least_squares_model(4);
  CHECK(stop.confirm(Status::cost, q, 1e-6) == Status::cost);
  CHECK(stop.confirm(Status::cost, q, 1.1e-6) == Status::not_run);  // ftol^(3/4)
  CHECK(stop.confirm(Status::step, q, 1e-2) == Status::step);
  CHECK(stop.confirm(Status::step, q, 1.1e-2) == Status::not_run);
  q.value_noise = 4e-6;  // a promise of c^2 f below 100 times the noise cannot be kept
  CHECK(stop.confirm(Status::cost, q, 9e-3) == Status::cost);
  q.gradient_scale.resize(0);
  CHECK(stop.confirm(Status::cost, q, 1) == Status::cost);
}

TEST_CASE("tolerances_have_the_documented_defaults_float") {
  const Tolerances<float> t;
  CHECK(t.gtol == 1e-4f);
  CHECK(t.ftol == 4 * std::numeric_limits<float>::epsilon());
  CHECK(t.xtol == 4 * std::numeric_limits<float>::epsilon());
}

TEST_CASE("gtol_relative_measures_by_the_start") {
  Quadratic<double> q;
  Stop<double> stop({.ftol = 0, .xtol = 0, .gtol = 0, .gtol_relative = 1e-3});
  CHECK(stop.at_point(q, 50.0) == Status::not_run);
  CHECK(stop.at_point(q, 0.051) == Status::not_run);
  CHECK(stop.at_point(q, 0.05) == Status::gradient);
  CHECK(Stop<double>({.gtol = 0}).at_point(q, 0.0) == Status::not_run);
}

TEST_CASE("tolerances_below_the_machine_epsilon_are_refused_by_name") {
  const auto message = [](const Tolerances<double>& t) {
    try {
      check(t);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message({.ftol = 0, .xtol = 0, .gtol = 0}) == "accepted");
  CHECK(message({.ftol = eps, .xtol = eps, .gtol = eps}) == "accepted");
  CHECK(message({.ftol = 1e-17}) ==
        "ftol must be 0 (no such test) or at least the machine epsilon 2.22045e-16, got 1e-17");
  CHECK(message({.xtol = -1}) ==
        "xtol must be 0 (no such test) or at least the machine epsilon 2.22045e-16, got -1");
  CHECK(message({.gtol = not_a_number}) ==
        "gtol must be 0 (no such test) or at least the machine epsilon 2.22045e-16, got nan");
  CHECK(message({.max_iterations = -2}) == "max_iterations must be at least 0, got -2");
  CHECK(message({.max_evaluations = -3}) == "max_evaluations must be at least 0, got -3");
}
