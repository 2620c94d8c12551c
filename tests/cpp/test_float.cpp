// Levenberg-Marquardt in single precision, through residual_problem() with lambdas.

#include <doctest/doctest.h>

#include <osculate/solve/levenberg_marquardt.hpp>

using namespace osculate;

namespace {

const Vector<float> t{{1, 2, 3, 5, 7, 10}}, y{{109, 149, 149, 191, 213, 224}};

void box_bod(const Vector<float>& b, Vector<float>& r) {
  r = b[0] * (1 - (-b[1] * t.array()).exp()) - y.array();
}
void box_bod_jacobian(const Vector<float>& b, Matrix<float>& j) {
  j.col(0) = 1 - (-b[1] * t.array()).exp();
  j.col(1) = b[0] * t.array() * (-b[1] * t.array()).exp();
}

}  // namespace

TEST_CASE("three_digits_are_reached_in_single_precision_with_a_jacobian_or_differences") {
  const Vector<float> x0{{100, 0.75f}};
  auto exact = residual_problem<float>(6, box_bod, box_bod_jacobian);
  auto differenced = residual_problem<float>(6, box_bod);
  // gtol = 1e-4 leaves an error of gtol |r| / sigma: 1e-4 * 34 / (0.9 and 1.6e2), 4e-3 of 213 and 2e-5 of
  // 0.55.
  const auto certified = [](const auto& fit) {
    CHECK(is_success(fit.status));
    CHECK(fit.x[0] == doctest::Approx(213.80940889).epsilon(1e-3));
    CHECK(fit.x[1] == doctest::Approx(0.54723748542).epsilon(1e-3));
    CHECK(2 * fit.cost == doctest::Approx(1168.0088766).epsilon(1e-5));
  };
  certified(levenberg_marquardt(exact, x0));
  certified(levenberg_marquardt(differenced, x0));
  certified(levenberg_marquardt(exact, x0,
                                LevenbergMarquardtOptions<float>{.linear = {.solver = LinearSolver::qr}}));
}

TEST_CASE("bounds_hold_in_single_precision") {
  auto problem = residual_problem<float>(6, box_bod, box_bod_jacobian);
  const Bounds<float> bounds{.lower = Vector<float>{{0, 0}}, .upper = Vector<float>{{200, 10}}};
  const auto fit = levenberg_marquardt(problem, Vector<float>{{100, 0.75f}}, {}, bounds);
  CHECK(is_success(fit.status));
  CHECK(fit.x[0] == 200);
  CHECK(fit.fixed[0]);
  CHECK(fit.optimality <= 1e-2f);
}

TEST_CASE("float_options_have_the_documented_tolerances") {
  const LevenbergMarquardtOptions<float> options;
  CHECK(options.tolerances.gtol == 1e-4f);
  CHECK(options.tolerances.ftol == 4 * std::numeric_limits<float>::epsilon());
  CHECK(options.tolerances.xtol == 4 * std::numeric_limits<float>::epsilon());
}
