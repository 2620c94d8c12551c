// solve/newton.hpp where derivatives are wrong, not finite, or of very different size.

#include <doctest/doctest.h>

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

}  // namespace

TEST_CASE("a_gradient_that_contradicts_the_function_is_no_success_both_strategies") {
  // Steps are shortened until the rounding of f hides that they lead uphill.
  Function wrong = double_well();
  wrong.f = [f = wrong.f](const Vector& x) { return 1000 - f(x); };
  for (const NewtonStrategy strategy : strategies) {
    const Result<double> fit = run_newton(wrong, Vector{{2, 1}}, {.strategy = strategy});
    CHECK(!is_success(fit.status));
    CHECK(fit.optimality > 1);
  }
}

TEST_CASE("an_infinite_hessian_at_one_point_is_stepped_over_both_strategies") {
  // |x|^1.5 + (x - 1)^2: f''(0) is infinite. The minimum is where 1.5 sqrt(x) + 2 x = 2.
  Function f{.f = [](const Vector& x) { return std::pow(std::abs(x[0]), 1.5) + std::pow(x[0] - 1, 2); },
             .d =
                 [](const Vector& x, Vector& g, Matrix& h) {
                   const double root = std::sqrt(std::abs(x[0]));
                   g[0] = (x[0] < 0 ? -1.5 : 1.5) * root + 2 * (x[0] - 1);
                   h(0, 0) = 0.75 / root + 2;
                 }};
  for (const NewtonStrategy strategy : strategies) {
    const auto fit = run_newton(f, Vector{{0}}, {.strategy = strategy});
    CHECK(fit.status == Status::gradient);
    CHECK(std::abs(1.5 * std::sqrt(fit.x[0]) + 2 * fit.x[0] - 2) <= 1e-8);
  }
}

TEST_CASE("newton_line_search_takes_long_steps_along_slightly_negative_curvature") {
  // 1e6 (y - x / 10)^2 / 2 + cos(x / 10): the valley's curvature is 1e-8 of the Hessian's. A minimum is at
  // x = 10 pi; a shift of 1e-3 |H| allows steps of 1e-5.
  Function f{.f = [](const Vector& x) { return 5e5 * std::pow(x[1] - x[0] / 10, 2) + std::cos(x[0] / 10); },
             .d =
                 [](const Vector& x, Vector& g, Matrix& h) {
                   const double r = 1e6 * (x[1] - x[0] / 10);
                   g << -r / 10 - std::sin(x[0] / 10) / 10, r;
                   h << 1e4 - std::cos(x[0] / 10) / 100, -1e5, -1e5, 1e6;
                 }};
  const auto fit = run_newton(f, Vector{{1, 0}}, {.strategy = NewtonStrategy::line_search});
  CHECK(fit.status == Status::gradient);
  CHECK(std::cos(fit.x[0] / 10) == doctest::Approx(-1));
  CHECK(fit.iterations <= 50);
}

TEST_CASE("newton_goes_on_where_f_no_longer_resolves_the_progress") {
  // f is 1e6 and more: its rounding error hides what happens within 1e-5 of the minimum.
  for (const NewtonStrategy strategy : strategies) {
    Function f{.f = [](const Vector& x) { return 1e6 + std::cosh(x[0] - 3); },
               .d =
                   [](const Vector& x, Vector& g, Matrix& h) {
                     g[0] = std::sinh(x[0] - 3);
                     h(0, 0) = std::cosh(x[0] - 3);
                   }};
    const Result<double> fit = run_newton(f, Vector{{1}}, {.strategy = strategy});
    CHECK(fit.status == Status::gradient);
    CHECK(std::abs(fit.x[0] - 3) <= 1e-8);
  }
}

TEST_CASE("a_gradient_at_its_rounding_error_ends_in_success_below_gtol") {
  // The gradient is known to 1e-4 only: gtol = 1e-8 is out of reach, and f agrees that nothing is left.
  for (const NewtonStrategy strategy : strategies) {
    Function f{.f = [](const Vector& x) { return 1e9 + x[0] * x[0] / 2; },
               .d =
                   [](const Vector& x, Vector& g, Matrix& h) {
                     g[0] = x[0] + (x[0] > 0 ? 1e-4 : -1e-4);
                     h(0, 0) = 1;
                   }};
    const Result<double> fit = run_newton(f, Vector{{1}}, {.strategy = strategy});
    CHECK(fit.status == Status::cost);
    CHECK(std::abs(fit.x[0]) <= 3e-4);
  }
}
