// linsolve/cholesky.hpp, qr.hpp, dense.hpp and scaled_step.hpp: (J'J + lambda D^2) d = -J'r for dense J.

#include <doctest/doctest.h>

#include <osculate/linsolve/dense.hpp>
#include <osculate/linsolve/scaled_step.hpp>

#include "models.hpp"
#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

using Model = GaussNewtonModel<double, Matrix<double>>;
constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr LinearSolver solvers[] = {LinearSolver::automatic, LinearSolver::cholesky, LinearSolver::qr};

struct Solved {
  bool done;
  Vector<double> d;
};

/// The step of `solver` with `lambda` and no radius.
Solved step(const Model& q, LinearSolver solver, double lambda, const Mask& fixed,
            const Vector<double>& held) {
  ScaledStep<double, DenseFactor<double>> scaled;
  scaled.factor.solver = solver;
  scaled.prepare(q);
  scaled.restrict(q, fixed, held);
  Trial<double> trial{.damping = lambda};
  Solved solved{false, {}};
  solved.done = scaled.solve(q, held, trial, solved.d);
  return solved;
}
Solved step(const Model& q, LinearSolver solver, double lambda) {
  return step(q, solver, lambda, q.fixed, Vector<double>::Zero(q.scale.size()));
}

/// J with singular values from 1 to 1 / condition.
Matrix<double> conditioned(Index m, Index n, double condition) {
  const Matrix<double> u = random_matrix(m, n, 11).householderQr().householderQ() *
                           Matrix<double>::Identity(m, n),
                       v = random_matrix(n, n, 12).householderQr().householderQ();
  Vector<double> s(n);
  for (Index i = 0; i < n; ++i)
    s[i] = std::pow(condition, -static_cast<double>(i) / static_cast<double>(n - 1));
  return u * s.asDiagonal() * v.transpose();
}

}  // namespace

TEST_CASE("dense_step_equals_the_reference_every_solver_and_damping") {
  for (const Index n : {1, 4, 20}) {
    const Vector<double> scale = random_vector(n, 3).array() + 2;
    const Model q = tests::model(random_matrix(60, n, 1), random_vector(60, 2), scale);
    const Vector<double> zero = Vector<double>::Zero(n);
    for (const LinearSolver solver : solvers)
      for (const double lambda : {0.0, 1e-3, 1.0, 1e6}) {
        CAPTURE(lambda);
        CAPTURE(static_cast<int>(solver));
        const Solved solved = step(q, solver, lambda);
        REQUIRE(solved.done);
        // The condition number of J D^-1 is below 10, and 10^2 eps n = 4e-13 for the normal matrix.
        CHECK((solved.d - tests::reference_step(q, lambda, q.fixed, zero)).norm() <= 5e-13 * solved.d.norm());
      }
  }
}

TEST_CASE("dense_step_holds_variables_at_their_displacement_every_solver") {
  const Vector<double> scale = random_vector(6, 3).array() + 2;
  const Model q = tests::model(random_matrix(40, 6, 4), random_vector(40, 5), scale);
  Mask fixed = Mask::Constant(6, false);
  fixed[1] = fixed[4] = true;
  Vector<double> held = Vector<double>::Zero(6);
  held[4] = 0.3;
  for (const LinearSolver solver : solvers)
    for (const double lambda : {0.0, 0.5}) {
      const Solved solved = step(q, solver, lambda, fixed, held);
      REQUIRE(solved.done);
      CHECK(solved.d[1] == 0);
      CHECK(solved.d[4] == 0.3);
      CHECK((solved.d - tests::reference_step(q, lambda, fixed, held)).norm() <= 1e-13 * solved.d.norm());
    }
}

TEST_CASE("dense_step_stays_put_every_variable_fixed") {
  const Model q = tests::model<double>(random_matrix(9, 3, 4), random_vector(9, 5), Vector<double>::Ones(3));
  for (const LinearSolver solver : solvers) {
    const Solved solved = step(q, solver, 0, Mask::Constant(3, true), Vector<double>::Zero(3));
    REQUIRE(solved.done);
    CHECK(solved.d.isZero(0));
  }
}

TEST_CASE("dense_step_has_minimum_norm_rank_deficient_and_undamped") {
  Matrix<double> j = random_matrix(20, 4, 6);
  j.col(3) = 2 * j.col(0) - j.col(1);
  const Vector<double> scale{{1, 3, 0.5, 2}};
  const Model q = tests::model(j, random_vector(20, 7), scale);
  // The least |D d| among all minimizers of |J d + r|.
  const Matrix<double> scaled = j * scale.cwiseInverse().asDiagonal();
  const Vector<double> least = scaled.completeOrthogonalDecomposition().solve(-q.residual);
  for (const LinearSolver solver : {LinearSolver::automatic, LinearSolver::qr}) {
    const Solved solved = step(q, solver, 0);
    REQUIRE(solved.done);
    CHECK((solved.d.cwiseProduct(scale) - least).norm() <= 1e-13 * least.norm());  // condition below 100
  }
  CHECK_FALSE(step(q, LinearSolver::cholesky, 0).done);  // refused instead of garbage
}

TEST_CASE("dense_step_equals_the_damped_reference_rank_deficient") {
  Matrix<double> j = random_matrix(20, 4, 6);
  j.col(3) = 2 * j.col(0) - j.col(1);
  const Vector<double> scale{{1, 3, 0.5, 2}};
  const Model q = tests::model(j, random_vector(20, 7), scale);
  const Vector<double> zero = Vector<double>::Zero(4);
  for (const LinearSolver solver : solvers)
    for (const double lambda : {1e-3, 1.0}) {
      const Solved solved = step(q, solver, lambda);
      REQUIRE(solved.done);
      const double condition = scale.cwiseInverse().maxCoeff() * j.norm() / std::sqrt(lambda);  // at most
      CHECK((solved.d - tests::reference_step(q, lambda, q.fixed, zero)).norm() <=
            condition * condition * eps * solved.d.norm());
    }
}

TEST_CASE("dense_step_solves_every_equation_fewer_rows_than_columns") {
  const Model q = tests::model<double>(random_matrix(3, 7, 8), random_vector(3, 9), Vector<double>::Ones(7));
  for (const LinearSolver solver : {LinearSolver::automatic, LinearSolver::qr}) {
    const Solved solved = step(q, solver, 0);
    REQUIRE(solved.done);
    CHECK((q.jacobian * solved.d + q.residual).norm() <= 1e-14);
    const Vector<double> least = q.jacobian.completeOrthogonalDecomposition().solve(-q.residual);
    CHECK((solved.d - least).norm() <= 1e-14 * least.norm());
  }
  const Solved damped = step(q, LinearSolver::automatic, 0.1);
  REQUIRE(damped.done);
  const Vector<double> zero = Vector<double>::Zero(7);
  CHECK((damped.d - tests::reference_step(q, 0.1, q.fixed, zero)).norm() <= 1e-13 * damped.d.norm());
}

TEST_CASE("automatic_takes_cholesky_well_conditioned") {
  const Model q =
      tests::model<double>(conditioned(50, 5, 1e2), random_vector(50, 2), Vector<double>::Ones(5));
  CHECK(step(q, LinearSolver::automatic, 0).d == step(q, LinearSolver::cholesky, 0).d);
  CHECK(step(q, LinearSolver::automatic, 0).d != step(q, LinearSolver::qr, 0).d);
}

TEST_CASE("automatic_takes_qr_ill_conditioned") {
  const double condition = 1e7;
  const Matrix<double> j = conditioned(50, 5, condition);
  const Vector<double> exact = Vector<double>::Ones(5);
  const Model q = tests::model<double>(j, Vector<double>(-(j * exact)), Vector<double>::Ones(5));
  const Solved solved = step(q, LinearSolver::automatic, 0);
  CHECK(solved.d == step(q, LinearSolver::qr, 0).d);
  CHECK((solved.d - exact).norm() <= 50 * condition * eps * exact.norm());  // m condition eps, zero residual
  // With damping that makes it well-conditioned it is Cholesky's turn again.
  CHECK(step(q, LinearSolver::automatic, 1e-2).d == step(q, LinearSolver::cholesky, 1e-2).d);
}

TEST_CASE_TEMPLATE("factor_answers_like_dense_matrices", Factor, CholeskyFactor<double>, QrFactor<double>) {
  const Matrix<double> j = random_matrix(30, 5, 13);
  const Vector<double> ones = Vector<double>::Ones(5), v = random_vector(5, 14);
  const Model q = tests::model<double>(j, random_vector(30, 15), ones);
  Factor factor;
  if constexpr (std::is_same_v<Factor, QrFactor<double>>)
    factor.prepare(q.jacobian, q.residual, ones);
  else
    factor.prepare(q, ones);
  factor.restrict(q.fixed, Vector<double>::Zero(5));
  CHECK(factor.size() == 5);
  CHECK(factor.gradient_norm() == doctest::Approx(q.gradient.norm()).epsilon(1e-13));
  CHECK(factor.magnitude() == doctest::Approx((j.transpose() * j).diagonal().maxCoeff()).epsilon(1e-13));
  for (const double lambda : {0.0, 0.7}) {
    const Matrix<double> a = j.transpose() * j + lambda * Matrix<double>::Identity(5, 5);
    REQUIRE(factor.factorize(lambda));
    CHECK(factor.full_rank());
    Vector<double> z;
    factor.solve(z);
    CHECK((a * z + q.gradient).norm() <= 1e-13 * q.gradient.norm());
    CHECK(factor.inverse_form(v) == doctest::Approx(v.dot(a.ldlt().solve(v))).epsilon(1e-13));
    Vector<double> b = v;
    factor.solve_for(b);
    CHECK((a * b + v).norm() <= 1e-13 * v.norm());
  }
}

TEST_CASE("reciprocal_condition_bounds_the_true_one_from_above") {
  for (const double condition : {1e1, 1e3, 1e5}) {
    const Model q =
        tests::model<double>(conditioned(40, 6, condition), random_vector(40, 1), Vector<double>::Ones(6));
    CholeskyFactor<double> factor;
    factor.prepare(q, Vector<double>::Ones(6));
    factor.restrict(q.fixed, Vector<double>::Zero(6));
    REQUIRE(factor.factorize(0));
    CHECK(factor.reciprocal_condition() >= 1 / (condition * condition) * (1 - 1e-5));
    CHECK(factor.reciprocal_condition() <= 1);
  }
}
