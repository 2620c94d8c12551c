// solve/gauss_newton.hpp, curvature/gauss_newton.hpp and linsolve/dogleg.hpp.

#include <doctest/doctest.h>

#include <algorithm>
#include <osculate/linsolve/dogleg.hpp>

#include "models.hpp"
#include "random.hpp"
#include "solve.hpp"

using namespace tests;
using osculate::GaussNewtonStrategy, osculate::is_success, osculate::Trial;

namespace {

constexpr GaussNewtonStrategy strategies[] = {GaussNewtonStrategy::line_search, GaussNewtonStrategy::dogleg};

/// The undamped step by Eigen, for Dogleg's inner solve; counts its calls.
struct DenseSolve {
  int solves = 0;
  osculate::Mask fixed{};
  Vector held{};
  template <class Model>
  void prepare(const Model&) {}
  template <class Model>
  void restrict(const Model&, const osculate::Mask& mask, const Vector& displacement) {
    fixed = mask, held = displacement;
  }
  template <class Model>
  bool solve(const Model& q, const Vector&, Trial<double>&, Vector& d) {
    ++solves;
    d = reference_step(q, 0, fixed, held);
    return true;
  }
};

}  // namespace

TEST_CASE("one_step_solves_a_linear_problem_both_strategies") {
  const Matrix a = random_matrix(20, 4, 1);
  const Vector b = random_vector(20, 2);
  for (const GaussNewtonStrategy strategy : strategies) {
    Residuals problem{.m = 20,
                      .r = [&](const Vector& x, Vector& r) { r = a * x - b; },
                      .j = [&](const Vector&, Matrix& j) { j = a; }};
    // The dogleg's first radius must hold the step.
    const Fit fit = run_gauss_newton(problem, Vector::Ones(4), {.strategy = strategy, .initial_radius = 100});
    CHECK(is_success(fit.status));
    CHECK(fit.iterations == 1);
    const Vector exact = a.colPivHouseholderQr().solve(b);
    CHECK((fit.x - exact).norm() <= 1e-13 * exact.norm());  // condition below 10
  }
}

TEST_CASE("a_rank_deficient_linear_problem_moves_by_the_least_scaled_norm") {
  Matrix a = random_matrix(20, 4, 1);
  a.col(3) = a.col(0) - 2 * a.col(2);
  const Vector b = random_vector(20, 2), x0 = random_vector(4, 3);
  for (const GaussNewtonStrategy strategy : strategies) {
    Residuals problem{.m = 20,
                      .r = [&](const Vector& x, Vector& r) { r = a * x - b; },
                      .j = [&](const Vector&, Matrix& j) { j = a; }};
    const Fit fit = run_gauss_newton(problem, x0, {.strategy = strategy, .initial_radius = 100});
    CHECK(is_success(fit.status));
    const Vector scale = a.colwise().norm().transpose();
    const Matrix scaled = a * scale.cwiseInverse().asDiagonal();
    const Vector z = scaled.completeOrthogonalDecomposition().solve(b - a * x0);
    CHECK((fit.x - x0 - z.cwiseQuotient(scale)).norm() <= 1e-12);  // condition below 100
  }
}

TEST_CASE("convergence_is_quadratic_zero_residual_both_strategies") {
  for (const GaussNewtonStrategy strategy : strategies) {
    CAPTURE(static_cast<int>(strategy));
    std::vector<double> errors;
    Residuals problem = rosenbrock();
    GnOptions options{.strategy = strategy};
    options.tolerances = {.ftol = 0, .xtol = 0, .gtol = 1e-15};
    const Fit fit =
        run_gauss_newton(problem, Vector{{-1.2, 1}}, options, {}, {}, [&](const auto&, const Vector& x) {
          errors.push_back((x - Vector::Ones(2)).norm());
          return true;
        });
    CHECK(is_success(fit.status));
    CHECK((fit.x - Vector::Ones(2)).norm() <= 1e-14);
    for (std::size_t k = 1; k < errors.size(); ++k)  // e' = e^2 exactly, from one undamped step to the next
      if (errors[k - 1] < 0.1) CHECK(errors[k] <= 2 * errors[k - 1] * errors[k - 1] + 1e-15);
  }
}

TEST_CASE("certified_digits_are_reached_box_bod_both_strategies") {
  for (const GaussNewtonStrategy strategy : strategies) {
    Residuals problem = box_bod();
    GnOptions options{.strategy = strategy};
    options.tolerances = {.ftol = 1e-15, .xtol = 1e-15, .gtol = 1e-15};
    const Fit fit = run_gauss_newton(problem, Vector{{100, 0.75}}, options);
    CHECK(is_success(fit.status));
    CHECK(fit.x[0] == doctest::Approx(2.1380940889E+02).epsilon(1e-9));
    CHECK(fit.x[1] == doctest::Approx(5.4723748542E-01).epsilon(1e-9));
    for (std::size_t k = 1; k < fit.trace.size(); ++k) CHECK(fit.trace[k].cost <= fit.trace[k - 1].cost);
  }
}

TEST_CASE("a_success_is_a_stationary_point_freudenstein_and_roth") {
  // J is nearly singular at the local minimum, where undamped steps may end without progress, and say so.
  for (const GaussNewtonStrategy strategy : strategies)
    for (const Vector& x0 : {Vector{{0.5, -2}}, Vector{{6, 3}}}) {
      Residuals problem = freudenstein();
      const Fit fit = run_gauss_newton(problem, x0, {.strategy = strategy});
      if (is_success(fit.status)) {
        CHECK(2 * fit.cost == doctest::Approx(fit.cost < 1 ? 0 : 48.98425368).epsilon(1e-7));
      } else {
        CHECK(strategy == GaussNewtonStrategy::line_search);
        CHECK(x0[1] == -2);
      }
    }
}

TEST_CASE("kkt_conditions_hold_at_active_bounds_both_strategies") {
  for (const GaussNewtonStrategy strategy : strategies) {
    const Bounds bounds{.lower = Vector{{-2, -2}}, .upper = Vector{{0.5, 2}}};
    Residuals problem = rosenbrock();
    problem.r = [r = problem.r, &bounds](const Vector& x, Vector& out) {
      CHECK((x.array() >= bounds.lower.array()).all());
      CHECK((x.array() <= bounds.upper.array()).all());
      r(x, out);
    };
    const Fit fit = run_gauss_newton(problem, Vector{{-1.2, 1}}, {.strategy = strategy}, bounds);
    CHECK(is_success(fit.status));
    CHECK(fit.x[0] == 0.5);
    CHECK(fit.x[1] == doctest::Approx(0.25).epsilon(1e-8));
    CHECK(kkt_violation(fit.x, fit.gradient, bounds) <= 1e-7);
  }
}

TEST_CASE("options_of_gauss_newton_are_refused_with_the_name_of_the_field") {
  Residuals problem = rosenbrock();
  const Vector x0{{-1.2, 1}};
  CHECK_THROWS_WITH_AS(run_gauss_newton(problem, x0, {.initial_radius = -1}),
                       "initial_radius must be positive", std::invalid_argument);
  CHECK_THROWS_WITH_AS(run_gauss_newton(problem, x0, {.scale = Vector{{1, -1}}}),
                       "scale must have one positive element a parameter", std::invalid_argument);
  CHECK(problem.residual_calls == 0);
}

TEST_CASE("dogleg_path_goes_from_the_cauchy_point_to_the_newton_step") {
  const Vector scale{{1, 3, 0.5}};
  const auto q = model<double>(random_matrix(12, 3, 1), random_vector(12, 2), scale);
  const Vector zero = Vector::Zero(3), newton = reference_step(q, 0, q.fixed, zero);
  const double full = newton.cwiseProduct(scale).norm();
  osculate::Dogleg<double, DenseSolve> dogleg;
  dogleg.prepare(q);
  dogleg.restrict(q, q.fixed, zero);
  double reduction = 0;
  for (double part = 1e-3; part < 1.2; part *= 1.3) {
    Trial<double> trial{.radius = part * full};
    Vector d;
    REQUIRE(dogleg.solve(q, zero, trial, d));
    const double length = d.cwiseProduct(scale).norm();
    CHECK(length == doctest::Approx(std::min(part, 1.0) * full).epsilon(1e-12));
    const double reached = -q.gradient.dot(d) - (q.jacobian * d).squaredNorm() / 2;
    CHECK(reached >= reduction);  // the model falls along the path
    reduction = reached;
    if (part < 1e-2) {  // at first it is steepest descent in the metric
      const Vector steepest = -q.gradient.cwiseQuotient(scale.cwiseAbs2());
      CHECK((d / d.norm() - steepest / steepest.norm()).norm() <= 1e-14);
    }
  }
  CHECK(dogleg.inner.solves == 1);  // however often the radius changes
}

TEST_CASE("dogleg_holds_variables_at_their_displacement") {
  const auto q = model<double>(random_matrix(12, 3, 1), random_vector(12, 2), Vector::Ones(3));
  osculate::Mask fixed = osculate::Mask::Constant(3, false);
  fixed[1] = true;
  const Vector held{{0, 0.2, 0}};
  osculate::Dogleg<double, DenseSolve> dogleg;
  dogleg.restrict(q, fixed, held);
  for (const double radius : {1e-3, 0.1, 1e3}) {
    Trial<double> trial{.radius = radius};
    Vector d;
    REQUIRE(dogleg.solve(q, held, trial, d));
    CHECK(d[1] == 0.2);
    CHECK((d - held).norm() <= radius * (1 + 1e-14));
    if (radius > 1) CHECK((d - reference_step(q, 0, fixed, held)).norm() <= 1e-14);
  }
}

TEST_CASE("metric_is_the_running_maximum_of_the_column_norms") {
  Residuals problem = rosenbrock();
  std::vector<double> first;
  const Fit fit = run_gauss_newton(problem, Vector{{-1.2, 1}}, {}, {}, {}, [&](const auto&, const Vector& x) {
    first.push_back(std::hypot(20 * x[0], 1));
    return true;
  });
  CHECK(fit.scale[0] == doctest::Approx(*std::max_element(first.begin(), first.end())).epsilon(1e-14));
  CHECK(fit.scale[1] == 10);
  Residuals again = rosenbrock();
  CHECK(run_gauss_newton(again, Vector{{-1.2, 1}}, {.scale = Vector{{3, 4}}}).scale == Vector{{3, 4}});
}
