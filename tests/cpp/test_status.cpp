// status.hpp: one minimal solve a Status. The formulas are in test_stop.cpp.

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "solve.hpp"

using namespace tests;
using osculate::is_success;

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon(),
                 not_a_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();
constexpr Status every_status[] = {Status::gradient, Status::cost,           Status::step,
                                   Status::residual, Status::max_iterations, Status::nonfinite,
                                   Status::singular, Status::no_progress,    Status::user_stop,
                                   Status::saddle,   Status::not_run};

/// min |x - target|^2 / 2 + rest, a linear problem whose solution is `target`.
Residuals linear(double target, double rest = 1) {
  return {.m = 2,
          .r = [=](const Vector& x, Vector& r) { r << x[0] - target, rest; },
          .j = [](const Vector&, Matrix& j) { j << 1, 0; }};
}

LmOptions tolerances(double ftol, double xtol, double gtol) {
  LmOptions options;
  options.tolerances = {.ftol = ftol, .xtol = xtol, .gtol = gtol};
  return options;
}

}  // namespace

TEST_CASE("success_is_positive_and_every_status_has_its_own_sentence") {
  std::set<std::string> sentences;
  for (const Status status : every_status) {
    CHECK(is_success(status) == (static_cast<int>(status) > 0));
    sentences.insert(osculate::sentence(status));
  }
  CHECK(sentences.size() == std::size(every_status));
  CHECK(sentences.count("Unknown status.") == 0);
  CHECK(std::string(osculate::sentence(static_cast<Status>(99))) == "Unknown status.");
}

TEST_CASE("status_values_are_those_of_the_contract") {
  const int expected[] = {1, 2, 3, 5, -1, -2, -3, -4, -5, -6, -100};
  for (std::size_t i = 0; i < std::size(every_status); ++i)
    CHECK(static_cast<int>(every_status[i]) == expected[i]);
}

TEST_CASE("gradient_at_the_solution_of_a_linear_problem") {
  Residuals problem = linear(3);
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1}}, tolerances(0, 0, 1e-8));
  CHECK(fit.status == Status::gradient);
  CHECK(cosine(fit) <= 1e-8);
  CHECK(fit.x[0] == 3);
}

TEST_CASE("gradient_at_once_every_parameter_fixed") {
  Residuals problem = linear(3);
  const Bounds bounds{.fixed_always = osculate::Mask::Constant(1, true)};
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1}}, {}, bounds);
  CHECK(fit.status == Status::gradient);
  CHECK(fit.x[0] == 1);
  CHECK(fit.evaluations == 1);
}

TEST_CASE("cost_no_other_test_is_on") {
  Residuals problem = box_bod();
  const Fit fit = run_levenberg_marquardt(problem, Vector{{200, 0.5}}, tolerances(1e-8, 0, 0));
  CHECK(fit.status == Status::cost);
  REQUIRE(fit.trace.size() > 2);
  const double before = fit.trace[fit.trace.size() - 2].cost;
  CHECK(before - fit.cost <= 1e-8 * before);
}

TEST_CASE("step_no_other_test_is_on") {
  Residuals problem = box_bod();
  const Fit fit = run_levenberg_marquardt(problem, Vector{{200, 0.5}}, tolerances(0, 1e-8, 0));
  CHECK(fit.status == Status::step);
  CHECK(fit.trace.back().step <= 1e-8 * fit.x.cwiseProduct(fit.scale).norm());
}

TEST_CASE("residual_a_consistent_linear_system") {
  Residuals problem{.m = 2,
                    .r = [](const Vector& x, Vector& r) { r << x[0] + x[1] - 3, x[0] - x[1] + 1; },
                    .j = [](const Vector&, Matrix& j) { j << 1, 1, 1, -1; }};
  const Fit fit = run_levenberg_marquardt(problem, Vector{{5, 7}}, tolerances(0, 0, 0));
  CHECK(fit.status == Status::residual);
  const Vector terms = fit.jacobian.cwiseAbs() * fit.x.cwiseAbs();
  for (Index i = 0; i < 2; ++i) CHECK(std::abs(fit.residual[i]) <= eps * terms[i]);
}

TEST_CASE("max_iterations_evaluations_or_iterations_used_up") {
  Residuals first = rosenbrock(), second = rosenbrock();
  LmOptions options;
  options.tolerances.max_evaluations = 4;
  const Fit few = run_levenberg_marquardt(first, Vector{{-1.2, 1}}, options);
  CHECK(few.status == Status::max_iterations);
  CHECK(few.evaluations == 4);
  CHECK(first.residual_calls == 4);
  options.tolerances = {.max_iterations = 3};
  const Fit short_run = run_levenberg_marquardt(second, Vector{{-1.2, 1}}, options);
  CHECK(short_run.status == Status::max_iterations);
  CHECK(short_run.iterations == 3);
}

TEST_CASE("nonfinite_at_the_start_in_the_residual_or_the_jacobian") {
  for (const double bad : {not_a_number, infinity}) {
    Residuals residual = linear(3), jacobian = linear(3);
    residual.r = [=](const Vector&, Vector& r) { r << bad, 1; };
    jacobian.j = [=](const Vector&, Matrix& j) { j << bad, 0; };
    for (Residuals* problem : {&residual, &jacobian}) {
      const Fit fit = run_levenberg_marquardt(*problem, Vector{{1}});
      CHECK(fit.status == Status::nonfinite);
      CHECK(fit.x[0] == 1);
      CHECK(fit.evaluations == 1);
      CHECK(fit.trace.size() == 1);
      CHECK_FALSE(fit.optimality <= 1);
    }
  }
}

TEST_CASE("nonfinite_at_every_trial_point") {
  Residuals problem = linear(3);
  problem.r = [](const Vector& x, Vector& r) { r << (x[0] == 1 ? -2.0 : not_a_number), 1; };
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1}});
  CHECK(fit.status == Status::nonfinite);
  CHECK(fit.x[0] == 1);
}

TEST_CASE("nonfinite_derivative_at_an_accepted_point") {
  Residuals problem = linear(3);
  problem.j = [](const Vector& x, Matrix& j) { j << (x[0] == 1 ? 1.0 : not_a_number), 0; };
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1}});
  CHECK(fit.status == Status::nonfinite);
  CHECK(fit.x[0] > 1);  // the point was better and is kept
  CHECK(fit.cost < 2.5);
  REQUIRE(fit.trace.size() == 2);
  CHECK(fit.trace[1].cost == fit.cost);
  CHECK(std::isnan(fit.optimality));
}

TEST_CASE("some_nonfinite_trials_only_shorten_the_step") {
  // log beyond its domain: the Gauss-Newton step from 5 goes to 5 - 5 (log 5 + 2) < 0.
  Residuals problem{.m = 1,
                    .r = [](const Vector& x, Vector& r) { r[0] = std::log(x[0]) + 2; },
                    .j = [](const Vector& x, Matrix& j) { j(0, 0) = 1 / x[0]; }};
  const Fit fit = run_levenberg_marquardt(problem, Vector{{5}}, {.initial_radius = 100});
  CHECK(is_success(fit.status));
  CHECK(fit.x[0] == doctest::Approx(std::exp(-2)).epsilon(1e-12));
}

TEST_CASE("singular_an_undamped_cholesky_of_a_singular_matrix") {
  Residuals problem{.m = 2,
                    .r = [](const Vector& x, Vector& r) { r << x[0] + x[1] - 3, x[0] + x[1] + 1; },
                    .j = [](const Vector&, Matrix& j) { j.setOnes(); }};
  const Fit refused =
      run_gauss_newton(problem, Vector{{5, 7}}, {.linear = {.solver = osculate::LinearSolver::cholesky}});
  CHECK(refused.status == Status::singular);
  CHECK(refused.x == Vector{{5, 7}});
  CHECK(is_success(run_gauss_newton(problem, Vector{{5, 7}}).status));  // QR has the least-norm step
}

TEST_CASE("no_progress_a_jacobian_of_the_wrong_sign") {
  Residuals problem = linear(3);
  problem.j = [](const Vector&, Matrix& j) { j << -1, 0; };
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1}});
  CHECK(fit.status == Status::no_progress);
  CHECK(fit.x[0] == 1);
}

TEST_CASE("only_differences_have_the_errors_of_differences") {
  const auto r = [](const Vector&, Vector&) {};
  auto ours = osculate::residual_problem<double>(2, r);
  auto exact = osculate::residual_problem<double>(2, r, [](const Vector&, Matrix&) {});
  Residuals neither = linear(3);  // does not say
  osculate::LossEvaluator<double> loss({});
  ours.difference.sizes = Vector{{1}};
  CHECK(osculate::CostOfResiduals(ours, loss).differences() == &ours.difference);
  CHECK(ours.difference.sizes.size() == 0);  // those of an earlier solve are forgotten
  CHECK(osculate::CostOfResiduals(exact, loss).differences() == nullptr);
  CHECK(osculate::CostOfResiduals(neither, loss).differences() == nullptr);
}

TEST_CASE("user_stop_when_the_observer_says_so") {
  Residuals problem = linear(3);
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1}}, {}, {}, {},
                                          [](const auto&, const Vector&) { return false; });
  CHECK(fit.status == Status::user_stop);
  CHECK(fit.iterations == 0);
}

TEST_CASE("not_run_is_the_status_of_a_result_that_was_not_begun") { CHECK(Fit{}.status == Status::not_run); }
