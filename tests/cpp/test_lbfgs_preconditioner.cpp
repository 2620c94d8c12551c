// linsolve/lbfgs_preconditioner.hpp: pairs of conjugate gradients as a preconditioner.

#include <doctest/doctest.h>

#include <Eigen/Eigenvalues>
#include <osculate/linsolve/cg.hpp>
#include <osculate/linsolve/lbfgs_preconditioner.hpp>

#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

const Index n = 12;

Matrix<double> positive_definite() {
  const Matrix<double> m = random_matrix(n, n, 1);
  return m.transpose() * m + Matrix<double>::Identity(n, n) / 10;
}

/// The preconditioner of a run of CG on A x = b.
LbfgsPreconditioner<double> after_a_run(const Matrix<double>& a, Index most, Index& products) {
  LbfgsPreconditioner<double> m;
  m.begin(most);
  products = 0;
  const auto multiply = [&](const Vector<double>& v, Vector<double>& out) {
    out = a * v;
    m.offer(v, out);
    ++products;
  };
  CgWorkspace<double> work;
  cg<double>(multiply, random_vector(n, 2), {.rtol = 1e-12}, work);
  m.end(work.x, work.x.dot(a * work.x));
  return m;
}

Matrix<double> matrix_of(LbfgsPreconditioner<double>& m) {
  Matrix<double> out(n, n);
  Vector<double> column;
  for (Index k = 0; k < n; ++k) {
    m.apply(Vector<double>::Unit(n, k), column);
    out.col(k) = column;
  }
  return out;
}

}  // namespace

TEST_CASE("lbfgs_preconditioner_of_a_whole_run_is_the_inverse") {
  const Matrix<double> a = positive_definite();
  Index products = 0;
  LbfgsPreconditioner<double> m = after_a_run(a, 100, products);
  REQUIRE(m.ready());
  CHECK((matrix_of(m) * a - Matrix<double>::Identity(n, n)).norm() <= 1e-6);
}

TEST_CASE("lbfgs_preconditioner_of_some_pairs_is_symmetric_positive_definite_and_of_use") {
  const Matrix<double> a = positive_definite();
  for (const Index most : {4, 5, 8}) {
    CAPTURE(most);
    Index plain = 0, products = 0;
    LbfgsPreconditioner<double> m = after_a_run(a, most, plain);
    REQUIRE(m.ready());
    const Matrix<double> inverse = matrix_of(m);
    CHECK((inverse - inverse.transpose()).norm() <= 1e-10 * inverse.norm());
    const Vector<double> d = random_vector(n, 4);
    m.end(d, 7);  // nothing new was collected: the unit stays
    CHECK((matrix_of(m) - inverse).norm() == 0);
    CHECK(Eigen::SelfAdjointEigenSolver<Matrix<double>>(inverse).eigenvalues()[0] > 0);
    CgWorkspace<double> work;
    const auto multiply = [&](const Vector<double>& v, Vector<double>& out) { ++products, out = a * v; };
    const auto precondition = [&](const Vector<double>& r, Vector<double>& out) { m.apply(r, out); };
    const CgOutcome out = cg<double>(multiply, random_vector(n, 3), {.rtol = 1e-8}, work, precondition);
    CHECK(out.exit == KrylovExit::residual);
    CHECK(products < plain);
  }
}

TEST_CASE("lbfgs_preconditioner_takes_neither_negative_curvature_nor_too_little") {
  LbfgsPreconditioner<double> m;
  m.begin(8);
  for (Index k = 0; k < n; ++k) {
    const Vector<double> p = Vector<double>::Unit(n, k);
    m.offer(p, k % 2 == 0 ? Vector<double>(-p) : Vector<double>(p * std::nan("")));
  }
  m.end(Vector<double>::Ones(n), 1);
  CHECK(!m.ready());
  m.begin(8);
  m.offer(Vector<double>::Unit(n, 0), Vector<double>::Unit(n, 0));
  m.end(Vector<double>::Ones(n), 1);
  CHECK(!m.ready());  // one pair is not worth its passes
}

TEST_CASE("lbfgs_preconditioner_has_the_unit_that_it_is_given") {
  const Matrix<double> a = positive_definite();
  LbfgsPreconditioner<double> m;
  m.begin(6);
  Vector<double> p, product;
  for (unsigned k = 0; k < 6; ++k) {
    p = random_vector(n, 10 + k);
    product = a * p;
    m.offer(p, product);
  }
  const Vector<double> d = random_vector(n, 20);
  m.end(d, 5);
  REQUIRE(m.ready());
  const Matrix<double> inverse = matrix_of(m).inverse();
  CHECK(d.dot(inverse * d) == doctest::Approx(5));
}
