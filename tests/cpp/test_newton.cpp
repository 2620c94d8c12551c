// solve/newton.hpp, curvature/hessian.hpp: rates, saddles, maxima and bounds.

#include <doctest/doctest.h>

#include "random.hpp"
#include "solve.hpp"

using namespace tests;
using osculate::is_success, osculate::NewtonStrategy, osculate::Result;

namespace {

constexpr NewtonStrategy strategies[] = {NewtonStrategy::trust_region, NewtonStrategy::line_search};

/// x^4 / 4 - x^2 / 2 + y^2 / 2: minima of value -1/4 at (+-1, 0), a saddle at 0.
Function double_well() {
  return {.f = [](const Vector& x) { return std::pow(x[0], 4) / 4 - x[0] * x[0] / 2 + x[1] * x[1] / 2; },
          .d =
              [](const Vector& x, Vector& g, Matrix& h) {
                g << std::pow(x[0], 3) - x[0], x[1];
                h << 3 * x[0] * x[0] - 1, 0, 0, 1;
              }};
}

/// g'x + x'Bx / 2.
Function quadratic(const Vector& g, const Matrix& b) {
  return {.f = [=](const Vector& x) { return g.dot(x) + x.dot(b * x) / 2; },
          .d =
              [=](const Vector& x, Vector& gradient, Matrix& h) {
                gradient = g + b * x;
                h = b;
              }};
}

/// cos x: maxima at the multiples of 2 pi.
Function cosine_curve() {
  return {.f = [](const Vector& x) { return std::cos(x[0]); },
          .d =
              [](const Vector& x, Vector& g, Matrix& h) {
                g[0] = -std::sin(x[0]);
                h(0, 0) = -std::cos(x[0]);
              }};
}

}  // namespace

TEST_CASE("newton_defaults_are_the_documented_ones") {
  const NewtonOptions options;
  CHECK(options.tolerances.gtol == 1e-8);
  CHECK(options.tolerances.ftol == 0);
  CHECK(options.tolerances.xtol == 0);
  CHECK(options.strategy == NewtonStrategy::trust_region);
  CHECK(options.initial_radius == 1);
  CHECK(options.scale.size() == 0);
}

TEST_CASE("one_step_solves_a_convex_quadratic_both_strategies") {
  const Matrix a = random_matrix(6, 6, 1), b = a.transpose() * a + Matrix::Identity(6, 6);
  const Vector g = random_vector(6, 2);
  for (const NewtonStrategy strategy : strategies) {
    Function f = quadratic(g, b);
    const Result<double> fit = run_newton(f, Vector::Ones(6), {.strategy = strategy, .initial_radius = 100});
    CHECK(fit.status == Status::gradient);
    CHECK(fit.iterations == 1);
    CHECK((fit.x + b.ldlt().solve(g)).norm() <= 1e-13);  // condition below 20
    CHECK((g + b * fit.x).lpNorm<Eigen::Infinity>() <= 1e-8);
  }
}

TEST_CASE("newton_converges_quadratically_rosenbrock_both_strategies") {
  for (const NewtonStrategy strategy : strategies) {
    CAPTURE(static_cast<int>(strategy));
    Function f = rosenbrock_function();
    std::vector<double> errors;
    NewtonOptions options{.strategy = strategy};
    options.tolerances.gtol = 1e-13;
    const Result<double> fit =
        run_newton(f, Vector{{-1.2, 1}}, options, {}, [&](const auto&, const Vector& x) {
          errors.push_back((x - Vector::Ones(2)).norm());
          return true;
        });
    CHECK(fit.status == Status::gradient);
    CHECK((fit.x - Vector::Ones(2)).norm() <= 1e-12);  // |H^-1| gtol, with H's smallest eigenvalue 0.4
    CHECK(fit.evaluations <= 40);
    int seen = 0;
    // e' <= |H^-1| L e^2 / 2 with |H^-1| = 2.5 and a Lipschitz constant L of H below 3000 near the minimum.
    for (std::size_t k = 1; k < errors.size(); ++k)
      if (errors[k - 1] < 1e-2) {
        CHECK(errors[k] <= 4000 * errors[k - 1] * errors[k - 1] + 1e-15);
        ++seen;
      }
    CHECK(seen >= 2);
  }
}

TEST_CASE("newton_leaves_a_saddle_along_its_negative_curvature") {
  for (const double y : {0.0, 1.0, 1e-9}) {
    Function f = double_well();
    const Result<double> fit = run_newton(f, Vector{{0, y}});
    CHECK(fit.status == Status::gradient);
    CHECK(std::abs(fit.x[0]) == doctest::Approx(1).epsilon(1e-8));
    CHECK(fit.cost == doctest::Approx(-0.25).epsilon(1e-14));
  }
}

TEST_CASE("newton_leaves_a_maximum") {
  for (const double start : {0.0, 2 * 3.141592653589793, 1e-3}) {
    Function f = cosine_curve();
    const Result<double> fit = run_newton(f, Vector{{start}});
    CHECK(fit.status == Status::gradient);
    CHECK(fit.cost == -1);
  }
}

TEST_CASE("stationary_points_are_left_along_their_negative_curvature_both_strategies") {
  for (const NewtonStrategy strategy : strategies) {
    // With a gradient of exactly zero only the Hessian shows the way.
    Function saddle = double_well(), maximum = cosine_curve();
    const Result<double> from_saddle = run_newton(saddle, Vector{{0, 0}}, {.strategy = strategy});
    CHECK(from_saddle.status == Status::gradient);
    CHECK(from_saddle.cost == doctest::Approx(-0.25).epsilon(1e-14));
    for (const double start : {0.0, 1e-3}) {
      const Result<double> fit = run_newton(maximum, Vector{{start}}, {.strategy = strategy});
      CHECK(fit.status == Status::gradient);
      CHECK(fit.cost == -1);
    }
  }
}

TEST_CASE("negative_curvature_that_points_off_a_bound_is_followed_both_strategies") {
  // x^2 - y^2 + y^4 from (1, 0) with y on its bound 0, from above or from below.
  for (const NewtonStrategy strategy : strategies)
    for (const double side : {1.0, -1.0}) {
      Function f{.f = [](const Vector& x) { return x[0] * x[0] - x[1] * x[1] + std::pow(x[1], 4); },
                 .d =
                     [](const Vector& x, Vector& g, Matrix& h) {
                       g << 2 * x[0], -2 * x[1] + 4 * std::pow(x[1], 3);
                       h << 2, 0, 0, -2 + 12 * x[1] * x[1];
                     }};
      const Bounds bounds{Vector{{-2, side > 0 ? 0.0 : -2}}, Vector{{2, side > 0 ? 2.0 : 0}}};
      const Result<double> fit = run_newton(f, Vector{{1, 0}}, {.strategy = strategy}, bounds);
      CHECK(fit.status == Status::gradient);
      CHECK(fit.cost == doctest::Approx(-0.25).epsilon(1e-12));
      CHECK(fit.x[1] * side == doctest::Approx(std::sqrt(0.5)).epsilon(1e-6));
    }
}

TEST_CASE("a_saddle_that_cannot_be_left_is_reported_both_strategies") {
  // Where f is not finite away from the saddle no step can be accepted.
  for (const NewtonStrategy strategy : strategies) {
    Function f{.f =
                   [](const Vector& x) {
                     return x[0] == 0 ? x[1] * x[1] : x[0] * x[0] + x[1] * x[1];  // not what h says
                   },
               .d =
                   [](const Vector& x, Vector& g, Matrix& h) {
                     g << -2 * x[0], 2 * x[1];
                     h << -2, 0, 0, 2;
                   }};
    CHECK(run_newton(f, Vector{{0, 0}}, {.strategy = strategy}).status == Status::saddle);
  }
}

TEST_CASE("a_saddle_far_away_ends_at_a_minimum_or_without_success_both_strategies") {
  // Started on the stable manifold of the saddle (x = 0), where the gradient never shows the way out.
  for (const NewtonStrategy strategy : strategies) {
    Function f = double_well();
    const Result<double> fit = run_newton(f, Vector{{0, 3}}, {.strategy = strategy});
    if (is_success(fit.status)) CHECK(fit.cost == doctest::Approx(-0.25).epsilon(1e-14));
    if (strategy == NewtonStrategy::trust_region) CHECK(is_success(fit.status));
  }
}

TEST_CASE("an_unbounded_function_is_no_success") {
  for (const NewtonStrategy strategy : strategies) {
    Function f = quadratic(Vector{{1, 0}}, (Matrix(2, 2) << -1, 0, 0, 1).finished());
    const Result<double> fit = run_newton(f, Vector{{0, 1}}, {.strategy = strategy});
    CHECK_FALSE(is_success(fit.status));
    CHECK(fit.cost < -1e3);
  }
}

TEST_CASE("a_singular_minimum_counts_as_one") {
  // x^4: the Hessian vanishes with the gradient; convergence is linear with 2/3.
  Function f{.f = [](const Vector& x) { return std::pow(x[0], 4); },
             .d =
                 [](const Vector& x, Vector& g, Matrix& h) {
                   g[0] = 4 * std::pow(x[0], 3);
                   h(0, 0) = 12 * x[0] * x[0];
                 }};
  for (const NewtonStrategy strategy : strategies) {
    const Result<double> fit = run_newton(f, Vector{{1}}, {.strategy = strategy});
    CHECK(fit.status == Status::gradient);
    CHECK(4 * std::pow(std::abs(fit.x[0]), 3) <= 1e-8);
  }
}

TEST_CASE("newton_satisfies_kkt_at_active_bounds_both_strategies") {
  const struct {
    Bounds bounds;
    Vector x0;
  } cases[] = {{{.lower = Vector{{-2, -2}}, .upper = Vector{{0.5, 2}}}, Vector{{-1.2, 1}}},
               {{.lower = Vector{{1.5, -2}}, .upper = Vector{{3, 3}}}, Vector{{2, -1}}},
               {{.lower = Vector{{2, 2}}, .upper = Vector{{5, 3}}}, Vector{{4, 2.5}}},
               {{.lower = Vector{{-1.2, -2}}, .upper = Vector{{2, 1}}}, Vector{{-1.2, 1}}}};
  for (const auto& c : cases)
    for (const NewtonStrategy strategy : strategies) {
      CAPTURE(c.x0);
      CAPTURE(static_cast<int>(strategy));
      Function f = rosenbrock_function();
      f.f = [inner = f.f, &c](const Vector& x) {
        CHECK((x.array() >= c.bounds.lower.array()).all());
        CHECK((x.array() <= c.bounds.upper.array()).all());
        return inner(x);
      };
      const Result<double> fit = run_newton(f, c.x0, {.strategy = strategy}, c.bounds);
      CHECK(fit.status == Status::gradient);
      CHECK(kkt_violation(fit.x, fit.gradient, c.bounds) <= 1e-8);
    }
}

TEST_CASE("negative_curvature_ends_on_a_bound_both_strategies") {
  // -x^2 / 2 + x / 10 within [-1, 2]: minima at both ends, a maximum inside.
  for (const NewtonStrategy strategy : strategies)
    for (const double start : {-0.5, 0.0, 1.0}) {
      const Bounds bounds{.lower = Vector{{-1}}, .upper = Vector{{2}}};
      Function f = quadratic(Vector{{0.1}}, (Matrix(1, 1) << -1).finished());
      const Result<double> fit = run_newton(f, Vector{{start}}, {.strategy = strategy}, bounds);
      CHECK(fit.status == Status::gradient);
      CHECK(fit.x[0] == (start > 0.1 ? 2 : -1));
    }
}

TEST_CASE("a_maximum_on_a_bound_is_no_success") {
  // -x^2 / 2 at x = 0 with 0 <= x <= 3 or -3 <= x <= 0: the gradient is zero, the way out is inward.
  for (const NewtonStrategy strategy : strategies)
    for (const double side : {1.0, -1.0}) {
      const Bounds bounds{.lower = Vector{{std::min(0.0, 3 * side)}},
                          .upper = Vector{{std::max(0.0, 3 * side)}}};
      Function f = quadratic(Vector{{0}}, (Matrix(1, 1) << -1).finished());
      const Result<double> fit = run_newton(f, Vector{{0}}, {.strategy = strategy}, bounds);
      CHECK((fit.x[0] == 3 * side || !is_success(fit.status)));
    }
}

TEST_CASE("fixed_parameters_do_not_count_in_the_hessian") {
  // The saddle's negative curvature belongs to the parameter that may not move.
  Function f = double_well();
  const Result<double> fit =
      run_newton(f, Vector{{0, 2}}, {}, {.fixed_always = (osculate::Mask(2) << true, false).finished()});
  CHECK(fit.status == Status::gradient);
  CHECK(fit.x == Vector{{0, 0}});
}

TEST_CASE("newton_ends_with_the_status_of_the_failure") {
  const double nan = std::nan("");
  Function value = rosenbrock_function(), hessian = rosenbrock_function();
  value.f = [=](const Vector&) { return nan; };
  hessian.d = [=](const Vector&, Vector& g, Matrix& h) { g.setOnes(), h.setConstant(nan); };
  for (Function* f : {&value, &hessian}) CHECK(run_newton(*f, Vector{{-1.2, 1}}).status == Status::nonfinite);
  Function f = rosenbrock_function();
  NewtonOptions options;
  options.tolerances.max_iterations = 2;
  CHECK(run_newton(f, Vector{{-1.2, 1}}, options).status == Status::max_iterations);
  CHECK(run_newton(f, Vector{{-1.2, 1}}, {}, {}, [](const auto&, const Vector&) { return false; }).status ==
        Status::user_stop);
}

TEST_CASE("scale_is_the_metric_of_the_trust_region") {
  // Variables in units a million apart: with D the iterates are those of the unscaled problem.
  Function f = rosenbrock_function(), stretched = rosenbrock_function();
  const double unit = std::ldexp(1.0, 20);
  stretched.f = [&](const Vector& x) { return f.f(Vector{{x[0], x[1] / unit}}); };
  stretched.d = [&](const Vector& x, Vector& g, Matrix& h) {
    f.d(Vector{{x[0], x[1] / unit}}, g, h);
    g[1] /= unit;
    h.row(1) /= unit, h.col(1) /= unit;
  };
  const Result<double> expected = run_newton(f, Vector{{-1.2, 1}});
  const Result<double> fit = run_newton(stretched, Vector{{-1.2, unit}}, {.scale = Vector{{1, 1 / unit}}});
  CHECK(fit.iterations == expected.iterations);
  CHECK(fit.x[0] == expected.x[0]);
  CHECK(fit.x[1] == unit * expected.x[1]);
}
