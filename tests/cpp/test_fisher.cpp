// curvature/fisher.hpp: the Fisher matrix of scores, and its damped solve by either form.

#include <doctest/doctest.h>

#include <limits>
#include <osculate/curvature/fisher.hpp>

#include "random.hpp"

using namespace osculate;

namespace {

using ByRows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

ByRows some_scores(Index n, Index p) { return tests::random_matrix(n, p, 5).array() + 0.3; }

Matrix<double> dense(const ByRows& s, bool centered) {
  const ByRows used = centered ? ByRows(s.rowwise() - s.colwise().mean()) : s;
  return used.transpose() * used / static_cast<double>(s.rows());
}

}  // namespace

TEST_CASE("fisher_solve_equals_the_dense_solution_in_every_form") {
  for (const auto& [n, p] :
       {std::pair<Index, Index>{7, 40}, {40, 7}, {30, 30}, {1, 5}, {60, 3000}, {65, 300}})
    for (const bool centered : {false, true})
      for (const int form : {0, 1, 2}) {
        CAPTURE(n);
        CAPTURE(p);
        CAPTURE(form);
        const ByRows s = some_scores(n, p);
        const Vector<double> v = tests::random_vector(p, 6);
        const double damping = 0.1;
        Vector<double> x(p);
        FisherOptions options{.form = form == 1 ? FisherForm::parameters : FisherForm::samples,
                              .centered = centered,
                              .mixed = form == 2,
                              .threads = 2};
        REQUIRE(fisher_solve<double>({.data = s.data(), .samples = n, .parameters = p}, v.data(), damping,
                                     x.data(), options) == Status::gradient);
        const Vector<double> residual = dense(s, centered) * x + damping * x - v;
        // In double the condition (p + 0.1) / 0.1 times eps and the length of the sums; mixed stops at 1e-10
        // of a Gram residual that S' / (N damping) carries to x.
        CHECK(residual.norm() <= (form == 2 ? 1e-8 : 1e-10) * v.norm());
      }
}

TEST_CASE("fisher_solve_has_the_same_bits_for_any_number_of_threads") {
  const ByRows s = some_scores(64, 5000);
  const Vector<double> v = tests::random_vector(5000, 6);
  for (const bool mixed : {false, true}) {
    Vector<double> one(5000), other(5000);
    const Scores<double> scores{.data = s.data(), .samples = 64, .parameters = 5000};
    REQUIRE(fisher_solve(scores, v.data(), 0.01, one.data(), {.mixed = mixed}) == Status::gradient);
    REQUIRE(fisher_solve(scores, v.data(), 0.01, other.data(), {.mixed = mixed, .threads = 3}) ==
            Status::gradient);
    CHECK(one == other);
  }
}

TEST_CASE("fisher_solve_reports_singular_and_nonfinite_scores") {
  ByRows s = ByRows::Ones(3, 2);
  Vector<double> v = Vector<double>::Ones(2), x(2);
  const Scores<double> scores{.data = s.data(), .samples = 3, .parameters = 2};
  CHECK(fisher_solve(scores, v.data(), -2, x.data(), {.form = FisherForm::parameters}) == Status::singular);
  CHECK(fisher_solve(scores, v.data(), -2, x.data(), {.form = FisherForm::samples}) == Status::singular);
  CHECK_THROWS_AS(
      fisher_solve(scores, v.data(), 1, x.data(), {.form = FisherForm::parameters, .mixed = true}),
      std::invalid_argument);
  s(1, 1) = std::numeric_limits<double>::quiet_NaN();
  for (const FisherForm form : {FisherForm::samples, FisherForm::parameters})
    CHECK(fisher_solve(scores, v.data(), 1, x.data(), {.form = form}) == Status::nonfinite);
}

TEST_CASE("fisher_matrix_averages_with_decay") {
  const ByRows s = some_scores(50, 9);
  for (const bool centered : {false, true}) {
    Matrix<double> f = Matrix<double>::Identity(9, 9);
    fisher_matrix<double>({.data = s.data(), .samples = 50, .parameters = 9}, 0.9, f.data(),
                          {.centered = centered});
    const Matrix<double> exact = 0.9 * Matrix<double>::Identity(9, 9) + 0.1 * dense(s, centered);
    CHECK((f - exact).cwiseAbs().maxCoeff() <= 1e-14);  // 50 terms not above 1.7
  }
}

TEST_CASE("fisher_solve_stops_where_the_poll_throws") {
  const ByRows s = some_scores(80, 100);
  const Vector<double> v = tests::random_vector(100, 6);
  Vector<double> x(100);
  CHECK_THROWS_AS(fisher_solve<double>({.data = s.data(), .samples = 80, .parameters = 100}, v.data(), 1,
                                       x.data(), {.poll = [] { throw std::runtime_error("stop"); }}),
                  std::runtime_error);
}
