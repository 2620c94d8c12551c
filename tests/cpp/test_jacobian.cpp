// curvature/jacobian.hpp: dense, sparse and operator Jacobians do the same.

#include <doctest/doctest.h>

#include <osculate/curvature/jacobian.hpp>

#include "operator.hpp"
#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

static_assert(JacobianOperator<tests::Operator, double>);
static_assert(!JacobianOperator<Matrix<double>, double>);
static_assert(!JacobianOperator<SparseMatrix<double>, double>);

namespace {

struct Forms {
  Matrix<double> dense;
  SparseMatrix<double> sparse;
  tests::Operator products;

  explicit Forms(Matrix<double> j) : dense(j), sparse(j.sparseView()), products{j} {}
};

/// out of a function that takes any form of J.
template <class Call>
void check_same(Forms& forms, double rounding, Call call) {
  const Vector<double> dense = call(forms.dense), sparse = call(forms.sparse),
                       products = call(forms.products);
  CHECK((sparse - dense).cwiseAbs().maxCoeff() <= rounding);
  CHECK((products - dense).cwiseAbs().maxCoeff() <= rounding);
}

}  // namespace

TEST_CASE("products_agree_three_forms") {
  Matrix<double> j = random_matrix(7, 5, 1);
  j(0, 0) = j(3, 2) = 0;
  Forms forms(j);
  const Vector<double> v = random_vector(5, 2), u = random_vector(7, 3);
  constexpr double rounding = 7 * 7 * 2.3e-16;  // terms times eps times a sum of terms below 1
  check_same(forms, rounding, [&](auto& jacobian) {
    Vector<double> out;
    multiply(jacobian, v, out);
    return out;
  });
  check_same(forms, rounding, [&](auto& jacobian) {
    Vector<double> out;
    multiply_transposed(jacobian, u, out);
    return out;
  });
}

TEST_CASE("scaled_rows_agree_three_forms") {
  Forms forms(random_matrix(7, 5, 1));
  const Vector<double> v = random_vector(5, 2), w = random_vector(7, 3);
  check_same(forms, 7 * 5 * 2.3e-16, [&](auto& jacobian) {
    scale_rows(jacobian, w);
    Vector<double> out;
    multiply(jacobian, v, out);
    return out;
  });
  CHECK(forms.dense == w.asDiagonal() * random_matrix(7, 5, 1));
}

TEST_CASE("column_norms_agree_dense_and_sparse_estimate_of_the_operator_within_a_half") {
  Matrix<double> j = random_matrix(2000, 6, 4);
  j.col(2) *= 1e-8;
  j.col(3).setZero();
  Forms forms(j);
  const Vector<double> exact = j.colwise().norm().transpose();
  Vector<double> out;
  column_norms(forms.dense, out);
  CHECK(out == exact);
  column_norms(forms.sparse, out);
  CHECK((out - exact).norm() <= 1e-14 * exact.norm());
  column_norms(forms.products, out);
  CHECK(out[3] == 0);
  // Relative standard deviation of the mean of eight chi-squares: sqrt(2 / 8) in the square, 1/4 in the norm.
  for (const Index k : {0, 1, 2, 4, 5}) CHECK(std::abs(out[k] / exact[k] - 1) <= 0.5);
  Vector<double> again;
  column_norms(forms.products, again);
  CHECK(again == out);  // the signs are the same every time
}

TEST_CASE("absolute_row_sums_agree_dense_and_sparse_unknown_for_the_operator") {
  Forms forms(random_matrix(7, 5, 1));
  const Vector<double> x = random_vector(5, 2);
  const Vector<double> exact = forms.dense.cwiseAbs() * x.cwiseAbs();
  Vector<double> out;
  absolute_row_sums(forms.dense, x, out);
  CHECK((out - exact).norm() <= 1e-15 * 5);
  absolute_row_sums(forms.sparse, x, out);
  CHECK((out - exact).norm() <= 1e-15 * 5);
  absolute_row_sums(forms.products, x, out);
  CHECK(out == Vector<double>::Zero(7));
}

TEST_CASE("all_finite_finds_the_element_dense_and_sparse") {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Matrix<double> j = random_matrix(4, 3, 1);
    CHECK(all_finite(j));
    CHECK(all_finite(SparseMatrix<double>(j.sparseView())));
    j(2, 1) = bad;
    CHECK_FALSE(all_finite(j));
    CHECK_FALSE(all_finite(SparseMatrix<double>(j.sparseView())));
  }
  CHECK(all_finite(tests::Operator{random_matrix(4, 3, 1)}));
}
