// globalize/bounds.hpp: feasibility, active sets and the KKT conditions, with Levenberg-Marquardt.

#include <doctest/doctest.h>

#include <stdexcept>

#include "random.hpp"
#include "solve.hpp"

using namespace tests;
using osculate::Damping, osculate::is_success, osculate::Mask;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Fails the running test where `problem` is evaluated outside `bounds`.
Residuals guarded(Residuals problem, const Bounds& bounds) {
  problem.r = [r = problem.r, &bounds](const Vector& x, Vector& out) {
    CHECK((x.array() >= bounds.lower.array()).all());
    CHECK((x.array() <= bounds.upper.array()).all());
    r(x, out);
  };
  return problem;
}

LmOptions tight() {
  LmOptions options;
  options.tolerances = {.ftol = 1e-15, .xtol = 1e-15, .gtol = 1e-12};
  return options;
}

std::string refusal(const Vector& x0, const Bounds& bounds) {
  Residuals problem = rosenbrock();
  try {
    run_levenberg_marquardt(problem, x0, {}, bounds);
  } catch (const std::invalid_argument& error) {
    CHECK(problem.residual_calls == 0);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("kkt_conditions_hold_at_active_bounds_every_damping") {
  const struct {
    Bounds bounds;
    Vector x0, solution;
  } cases[] = {
      {{.lower = Vector{{-2, -2}}, .upper = Vector{{0.5, 2}}}, Vector{{-1.2, 1}}, Vector{{0.5, 0.25}}},
      {{.lower = Vector{{1.5, -2}}, .upper = Vector{{3, 3}}}, Vector{{2, -1}}, Vector{{1.5, 2.25}}},
      {{.lower = Vector{{-2, -2}}, .upper = Vector{{2, -1}}}, Vector{{-1.2, -1.5}}, Vector{}},
      {{.lower = Vector{{-infinity, -infinity}}, .upper = Vector{{0, 0.5}}},
       Vector{{-3, -3}},
       Vector{{0, 0}}},
      {{.lower = Vector{{2, 2}}, .upper = Vector{{5, 3}}}, Vector{{4, 2.5}}, Vector{{2, 3}}},
      {{.lower = Vector{{-2, -2}}, .upper = Vector{{4, 4}}},
       Vector{{-1.2, 1}},
       Vector{{1, 1}}},  // none active
  };
  for (const auto& c : cases)
    for (const Damping damping : {Damping::more, Damping::nielsen, Damping::delayed_gratification}) {
      CAPTURE(c.x0);
      CAPTURE(static_cast<int>(damping));
      Residuals problem = guarded(rosenbrock(), c.bounds);
      LmOptions options = tight();
      options.damping = damping;
      const Fit fit = run_levenberg_marquardt(problem, c.x0, options, c.bounds);
      CHECK(is_success(fit.status));
      // gtol, times |J_j| |r| which is below 1e4 in every case; the cost tests may end with 1e-8 instead.
      CHECK(kkt_violation(fit.x, fit.gradient, c.bounds) <= 1e-6 * (1 + fit.gradient.norm()));
      // Second-order errors of x: about eps^(1/2) times the condition 2500, where ftol ended it.
      if (c.solution.size()) CHECK((fit.x - c.solution).norm() <= 1e-6);
      for (Index i = 0; i < 2; ++i) {
        const bool outward = (fit.x[i] == c.bounds.lower[i] && fit.gradient[i] > 0) ||
                             (fit.x[i] == c.bounds.upper[i] && fit.gradient[i] < 0);
        CHECK(fit.fixed[i] == outward);  // the active set that is reported
      }
    }
}

TEST_CASE("few_evaluations_suffice_active_bound_and_large_residual") {
  // BoxBOD with b1 <= 200 (certified 213.8): projecting the full step instead took hundreds of iterations.
  const Bounds bounds{.lower = Vector{{0, 0}}, .upper = Vector{{200, 10}}};
  Residuals problem = guarded(box_bod(), bounds);
  const Fit fit = run_levenberg_marquardt(problem, Vector{{100, 0.75}}, {}, bounds);
  CHECK(is_success(fit.status));
  CHECK(fit.x[0] == 200);
  CHECK(fit.gradient[0] < 0);
  CHECK(cosine(fit) <= 1e-6);
  CHECK(fit.evaluations <= 15);
}

TEST_CASE("random_linear_problems_satisfy_kkt_any_active_set") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    const Matrix a = random_matrix(12, 6, seed);
    const Vector b = 4 * random_vector(12, seed + 100);
    const Bounds bounds{.lower = Vector::Constant(6, -0.5), .upper = Vector::Constant(6, 0.7)};
    Residuals problem = guarded({.m = 12,
                                 .r = [&](const Vector& x, Vector& r) { r = a * x - b; },
                                 .j = [&](const Vector&, Matrix& j) { j = a; }},
                                bounds);
    const Fit fit = run_levenberg_marquardt(problem, Vector::Zero(6), tight(), bounds);
    CHECK(is_success(fit.status));
    CHECK(kkt_violation(fit.x, fit.gradient, bounds) <= 1e-7 * a.norm() * b.norm());  // eps^(1/2) by ftol
    CHECK(fit.evaluations <= 25);
  }
}

TEST_CASE("one_undamped_step_solves_a_linear_problem_in_a_box") {
  // Holding what leaves the box is not enough: some of it must be let go again.
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    const Matrix a = random_matrix(12, 6, seed);
    const Vector b = 4 * random_vector(12, seed + 100);
    const Bounds bounds{.lower = Vector::Constant(6, -0.5), .upper = Vector::Constant(6, 0.7)};
    Residuals problem{.m = 12,
                      .r = [&](const Vector& x, Vector& r) { r = a * x - b; },
                      .j = [&](const Vector&, Matrix& j) { j = a; }};
    const Fit fit = run_gauss_newton(problem, Vector::Zero(6), {}, bounds);
    CHECK(fit.status == Status::gradient);
    CHECK(fit.iterations == 1);
    CHECK(kkt_violation(fit.x, fit.gradient, bounds) <=
          1e-12);  // condition^2 eps |J| |r|, condition below 10
  }
}

TEST_CASE("starts_on_bounds_work_and_bounds_are_left") {
  const Bounds bounds{.lower = Vector{{-1.2, -2}}, .upper = Vector{{2, 1}}};
  for (const Vector& x0 : {Vector{{-1.2, 1}}, Vector{{-1.2, -2}}, Vector{{2, 1}}, Vector{{2, -2}}}) {
    Residuals problem = guarded(rosenbrock(), bounds);
    const Fit fit = run_levenberg_marquardt(problem, x0, tight(), bounds);
    CHECK(is_success(fit.status));
    CHECK((fit.x - Vector::Ones(2)).norm() <= 1e-7);  // on the bound of x_1, with a gradient of zero
  }
}

TEST_CASE("a_start_at_the_solution_ends_at_once_on_the_projected_gradient") {
  Residuals problem = rosenbrock();
  const Bounds bounds{.lower = Vector{{-2, -2}}, .upper = Vector{{0.5, 2}}};
  const Fit fit = run_levenberg_marquardt(problem, Vector{{0.5, 0.25}}, {}, bounds);
  CHECK(fit.status == Status::gradient);
  CHECK(fit.evaluations == 1);
  CHECK(fit.fixed[0]);
  CHECK_FALSE(fit.fixed[1]);
}

TEST_CASE("equal_bounds_and_fixed_parameters_never_move") {
  for (const bool equal : {true, false}) {
    Bounds bounds{.lower = Vector{{-5, -5}}, .upper = Vector{{5, 5}}};
    if (equal)
      bounds.lower[0] = bounds.upper[0] = -1.2;
    else
      bounds.fixed_always = (Mask(2) << true, false).finished();
    Residuals problem = rosenbrock();
    const Fit fit = run_levenberg_marquardt(problem, Vector{{-1.2, 1}}, tight(), bounds);
    CHECK(is_success(fit.status));
    CHECK(fit.x[0] == -1.2);
    CHECK(fit.x[1] == doctest::Approx(1.44).epsilon(1e-14));
    CHECK(fit.fixed[0]);
  }
}

TEST_CASE("fixed_parameters_need_no_bounds") {
  Residuals problem = box_bod();
  const Fit fit = run_levenberg_marquardt(problem, Vector{{213.80940889, 1}}, {},
                                          {.fixed_always = (Mask(2) << true, false).finished()});
  CHECK(is_success(fit.status));
  CHECK(fit.x[0] == 213.80940889);
  CHECK(fit.x[1] == doctest::Approx(0.54723748542).epsilon(1e-6));
}

TEST_CASE("infinite_bounds_change_no_bit") {
  Residuals free = box_bod(), bounded = box_bod();
  const Bounds bounds{.lower = Vector::Constant(2, -infinity), .upper = Vector::Constant(2, infinity)};
  const Fit expected = run_levenberg_marquardt(free, Vector{{100, 0.75}});
  const Fit fit = run_levenberg_marquardt(bounded, Vector{{100, 0.75}}, {}, bounds);
  CHECK(fit.x == expected.x);
  CHECK(fit.evaluations == expected.evaluations);
}

TEST_CASE("a_parameter_without_influence_stays_and_is_reported") {
  Residuals problem{.m = 2,
                    .r = [](const Vector& x, Vector& r) { r << x[0] - 3, 2 * x[0] - 5; },
                    .j = [](const Vector&, Matrix& j) { j << 1, 0, 2, 0; }};
  const Fit fit = run_levenberg_marquardt(problem, Vector{{1, 7}});
  CHECK(is_success(fit.status));
  CHECK(fit.x[0] == doctest::Approx(2.6).epsilon(1e-12));
  CHECK(fit.x[1] == 7);
  CHECK(fit.fixed[1]);
}

TEST_CASE("move_projects_and_puts_what_is_within_rounding_on_the_bound") {
  const Bounds bounds{.lower = Vector{{0, 0.1}}, .upper = Vector{{1, 3}}};
  Vector candidate, step;
  bounds.move(Vector{{0.5, 0.3}}, Vector{{2, -0.1}}, 1.0, candidate, step);
  CHECK(candidate[0] == 1);
  CHECK(candidate[1] == 0.3 - 0.1);
  CHECK(step == candidate - Vector{{0.5, 0.3}});
  bounds.move(Vector{{0.5, 0.3}}, Vector{{2, -0.2}}, 1.0, candidate, step);
  CHECK(candidate[1] == 0.1);  // 0.3 - 0.2 is an ulp away
  bounds.move(Vector{{0.5, 0.3}}, Vector{{2, -1}}, 0.125, candidate, step);
  CHECK(candidate == Vector{{0.75, 0.3 - 0.125}});
}

TEST_CASE("bounds_are_refused_with_the_parameter_named") {
  const Vector x0{{-1.2, 1}}, low{{-2, -2}}, high{{2, 2}};
  const double nan = std::nan("");
  CHECK(refusal(x0, {.lower = low, .upper = high}) == "accepted");
  CHECK(refusal(Vector{{-2.1, 1}}, {.lower = low, .upper = high}) == "parameter 0 starts outside its bounds");
  CHECK(refusal(Vector{{0, 2.1}}, {.lower = low, .upper = high}) == "parameter 1 starts outside its bounds");
  CHECK(refusal(Vector{{0, nan}}, {.lower = low, .upper = high}) == "parameter 1 starts outside its bounds");
  CHECK(refusal(x0, {.lower = low, .upper = Vector{{2, -3}}}) ==
        "parameter 1 has a lower bound above its upper bound");
  CHECK(refusal(x0, {.lower = Vector{{nan, 0}}, .upper = high}) ==
        "parameter 0 has a lower bound above its upper bound");
  CHECK(refusal(x0, {.lower = low}) == "lower and upper must have one bound a parameter");
  CHECK(refusal(x0, {.upper = high}) == "lower and upper must have one bound a parameter");
  CHECK(refusal(x0, {.lower = Vector{{0}}, .upper = high}) ==
        "lower and upper must have one bound a parameter");
  CHECK(refusal(x0, {.fixed_always = Mask::Constant(3, false)}) ==
        "fixed_always must have one flag a parameter");
}
