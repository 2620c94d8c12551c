// linsolve/sparse_cholesky.hpp against dense matrices. A large banded problem is in test_sparse_problems.cpp.

#include <doctest/doctest.h>

#include <osculate/linsolve/scaled_step.hpp>
#include <osculate/linsolve/sparse_cholesky.hpp>

#include "models.hpp"
#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

using Step = ScaledStep<double, SparseCholeskyFactor<double>>;

/// Elements of a full matrix with a density of about a quarter, at least one in every column and row.
Matrix<double> thinned(Index m, Index n, unsigned seed) {
  const Matrix<double> keep = random_matrix(m, n, seed + 1000);
  Matrix<double> j = (keep.array() > 0.5).select(random_matrix(m, n, seed), 0.0);
  for (Index i = 0; i < std::max(m, n); ++i) j(i % m, i % n) = 1.5;
  return j;
}

void check_step(Step& step, const Matrix<double>& j, const Vector<double>& scale, const Mask& fixed,
                const Vector<double>& held, double lambda) {
  const Vector<double> r = random_vector(j.rows(), 3);
  const auto q = tests::model<double>(SparseMatrix<double>(j.sparseView()), r, scale);
  step.prepare(q);
  step.restrict(q, fixed, held);
  Trial<double> trial{.damping = lambda};
  Vector<double> d;
  REQUIRE(step.solve(q, held, trial, d));
  const auto dense = tests::model<double>(j, r, scale);
  const Vector<double> expected = tests::reference_step(dense, lambda, fixed, held);
  CHECK((d - expected).norm() <= 1e-12 * expected.norm());  // condition^2 eps, with a condition below 60
}

/// Ones at j - 1, j and j + 1 of row j.
SparseMatrix<double> banded(Index n) {
  SparseMatrix<double> j(n, n);
  for (Index k = 0; k < n; ++k)
    for (Index i = std::max<Index>(0, k - 1); i < std::min(n, k + 2); ++i) j.insert(i, k) = 1;
  j.makeCompressed();
  return j;
}

}  // namespace

TEST_CASE("sparse_step_equals_the_dense_one_damped_or_not_with_or_without_fixed_variables") {
  const Vector<double> scale = random_vector(12, 5).array() + 2;
  Mask fixed = Mask::Constant(12, false);
  Vector<double> held = Vector<double>::Zero(12);
  Step step;
  for (const double lambda : {0.0, 0.3}) check_step(step, thinned(40, 12, 1), scale, fixed, held, lambda);
  fixed[0] = fixed[7] = true;
  held[7] = -0.4;
  for (const double lambda : {0.0, 0.3}) check_step(step, thinned(40, 12, 1), scale, fixed, held, lambda);
}

TEST_CASE("sparse_step_follows_a_changing_pattern_fuller_then_thinner") {
  const Vector<double> scale = Vector<double>::Ones(12), held = Vector<double>::Zero(12);
  const Mask fixed = Mask::Constant(12, false);
  Step step;
  Matrix<double> j = thinned(40, 12, 1);
  check_step(step, j, scale, fixed, held, 0.1);
  j(3, 11) = j(3, 0) = 2;  // more entries
  check_step(step, j, scale, fixed, held, 0.1);
  j.row(5).setZero(), j(5, 2) = 1;  // fewer
  check_step(step, j, scale, fixed, held, 0.1);
  check_step(step, thinned(40, 12, 9), scale, fixed, held, 0.1);  // as many, elsewhere
}

TEST_CASE("sparse_step_keeps_variables_without_influence_an_empty_column") {
  Matrix<double> j = thinned(30, 6, 2);
  j.col(4).setZero();
  Vector<double> scale = j.colwise().norm().transpose();
  Step step;
  check_step(step, j, scale, scale.array() == 0, Vector<double>::Zero(6), 0);
}

TEST_CASE("sparse_factor_refuses_a_singular_matrix_and_takes_it_damped") {
  Matrix<double> j = thinned(30, 6, 2);
  j.col(4) = 2 * j.col(1);
  const auto q = tests::model<double>(SparseMatrix<double>(j.sparseView()), random_vector(30, 1),
                                      Vector<double>::Ones(6));
  Step step;
  step.prepare(q);
  step.restrict(q, q.fixed, Vector<double>::Zero(6));
  Trial<double> trial;
  Vector<double> d;
  CHECK_FALSE(step.solve(q, d, trial, d));
  check_step(step, j, Vector<double>::Ones(6), q.fixed, Vector<double>::Zero(6), 0.1);
}

TEST_CASE("sparse_factor_answers_like_dense_matrices") {
  const Matrix<double> j = thinned(40, 8, 4), a = j.transpose() * j + 0.5 * Matrix<double>::Identity(8, 8);
  const Vector<double> ones = Vector<double>::Ones(8), v = random_vector(8, 6);
  const auto q = tests::model<double>(SparseMatrix<double>(j.sparseView()), random_vector(40, 1), ones);
  SparseCholeskyFactor<double> factor;
  factor.prepare(q, ones);
  factor.restrict(q.fixed, Vector<double>::Zero(8));
  REQUIRE(factor.factorize(0.5));
  CHECK(factor.size() == 8);
  CHECK(factor.gradient_norm() == doctest::Approx(q.gradient.norm()).epsilon(1e-14));
  CHECK(factor.magnitude() == doctest::Approx(a.diagonal().maxCoeff() - 0.5).epsilon(1e-14));
  CHECK(factor.inverse_form(v) == doctest::Approx(v.dot(a.ldlt().solve(v))).epsilon(1e-13));
  Vector<double> b = v;
  factor.solve_for(b);
  CHECK((a * b + v).norm() <= 1e-13 * v.norm());
}

TEST_CASE("count_factor_nonzeros_equals_those_of_the_factor") {
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    const SparseMatrix<double> j = thinned(30, 60, seed).sparseView();
    const SparseMatrix<double> a = (SparseMatrix<double>(j.transpose()) * j).eval();
    Eigen::SimplicialLDLT<SparseMatrix<double>> ldlt;
    ldlt.setShift(1000);
    ldlt.compute(a);
    REQUIRE(ldlt.info() == Eigen::Success);
    const Index made = ldlt.matrixL().nestedExpression().nonZeros();
    CHECK(count_factor_nonzeros(j, 1e9) == static_cast<double>(made));
  }
}

TEST_CASE("count_factor_nonzeros_is_exact_known_factors") {
  CHECK(count_factor_nonzeros(banded(1000), 1e9) == 2 * 1000 - 3);  // J'J has two subdiagonals, without fill
  SparseMatrix<double> identity(50, 50);
  identity.setIdentity();
  CHECK(count_factor_nonzeros(identity, 1e9) == 0);
  const SparseMatrix<double> full = Matrix<double>::Ones(5, 40).sparseView();
  CHECK(count_factor_nonzeros(full, 1e9) == 40 * 39 / 2);
}

TEST_CASE("count_factor_nonzeros_is_infinite_beyond_the_limit") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(count_factor_nonzeros(banded(1000), 1996) == infinity);
  CHECK(count_factor_nonzeros(banded(1000), 1997) == 1997);
  // A dense row: J'J is full with 10^10 entries, which are not formed.
  SparseMatrix<double> row(1, 100000);
  for (Index k = 0; k < row.cols(); ++k) row.insert(0, k) = 1;
  CHECK(count_factor_nonzeros(row, 1e6) == infinity);
}

TEST_CASE("factor_bytes_counts_a_value_and_an_index") {
  CHECK(factor_bytes<double>(10) == 120);
  CHECK(factor_bytes<float>(10) == 80);
}
