// linsolve/subproblem.hpp and linsolve/modified_cholesky.hpp, by their optimality conditions.

#include <doctest/doctest.h>

#include <osculate/linsolve/modified_cholesky.hpp>
#include <osculate/linsolve/subproblem.hpp>

#include "krylov.hpp"

using namespace osculate;
using tests::random_vector, tests::symmetric;

namespace {

/// More & Sorensen's conditions, to `error` relative to the sizes of what is compared.
void check_optimal(const Matrix<double>& b, const Vector<double>& g, double radius,
                   const Subproblem<double>& s, double error) {
  const Index n = g.size();
  const double least = Eigen::SelfAdjointEigenSolver<Matrix<double>>(b).eigenvalues()[0];
  const double size = b.cwiseAbs().maxCoeff() * static_cast<double>(n);
  CHECK(s.lambda >= 0);
  CHECK(least + s.lambda >= -error * size);
  CHECK(s.d.norm() <= radius * (1 + 1e-14 * static_cast<double>(n)));
  CHECK(((b * s.d + s.lambda * s.d + g).norm()) <= error * (g.norm() + (size + s.lambda) * s.d.norm()));
  if (s.lambda > 0) CHECK(s.d.norm() == doctest::Approx(radius).epsilon(error));
  const double rounding = 1e-15 * static_cast<double>(n) * (g.norm() + size * s.d.norm()) * s.d.norm();
  CHECK(std::abs(s.reduction + g.dot(s.d) + s.d.dot(b * s.d) / 2) <= rounding);
  CHECK(s.reduction >= 0);
}

}  // namespace

TEST_CASE("subproblem_is_optimal_definite_indefinite_and_singular") {
  for (const Index n : {1, 2, 10, 40})
    for (const double least : {0.5, 1e-9, 0.0, -1e-9, -2.0})
      for (const double radius : {1e-6, 0.1, 1.0, 30.0, 1e6}) {
        CAPTURE(n);
        CAPTURE(least);
        CAPTURE(radius);
        Vector<double> values = Vector<double>::LinSpaced(n, least, least + 5);
        const Matrix<double> b = symmetric(values, 1);
        const Vector<double> g = random_vector(n, 2);
        check_optimal(b, g, radius, solve_subproblem<double>(g, b, radius), 1e-9);
      }
}

TEST_CASE("subproblem_is_newtons_step_inside") {
  const Matrix<double> b = symmetric(Vector<double>::LinSpaced(6, 1, 4), 1);
  const Vector<double> g = random_vector(6, 2), newton = -b.llt().solve(g);
  const Subproblem<double> s = solve_subproblem<double>(g, b, 2 * newton.norm());
  CHECK(s.d == newton);
  CHECK(s.lambda == 0);
  CHECK_FALSE(s.at_radius);
  CHECK(solve_subproblem<double>(g, b, newton.norm() / 2).at_radius);
}

TEST_CASE("subproblem_fills_up_along_the_lowest_eigenvector_in_the_hard_case") {
  const Vector<double> values = Vector<double>::LinSpaced(8, -2, 5);
  const Matrix<double> b = symmetric(values, 3);
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> eigen(b);
  Vector<double> along = random_vector(8, 4);
  along[0] = 0;
  const Vector<double> g = eigen.eigenvectors() * along;
  const Subproblem<double> hard = solve_subproblem<double>(g, b, 100.0);
  CHECK(hard.hard_case);
  CHECK(hard.lambda == doctest::Approx(2).epsilon(1e-12));
  check_optimal(b, g, 100, hard, 1e-12);
  CHECK_FALSE(solve_subproblem<double>(g, b, 0.01).hard_case);
  // At a stationary point that is no minimum there is nothing but the eigenvector.
  const Subproblem<double> saddle = solve_subproblem<double>(Vector<double>::Zero(8), b, 3.0);
  CHECK(saddle.hard_case);
  CHECK(saddle.reduction == doctest::Approx(9).epsilon(1e-12));
  CHECK(solve_subproblem<double>(Vector<double>::Zero(8), b + 4 * Matrix<double>::Identity(8, 8), 3.0)
            .d.isZero(0));
}

TEST_CASE("subproblem_of_a_singular_model_takes_the_least_norm_where_it_has_a_minimum") {
  Vector<double> values = Vector<double>::LinSpaced(8, 0, 5);
  values[1] = 0;
  const Matrix<double> b = symmetric(values, 3);
  const Vector<double> g = b * random_vector(8, 1);
  const Subproblem<double> s = solve_subproblem<double>(g, b, 1e3);
  CHECK(s.lambda == 0);
  CHECK_FALSE(s.at_radius);
  CHECK((s.d + b.completeOrthogonalDecomposition().solve(g)).norm() <= 1e-10);
}

TEST_CASE("modified_cholesky_shifts_what_is_not_definite") {
  for (const double least : {1.0, 0.0, -3.0}) {
    CAPTURE(least);
    const Matrix<double> a = symmetric(Vector<double>::LinSpaced(9, least, least + 6), 2);
    const ModifiedCholesky<double> m = modified_cholesky(a);
    const Matrix<double> shifted = a + m.shift * Matrix<double>::Identity(9, 9);
    CHECK((m.l * m.l.transpose() - shifted).norm() <= 1e-14 * shifted.norm());
    if (least != 0) CHECK((m.shift == 0) == (least > 0));
    CHECK(m.l.isLowerTriangular(0));
  }
  CHECK(modified_cholesky(Matrix<double>(0, 0)).l.size() == 0);
  CHECK(modified_cholesky(Matrix<double>(Matrix<double>::Zero(3, 3))).shift > 0);
}
