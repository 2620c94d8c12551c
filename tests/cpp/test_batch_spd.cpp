// batch/spd.hpp: many small positive definite systems, against Eigen's Cholesky one by one.

#include <doctest/doctest.h>

#include <osculate/batch/spd.hpp>

#include "random.hpp"

using namespace osculate;
using batch::SpdBatch;

namespace {

template <class S>
struct Case {
  using RowMajor = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  Index count;
  int n, columns;
  std::vector<S> a{}, b{}, x{};
  std::unique_ptr<bool[]> definite{};

  Case(Index count_, int n_, int columns_) : count(count_), n(n_), columns(columns_) {
    for (Index m = 0; m < count; ++m) {
      const Matrix<double> half = tests::random_matrix(n, n, unsigned(m + 1));
      const RowMajor made = (half * half.transpose() + Matrix<double>::Identity(n, n)).template cast<S>();
      a.insert(a.end(), made.data(), made.data() + made.size());
    }
    const Matrix<double> right = tests::random_matrix(count * n, columns, 7);
    const RowMajor cast = right.template cast<S>();
    b.assign(cast.data(), cast.data() + cast.size());
    x.resize(b.size());
    definite = std::make_unique<bool[]>(static_cast<std::size_t>(count));
  }
  SpdBatch<S> batch(int threads = 1, const Executor* executor = nullptr) const {
    return {.matrices = a.data(),
            .count = count,
            .n = n,
            .definite = definite.get(),
            .threads = threads,
            .executor = executor};
  }
  Eigen::Map<RowMajor> matrix(Index m) { return {a.data() + m * n * n, n, n}; }
  Eigen::Map<RowMajor> right(Index m) { return {b.data() + m * n * columns, n, columns}; }
  Eigen::Map<RowMajor> found(Index m) { return {x.data() + m * n * columns, n, columns}; }
};

}  // namespace

TEST_CASE_TEMPLATE("spd_batch_solves_every_system_to_rounding", S, double, float) {
  // Condition at most 1 + n^2, so that an error of n eps |A| in the residual is rounding.
  for (const auto& [count, n] : std::vector<std::pair<Index, int>>{
           {1, 1}, {17, 2}, {100, 3}, {40, 7}, {33, 16}, {20, 32}, {5, 33}, {3, 70}})
    for (const int columns : {1, 3}) {
      CAPTURE(n);
      Case<S> c(count, n, columns);
      c.batch().solve(c.b.data(), c.x.data(), columns);
      const S eps = std::numeric_limits<S>::epsilon();
      for (Index m = 0; m < count; ++m) {
        CHECK(c.definite[std::size_t(m)]);
        const S error = (c.matrix(m) * c.found(m) - c.right(m)).norm();
        CHECK(error <= S(4 * n) * eps * c.matrix(m).norm() * (c.found(m).norm() + 1));
      }
    }
}

TEST_CASE_TEMPLATE("spd_batch_inverts_every_matrix_to_rounding", S, double, float) {
  for (const auto& [count, n] : std::vector<std::pair<Index, int>>{{1, 1}, {50, 4}, {20, 32}, {3, 40}}) {
    CAPTURE(n);
    Case<S> c(count, n, n);
    c.batch().inverse(c.x.data());
    for (Index m = 0; m < count; ++m) {
      const Matrix<S> identity = Matrix<S>::Identity(n, n), product = c.matrix(m) * c.found(m);
      CHECK((product - identity).norm() <=
            S(8 * n) * std::numeric_limits<S>::epsilon() * c.matrix(m).norm() * c.found(m).norm());
      CHECK(c.found(m) == c.found(m).transpose());
    }
  }
}

TEST_CASE_TEMPLATE("spd_batch_marks_bad_matrices_and_leaves_the_others_alone", S, double, float) {
  for (const int n : {3, 40}) {
    CAPTURE(n);
    Case<S> c(50, n, 1);
    const std::vector<S> before = c.a;
    c.batch().solve(c.b.data(), c.x.data(), 1);
    const std::vector<S> good = c.x;
    c.matrix(4) *= -1;
    c.matrix(11)(n - 1, n - 1) = -1;
    c.matrix(17).setZero();
    c.matrix(20)(1, 0) = std::numeric_limits<S>::quiet_NaN();
    c.matrix(30)(2, 2) = std::numeric_limits<S>::infinity();
    c.matrix(31)(0, 1) = std::numeric_limits<S>::quiet_NaN();  // above the diagonal, where nothing is read
    c.batch().solve(c.b.data(), c.x.data(), 1);
    for (Index m = 0; m < 50; ++m) {
      CAPTURE(m);
      const bool bad = m == 4 || m == 11 || m == 17 || m == 20 || m == 30;
      CHECK(c.definite[std::size_t(m)] == !bad);
      for (Index k = m * n; k < (m + 1) * n; ++k)
        CHECK((bad ? std::isnan(c.x[std::size_t(k)]) : c.x[std::size_t(k)] == good[std::size_t(k)]));
    }
  }
}

TEST_CASE("spd_batch_takes_any_scale") {
  Case<double> c(3, 2, 1);
  c.matrix(0) << 1e-300, 0, 0, 1e300;
  c.matrix(1) << 1, 0, 0, 1e-30;
  c.batch().solve(c.b.data(), c.x.data(), 1);
  CHECK(c.definite[0]);
  CHECK(c.definite[1]);
  CHECK(c.x[3] == doctest::Approx(c.b[3] * 1e30).epsilon(1e-14));
}

TEST_CASE("spd_batch_has_the_same_bits_in_any_batch_and_for_any_number_of_threads") {
  for (const int n : {5, 36}) {
    Case<double> c(3000 / n, n, 1);
    c.batch().solve(c.b.data(), c.x.data(), 1);
    const std::vector<double> one = c.x;
    const Executor serial = [](int, const std::function<void()>& worker) { worker(); };
    for (const int threads : {2, 5}) {
      c.batch(threads).solve(c.b.data(), c.x.data(), 1);
      CHECK(c.x == one);
      c.batch(threads, &serial).solve(c.b.data(), c.x.data(), 1);
      CHECK(c.x == one);
    }
    for (const Index m : {Index(0), Index(13), c.count - 1}) {
      bool definite = false;
      Vector<double> alone(n);
      SpdBatch<double>{c.matrix(m).data(), 1, n, &definite}.solve(c.right(m).data(), alone.data(), 1);
      CHECK(alone == Vector<double>(c.found(m)));
    }
  }
}

TEST_CASE("spd_batch_does_nothing_without_matrices_or_rows") {
  SpdBatch<double>{nullptr, 0, 3, nullptr}.solve(nullptr, nullptr, 1);
  bool definite[2] = {false, false};
  SpdBatch<double>{nullptr, 2, 0, definite}.inverse(nullptr);
  CHECK(definite[0]);
  CHECK(definite[1]);
}
