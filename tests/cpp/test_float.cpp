// Levenberg-Marquardt in single precision, through residual_problem() with lambdas, and the defaults of both
// precisions.

#include <doctest/doctest.h>

#include <osculate/solve/levenberg_marquardt.hpp>

#include "models.hpp"
#include "random.hpp"

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

TEST_CASE("dense_step_solves_the_damped_normal_equations_in_single_precision") {
  const Matrix<float> j = tests::random_matrix(30, 4, 1).cast<float>();
  const Vector<float> r = tests::random_vector(30, 2).cast<float>();
  const auto q = tests::model<float>(j, r, Vector<float>::Ones(4));
  for (const LinearSolver solver : {LinearSolver::cholesky, LinearSolver::qr}) {
    ScaledStep<float, DenseFactor<float>> step;
    step.factor.solver = solver;
    step.prepare(q);
    step.restrict(q, q.fixed, Vector<float>::Zero(4));
    Trial<float> trial{.damping = 0.1f};
    Vector<float> d, work, gradient;
    REQUIRE(step.solve(q, d, trial, d));
    q.gradient_at(d, work, gradient);
    // |J|^2 |d| and |J'r|, both below 20, times 30 eps of the sums they are
    CHECK((gradient + 0.1f * d).norm() <= 20 * 30 * std::numeric_limits<float>::epsilon());
  }
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

TEST_CASE("double_options_have_the_documented_defaults") {
  const LevenbergMarquardtOptions<double> options;
  CHECK(options.tolerances.ftol == 1e-8);
  CHECK(options.tolerances.xtol == 1e-8);
  CHECK(options.tolerances.gtol == 1e-8);
  CHECK(options.tolerances.max_iterations == 0);
  CHECK(options.tolerances.max_evaluations == 0);
  CHECK(options.damping == Damping::more);
  CHECK(options.initial_radius == 1);
  CHECK(options.scale.size() == 0);
  CHECK_FALSE(options.geodesic_acceleration);
  CHECK(options.linear.solver == LinearSolver::automatic);
  CHECK(options.linear.max_factor_bytes == 4e9);
  CHECK(options.linear.tolerance == 0);
  CHECK(options.linear.max_iterations == 0);
  CHECK(options.linear.threads == 1);
  CHECK(Loss<double>{}.kind == LossKind::linear);
  CHECK(Loss<double>{}.scale == 1);
}
