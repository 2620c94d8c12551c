// linsolve/gram.hpp: the lower triangle of J'J.

#include <doctest/doctest.h>

#include <osculate/linsolve/gram.hpp>

#include "random.hpp"

using osculate::Index;
using osculate::Matrix;

TEST_CASE("gram_equals_the_dense_product_few_and_many_columns_one_and_several_blocks") {
  for (const Index n : {1, 3, 15, 16, 40})
    for (const Index m : {1, 20, 2048, 5000}) {
      CAPTURE(m);
      CAPTURE(n);
      const Matrix<double> j = tests::random_matrix(m, n, 1);
      Matrix<double> a;
      osculate::gram(j, a);
      const Matrix<double> lower = a.triangularView<Eigen::Lower>();
      const Matrix<double> exact = Matrix<double>(j.transpose() * j).triangularView<Eigen::Lower>();
      // A dot product of m terms not above 1 errs by at most m eps times their sum of at most m; two of them.
      const double rounding = 2 * 2.3e-16 * static_cast<double>(m * m);
      CHECK((lower - exact).cwiseAbs().maxCoeff() <= rounding);
    }
}

TEST_CASE("gram_gives_the_same_bits_for_any_number_of_threads_and_any_executor") {
  const Matrix<double> j = tests::random_matrix(10000, 24, 2);  // five blocks
  Matrix<double> one, other;
  osculate::gram(j, one);
  const Matrix<double> expected = one.triangularView<Eigen::Lower>();
  const auto same = [&] { return Matrix<double>(other.triangularView<Eigen::Lower>()) == expected; };
  for (const int threads : {2, 3, 8}) {
    osculate::gram(j, other, threads);
    CHECK(same());
  }
  const osculate::Executor executor = [](int, const std::function<void()>& worker) { worker(); };
  osculate::gram(j, other, 4, executor);
  CHECK(same());
}

TEST_CASE("gram_is_zero_no_rows") {
  Matrix<double> a;
  osculate::gram(Matrix<double>(0, 20), a);
  CHECK(Matrix<double>(a.triangularView<Eigen::Lower>()).isZero(0));
  osculate::gram(Matrix<double>(0, 2), a);
  CHECK(Matrix<double>(a.triangularView<Eigen::Lower>()).isZero(0));
}
