// linsolve/gemm.hpp: products of matrices, whole and lower triangles, against Eigen's.

#include <doctest/doctest.h>

#include <limits>
#include <osculate/linsolve/gemm.hpp>

#include "random.hpp"

using osculate::Index;
using osculate::Matrix;
using osculate::Vector;
using namespace osculate::detail;

namespace {

Operand<double> plain(const Matrix<double>& a) {
  return {.data = a.data(), .rows = a.rows(), .columns = a.cols(), .column_stride = a.rows()};
}

Operand<double> turned(const Matrix<double>& a) {  // A' of a matrix by columns
  return {
      .data = a.data(), .rows = a.cols(), .columns = a.rows(), .row_stride = a.rows(), .column_stride = 1};
}

// A sum of k products not above 1 errs by at most k eps times its size of at most k, in either library.
double rounding(Index k) { return 2.3e-16 * static_cast<double>((k + 2) * (k + 2)); }

}  // namespace

TEST_CASE("multiply_equals_the_dense_product_of_any_shape_and_storage") {
  GemmWorkspace<double> work;
  for (const Index m : {1, 7, 33, 301})
    for (const Index n : {1, 12, 50})
      for (const Index k : {1, 20, 257, 600}) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        const Matrix<double> a = tests::random_matrix(m, k, 1), b = tests::random_matrix(n, k, 2);
        const Matrix<double> at = a.transpose(), bt = b.transpose(), c0 = tests::random_matrix(m, n, 3);
        const Matrix<double> exact = 0.5 * c0 - 2 * a * b.transpose();
        Matrix<double> c = c0, d = c0;
        multiply<double, double, double>(plain(a), turned(bt), {.alpha = -2, .beta = 0.5}, c.data(), m, work);
        multiply<double, double, double>(turned(at), plain(b), {.alpha = -2, .beta = 0.5}, d.data(), m, work);
        CHECK((c - exact).cwiseAbs().maxCoeff() <= 4 * rounding(k));
        CHECK(c == d);
      }
}

TEST_CASE("multiply_overwrites_without_reading_where_beta_is_zero") {
  GemmWorkspace<double> work;
  const Matrix<double> a = tests::random_matrix(40, 9, 1);
  Matrix<double> c = Matrix<double>::Constant(40, 40, std::numeric_limits<double>::quiet_NaN());
  multiply<double, double, double>(plain(a), plain(a), {}, c.data(), 40, work);
  CHECK((c - a * a.transpose()).cwiseAbs().maxCoeff() <= rounding(9));
  const Matrix<double> empty(40, 0);
  multiply<double, double, double>(plain(empty), plain(empty), {}, c.data(), 40, work);
  CHECK(c.isZero(0));
}

TEST_CASE("multiply_writes_the_lower_triangle_alone_where_asked") {
  GemmWorkspace<double> work;
  for (const Index n : {1, 5, 32, 45, 333}) {
    const Matrix<double> a = tests::random_matrix(n, 300, 1), c0 = tests::random_matrix(n, n, 2);
    Matrix<double> c = c0;
    multiply<double, double, double>(plain(a), plain(a), {.beta = 1, .lower = true}, c.data(), n, work);
    const Matrix<double> exact = c0 + a * a.transpose();
    CHECK(Matrix<double>((c - exact).triangularView<Eigen::Lower>()).cwiseAbs().maxCoeff() <= rounding(300));
    CHECK(Matrix<double>((c - c0).triangularView<Eigen::StrictlyUpper>()).isZero(0));
  }
}

TEST_CASE("multiply_reads_one_triangle_of_a_symmetric_operand") {
  GemmWorkspace<double> work;
  for (const Index n : {3, 40, 270}) {
    const Matrix<double> a = tests::random_matrix(n, n, 1), b = tests::random_matrix(17, n, 2);
    Matrix<double> lower = a;
    lower.triangularView<Eigen::StrictlyUpper>().setConstant(std::numeric_limits<double>::quiet_NaN());
    const Matrix<double> full = a.selfadjointView<Eigen::Lower>();
    Operand<double> symmetric = plain(lower);
    symmetric.symmetric = true;
    Matrix<double> c(17, n), d(n, 17);
    multiply<double, double, double>(plain(b), symmetric, {}, c.data(), 17, work);
    multiply<double, double, double>(symmetric, plain(b), {}, d.data(), n, work);
    CHECK((c - b * full).cwiseAbs().maxCoeff() <= rounding(n));
    CHECK((d - full * b.transpose()).cwiseAbs().maxCoeff() <= rounding(n));
  }
}

TEST_CASE("multiply_weights_shifts_and_appends_ones") {
  GemmWorkspace<double> work;
  const Matrix<double> a = tests::random_matrix(20, 300, 1);
  const Vector<double> w = tests::random_vector(300, 2).cwiseAbs(), s = tests::random_vector(300, 3);
  const Vector<double> t = tests::random_vector(20, 4);
  Matrix<double> homogeneous(21, 300), c(21, 21), d(20, 20);
  homogeneous << a, Matrix<double>::Ones(1, 300);
  Operand<double> with_ones{.data = a.data(), .rows = 21, .columns = 300, .column_stride = 20, .ones = true};
  Operand<double> weighted = with_ones;
  weighted.weights = w.data();
  multiply<double, double, double>(weighted, with_ones, {}, c.data(), 21, work);
  CHECK((c - homogeneous * w.asDiagonal() * homogeneous.transpose()).cwiseAbs().maxCoeff() <= rounding(300));
  Operand<double> shifted = plain(a);
  shifted.shift = s.data();
  const Matrix<double> less = a.rowwise() - s.transpose();
  multiply<double, double, double>(shifted, shifted, {}, d.data(), 20, work);
  CHECK((d - less * less.transpose()).cwiseAbs().maxCoeff() <= 4 * rounding(300));
  Operand<double> by_rows = plain(a);
  by_rows.row_shift = t.data();
  const Matrix<double> lower = a.colwise() - t;
  multiply<double, double, double>(by_rows, by_rows, {}, d.data(), 20, work);
  CHECK((d - lower * lower.transpose()).cwiseAbs().maxCoeff() <= 4 * rounding(300));
}

TEST_CASE("multiply_gives_the_same_bits_for_any_number_of_threads") {
  GemmWorkspace<double> work;
  const Matrix<double> a = tests::random_matrix(500, 600, 1), b = tests::random_matrix(333, 600, 2);
  for (const bool lower : {false, true}) {
    Matrix<double> expected = Matrix<double>::Zero(500, 333), c = expected;
    multiply<double, double, double>(plain(a), plain(b), {.lower = lower}, expected.data(), 500, work);
    for (const int threads : {2, 3, 7}) {
      multiply<double, double, double>(plain(a), plain(b), {.lower = lower, .threads = threads}, c.data(),
                                       500, work);
      CHECK(c == expected);
    }
  }
}
