// Levenberg-Marquardt with sparse and operator Jacobians, and linsolve/least_squares_step.hpp's choice.

#include <doctest/doctest.h>

#include <osculate/solve/levenberg_marquardt.hpp>

#include "operator.hpp"

using namespace osculate;

namespace {

/// Broyden's tridiagonal function (More, Garbow & Hillstrom 1981, problem 30): zero residual, start at -1.
struct Broyden {
  using Scalar = double;
  using Jacobian = SparseMatrix<double>;

  void residual(const Vector<double>& x, Vector<double>& r) const {
    const Index n = x.size();
    r = (3 - 2 * x.array()) * x.array() + 1;
    r.tail(n - 1) -= x.head(n - 1);
    r.head(n - 1) -= 2 * x.tail(n - 1);
  }
  void jacobian(const Vector<double>& x, const Vector<double>&, SparseMatrix<double>& j) const {
    const Index n = x.size();
    std::vector<Eigen::Triplet<double>> entries;
    for (Index i = 0; i < n; ++i) {
      const int k = static_cast<int>(i);
      entries.emplace_back(k, k, 3 - 4 * x[i]);
      if (i > 0) entries.emplace_back(k, k - 1, -1);
      if (i + 1 < n) entries.emplace_back(k, k + 1, -2);
    }
    j.resize(n, n);
    j.setFromTriplets(entries.begin(), entries.end());
  }
  double epsilon() const { return std::numeric_limits<double>::epsilon(); }
};

/// The same of which only products are known.
struct BroydenProducts : Broyden {
  using Jacobian = tests::Operator;
  void jacobian(const Vector<double>& x, const Vector<double>& r, tests::Operator& j) const {
    SparseMatrix<double> sparse;
    Broyden::jacobian(x, r, sparse);
    j.hidden = sparse;
  }
};

}  // namespace

TEST_CASE("a_banded_problem_of_100000_parameters_is_solved_by_sparse_cholesky") {
  Broyden problem;
  const auto fit = levenberg_marquardt(problem, Vector<double>(Vector<double>::Constant(100000, -1.0)));
  CHECK(is_success(fit.status));
  CHECK(fit.linear_solver == LinearSolver::sparse_cholesky);
  CHECK(fit.residual.lpNorm<Eigen::Infinity>() <= 1e-8);
  CHECK(fit.iterations <= 10);
  CHECK(fit.jacobian.nonZeros() == 3 * 100000 - 2);
}

TEST_CASE("automatic_takes_lsmr_a_factor_above_the_limit") {
  Broyden problem;
  const Vector<double> x0 = Vector<double>::Constant(500, -1.0);
  const double factor = count_factor_nonzeros(
      [&] {
        SparseMatrix<double> j;
        problem.jacobian(x0, x0, j);
        return j;
      }(),
      1e9);
  LevenbergMarquardtOptions<double> options{.linear = {.max_factor_bytes = factor_bytes<double>(factor)}};
  CHECK(levenberg_marquardt(problem, x0, options).linear_solver == LinearSolver::sparse_cholesky);
  options.linear.max_factor_bytes -= 12;
  const auto fit = levenberg_marquardt(problem, x0, options);
  CHECK(fit.linear_solver == LinearSolver::lsmr);
  CHECK(is_success(fit.status));
  CHECK(fit.residual.lpNorm<Eigen::Infinity>() <= 1e-7);
}

TEST_CASE("sparse_cholesky_and_lsmr_and_products_agree") {
  Broyden sparse;
  BroydenProducts products;
  const Vector<double> x0 = Vector<double>::Constant(60, -1.0);
  LevenbergMarquardtOptions<double> options;
  options.tolerances = {.ftol = 1e-15, .xtol = 1e-15, .gtol = 1e-14};
  const auto expected = levenberg_marquardt(sparse, x0, options);
  CHECK(is_success(expected.status));
  CHECK(expected.residual.norm() <= 1e-12);
  options.linear.solver = LinearSolver::lsmr;
  const auto iterated = levenberg_marquardt(sparse, x0, options);
  CHECK(is_success(iterated.status));
  CHECK((iterated.x - expected.x).norm() <= 1e-11);  // |J^-1| is below 2
  options.linear.solver = LinearSolver::automatic;
  const auto from_products = levenberg_marquardt(products, x0, options);
  CHECK(is_success(from_products.status));
  CHECK(from_products.linear_solver == LinearSolver::lsmr);
  CHECK((from_products.x - expected.x).norm() <= 1e-11);
}

TEST_CASE("lsmr_converges_superlinearly_and_with_success_zero_residual") {
  Broyden sparse;
  BroydenProducts products;
  const Vector<double> x0 = Vector<double>::Constant(60, -1.0);
  const auto check = [&](auto& problem) {
    std::vector<double> residuals;
    const auto fit = levenberg_marquardt(
        problem, x0, LevenbergMarquardtOptions<double>{.linear = {.solver = LinearSolver::lsmr}}, {}, {},
        [&](const Iteration<double>& it, const auto&, const auto&) {
          residuals.push_back(std::sqrt(2 * it.cost));
          return true;
        });
    CHECK(is_success(fit.status));
    CHECK(fit.iterations <= 7);
    // The linear solves are exact to |r| / |r(x0)|, and the second derivatives of r are 4, with |J^-1|
    // below 2.
    for (std::size_t k = 1; k < residuals.size(); ++k)
      if (residuals[k - 1] < 0.1) CHECK(residuals[k] <= 16 * residuals[k - 1] * residuals[k - 1] + 1e-14);
  };
  check(sparse);
  check(products);
}

TEST_CASE("sparse_bounds_and_losses_satisfy_kkt") {
  Broyden problem;
  const Index n = 60;
  const Bounds<double> bounds{.lower = Vector<double>::Constant(n, -0.6),
                              .upper = Vector<double>::Constant(n, -0.5)};
  const Vector<double> x0 = Vector<double>::Constant(n, -0.55);
  for (const LinearSolver solver : {LinearSolver::automatic, LinearSolver::lsmr})
    for (const LossKind kind : {LossKind::linear, LossKind::soft_l1}) {
      CAPTURE(static_cast<int>(solver));
      CAPTURE(static_cast<int>(kind));
      LevenbergMarquardtOptions<double> options{.linear = {.solver = solver}};
      options.tolerances = {.ftol = 0, .xtol = 1e-14, .gtol = 1e-10};
      const auto fit = levenberg_marquardt(problem, x0, options, bounds, Loss<double>{.kind = kind});
      CHECK(is_success(fit.status));
      CHECK(fit.fixed.any());
      for (Index i = 0; i < n; ++i) {
        CHECK(fit.x[i] >= -0.6);
        CHECK(fit.x[i] <= -0.5);
        const bool held =
            (fit.x[i] == -0.6 && fit.gradient[i] > 0) || (fit.x[i] == -0.5 && fit.gradient[i] < 0);
        if (!held) CHECK(std::abs(fit.gradient[i]) <= 1e-7);  // gtol, times |J_i| |r| < 100
      }
    }
}

TEST_CASE("linear_solvers_refuse_the_jacobians_they_cannot_take") {
  Broyden sparse;
  BroydenProducts products;
  const Vector<double> x0 = Vector<double>::Constant(5, -1.0);
  const auto with = [](LinearSolver solver) {
    return LevenbergMarquardtOptions<double>{.linear = {.solver = solver}};
  };
  for (const LinearSolver solver : {LinearSolver::cholesky, LinearSolver::qr}) {
    CHECK_THROWS_AS(levenberg_marquardt(sparse, x0, with(solver)), std::invalid_argument);
    CHECK_THROWS_AS(levenberg_marquardt(products, x0, with(solver)), std::invalid_argument);
  }
  CHECK_THROWS_AS(levenberg_marquardt(products, x0, with(LinearSolver::sparse_cholesky)),
                  std::invalid_argument);
}

TEST_CASE("geodesic_acceleration_works_with_sparse_cholesky") {
  Broyden problem;
  const auto fit = levenberg_marquardt(problem, Vector<double>(Vector<double>::Constant(60, -1.0)),
                                       LevenbergMarquardtOptions<double>{.geodesic_acceleration = true});
  CHECK(is_success(fit.status));
  CHECK(fit.residual.lpNorm<Eigen::Infinity>() <= 1e-8);
}
