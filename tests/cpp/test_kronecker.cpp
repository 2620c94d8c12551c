// linsolve/spd_inverse.hpp, linsolve/tasks.hpp, curvature/kronecker.hpp.

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <limits>
#include <osculate/curvature/kronecker.hpp>

#include "random.hpp"

using namespace osculate;

namespace {

template <class S>
Matrix<S> definite(Index n, unsigned seed) {  // eigenvalues between 0.5 and about 4.5
  const Matrix<double> j = tests::random_matrix(2 * n + 3, n, seed);
  return (3 * j.transpose() * j / static_cast<double>(2 * n + 3) + 0.5 * Matrix<double>::Identity(n, n))
      .template cast<S>();
}

template <class S>
void inverse_equals(double eps) {
  SpdInverseWorkspace<S> work;
  for (const Index n : {1, 2, 31, 32, 33, 64, 65, 100, 257, 520})
    for (const int threads : {1, 3}) {
      CAPTURE(n);
      const Matrix<S> a = definite<S>(n, 1);
      Matrix<S> x = a;  // by rows, as it is symmetric: the upper triangle must not be read
      x.template triangularView<Eigen::StrictlyLower>().setConstant(std::numeric_limits<S>::quiet_NaN());
      CHECK(spd_inverse(x.data(), n, S(0.25), x.data(), threads, work) == 0);
      CHECK(x == x.transpose());
      const Matrix<double> damped = a.template cast<double>() + 0.25 * Matrix<double>::Identity(n, n);
      // |X A - I| <= c n eps cond for a stable inverse (Higham 2002, section 14.3); cond <= 10.
      const double residual =
          (x.template cast<double>() * damped - Matrix<double>::Identity(n, n)).cwiseAbs().maxCoeff();
      CHECK(residual <= 10 * eps * static_cast<double>(n + 5));
    }
}

}  // namespace

TEST_CASE("spd_inverse_times_the_matrix_is_the_identity") {
  inverse_equals<double>(2.3e-16);
  inverse_equals<float>(1.2e-7);
}

TEST_CASE("spd_inverse_has_the_same_bits_for_any_number_of_threads") {
  SpdInverseWorkspace<double> work;
  const Matrix<double> a = definite<double>(600, 2);
  Matrix<double> one = a;
  REQUIRE(spd_inverse(a.data(), 600, 0, one.data(), 1, work) == 0);
  for (const int threads : {2, 5}) {
    Matrix<double> other = a;
    REQUIRE(spd_inverse(a.data(), 600, 0, other.data(), threads, work) == 0);
    CHECK(other == one);
  }
}

TEST_CASE("spd_inverse_names_the_leading_minor_that_is_not_positive") {
  SpdInverseWorkspace<double> work;
  for (const Index n : {5, 40, 200})
    for (const Index bad : {Index(0), n / 2, n - 1}) {
      Matrix<double> a = Matrix<double>::Identity(n, n);
      a(bad, bad) = -1;
      CHECK(spd_inverse(a.data(), n, 0, a.data(), 1, work) == bad + 1);
      a.setIdentity(n, n);
      a(bad, bad) = std::numeric_limits<double>::quiet_NaN();
      CHECK(spd_inverse(a.data(), n, 0, a.data(), 1, work) > 0);
    }
  Matrix<double> singular = Matrix<double>::Ones(3, 3);
  CHECK(spd_inverse(singular.data(), 3, 0, singular.data(), 1, work) == 2);
}

TEST_CASE("spd_inverse_refuses_infinite_and_missing_numbers_below_the_diagonal") {
  SpdInverseWorkspace<double> work;
  for (const double value :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    for (const Index n : {4, 70}) {
      Matrix<double> a = Matrix<double>::Identity(n, n);
      a(1, n - 1) = value;  // below the diagonal by rows
      const Matrix<double> before = a;
      CHECK(spd_inverse(a.data(), n, 0, a.data(), 1, work) > 0);
      CHECK((a.array() == before.array() || before.array().isNaN()).all());
    }
}

TEST_CASE("run_jobs_runs_every_job_once_whatever_the_costs") {
  for (const int threads : {1, 2, 5})
    for (const std::vector<double>& cost : {std::vector<double>{},
                                            {3.0},
                                            {100.0, 1.0, 1.0},
                                            {1.0, 1.0, 1.0, 1.0, 50.0},
                                            std::vector<double>(40, 1.0)}) {
      std::vector<std::atomic<int>> calls(cost.size());
      std::atomic<int> wrong{0};
      run_jobs(cost, threads, 0.9, [&](std::size_t job, int inside, int worker) {
        ++calls[job];
        if (inside < 1 || inside > threads || worker < 0 || worker >= threads) ++wrong;
      });
      for (const auto& count : calls) CHECK(count == 1);
      CHECK(wrong == 0);
    }
}

TEST_CASE("run_jobs_gives_all_threads_to_a_job_that_outweighs_the_rest") {
  std::atomic<int> inside_largest{0}, inside_others{0};
  run_jobs({1.0, 100.0, 1.0}, 2, 0.9,
           [&](std::size_t job, int inside, int) { (job == 1 ? inside_largest : inside_others) = inside; });
  CHECK(inside_largest == 2);
  CHECK(inside_others == 1);
}

TEST_CASE("gram_updates_average_weighted_rows_with_ones_of_either_storage") {
  const Matrix<double> rows = tests::random_matrix(50, 6, 1), by_rows = rows.transpose();
  const Vector<double> weights = tests::random_vector(50, 2).cwiseAbs();
  Matrix<double> ones(50, 7), old = definite<double>(7, 3), first = old, second = old;
  ones << rows, Matrix<double>::Ones(50, 1);
  const std::vector<GramUpdate<double>> updates{{.target = first.data(),
                                                 .order = 7,
                                                 .rows = rows.data(),
                                                 .samples = 50,
                                                 .sample_stride = 1,
                                                 .feature_stride = 50,
                                                 .weights = weights.data(),
                                                 .ones = true,
                                                 .decay = 0.9,
                                                 .scale = 0.1},
                                                {.target = second.data(),
                                                 .order = 7,
                                                 .rows = by_rows.data(),
                                                 .samples = 50,
                                                 .sample_stride = 6,
                                                 .weights = weights.data(),
                                                 .ones = true,
                                                 .decay = 0.9,
                                                 .scale = 0.1}};
  gram_updates<double>(updates, 2);
  const Matrix<double> exact = 0.9 * old + 0.1 * ones.transpose() * weights.asDiagonal() * ones;
  CHECK((first - exact).cwiseAbs().maxCoeff() <= 2.3e-16 * 50 * 50);
  CHECK(first == second);
  CHECK(first == first.transpose());
}

TEST_CASE("kronecker_products_equal_the_dense_product_in_place_and_with_identities") {
  using ByRows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const ByRows left = tests::random_matrix(21, 21, 1), right = tests::random_matrix(40, 40, 2);
  const ByRows v = tests::random_matrix(21, 40, 3);
  std::vector<ByRows> out{v, v, v, v};
  std::vector<KroneckerProduct<double>> products;
  for (int i = 0; i < 4; ++i)
    products.push_back({.left = i & 1 ? left.data() : nullptr,
                        .vectors = out[i].data(),
                        .right = i & 2 ? right.data() : nullptr,
                        .rows = 21,
                        .columns = 40,
                        .out = out[i].data()});
  kronecker_products<double>(products, 2);
  const double rounding = 2.3e-16 * 61 * 40 * 21;  // sums of 40 and 21 products of elements not above 1
  CHECK(out[0] == v);
  CHECK((out[1] - left * v).cwiseAbs().maxCoeff() <= rounding);
  CHECK((out[2] - v * right).cwiseAbs().maxCoeff() <= rounding);
  CHECK((out[3] - left * v * right).cwiseAbs().maxCoeff() <= rounding);
}
