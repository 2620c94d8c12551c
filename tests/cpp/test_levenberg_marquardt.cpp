// solve/levenberg_marquardt.hpp: convergence of every damping rule, counts, losses, observers, exceptions.

#include <doctest/doctest.h>

#include <stdexcept>

#include "solve.hpp"

using namespace tests;
using osculate::Damping, osculate::is_success, osculate::LinearSolver;

namespace {

/// Correct digits of x.
double digits(const Vector& x, const Vector& certified) {
  return -std::log10(((x - certified).array() / certified.array()).abs().maxCoeff() + 1e-16);
}
const Vector box_bod_certified{{2.1380940889E+02, 5.4723748542E-01}};

LmOptions with(Damping damping) { return {.damping = damping}; }

}  // namespace

TEST_CASE("certified_digits_are_reached_box_bod_every_damping_and_linear_solver") {
  for (const Damping damping : {Damping::more, Damping::nielsen, Damping::delayed_gratification})
    for (const LinearSolver solver :
         {LinearSolver::automatic, LinearSolver::cholesky, LinearSolver::qr, LinearSolver::lsmr}) {
      CAPTURE(static_cast<int>(damping));
      CAPTURE(static_cast<int>(solver));
      Residuals problem = box_bod();
      LmOptions options = with(damping);
      options.tolerances = {.ftol = 1e-15, .xtol = 1e-15, .gtol = 1e-15};
      options.linear.solver = solver;
      const Fit fit = run_levenberg_marquardt(problem, Vector{{100, 0.75}}, options);
      CHECK(is_success(fit.status));
      CHECK(digits(fit.x, box_bod_certified) >= 8);
      CHECK(2 * fit.cost == doctest::Approx(1.1680088766E+03).epsilon(1e-10));
      CHECK(fit.linear_solver == solver);
    }
}

TEST_CASE("defaults_give_six_digits_box_bod") {
  for (const Damping damping : {Damping::more, Damping::nielsen, Damping::delayed_gratification}) {
    Residuals problem = box_bod();
    const Fit fit = run_levenberg_marquardt(problem, Vector{{100, 0.75}}, with(damping));
    CHECK(is_success(fit.status));
    CHECK(digits(fit.x, box_bod_certified) >= 6);
    CHECK(cosine(fit) <= 1e-6);  // ftol^(3/4), what Status::cost asks of the gradient
    CHECK(cosine(fit) == doctest::Approx(fit.optimality).epsilon(1e-6));
  }
}

TEST_CASE("result_is_consistent_with_the_problem") {
  Residuals problem = box_bod();
  const Fit fit = run_levenberg_marquardt(problem, Vector{{100, 0.75}});
  CHECK(fit.evaluations == problem.residual_calls);
  CHECK(fit.derivatives == problem.jacobian_calls);
  CHECK(fit.derivatives == fit.iterations + 1);
  CHECK(fit.trace.size() == static_cast<std::size_t>(fit.iterations + 1));
  CHECK(fit.trace.back().cost == fit.cost);
  CHECK(fit.trace.back().optimality == fit.optimality);
  for (std::size_t k = 1; k < fit.trace.size(); ++k) {
    CHECK(fit.trace[k].cost <= fit.trace[k - 1].cost);
    CHECK(fit.trace[k].step > 0);
    CHECK(fit.trace[k].step <= 1.1 * fit.trace[k].radius * (1 + 1e-12));  // the secular equation's tenth
    CHECK(fit.trace[k].evaluations > fit.trace[k - 1].evaluations);
  }
  Vector r(6);
  Matrix j(6, 2);
  problem.r(fit.x, r);
  problem.j(fit.x, j);
  CHECK(fit.residual == r);
  CHECK(fit.jacobian == j);
  CHECK((fit.gradient - j.transpose() * r).norm() <= 1e-14 * j.norm() * r.norm());
  CHECK(fit.cost == r.squaredNorm() / 2);
  CHECK_FALSE(fit.fixed.any());
}

TEST_CASE("convergence_is_quadratic_zero_residual") {
  std::vector<double> errors;
  Residuals problem = rosenbrock();
  LmOptions options;
  options.tolerances = {.ftol = 0, .xtol = 0, .gtol = 1e-15};
  const Fit fit =
      run_levenberg_marquardt(problem, Vector{{-1.2, 1}}, options, {}, {}, [&](const auto&, const Vector& x) {
        errors.push_back((x - Vector::Ones(2)).norm());
        return true;
      });
  CHECK(is_success(fit.status));
  CHECK((fit.x - Vector::Ones(2)).norm() <= 1e-14);
  int seen = 0;
  for (std::size_t k = 1; k < errors.size(); ++k)
    if (errors[k - 1] < 0.1 && errors[k - 1] > 1e-7) {  // e' <= C e^2; J^-1 r'' = 20 / 10, halved, is 1
      CHECK(errors[k] <= 4 * errors[k - 1] * errors[k - 1]);
      ++seen;
    }
  CHECK(seen >= 1);
  CHECK(fit.evaluations <= 30);
}

TEST_CASE("every_damping_solves_a_singular_minimum_linearly") {
  // The error halves with every step at best: J has rank 2 at the solution. 1e-6 needs about 23 of them.
  for (const Damping damping : {Damping::more, Damping::nielsen, Damping::delayed_gratification}) {
    Residuals problem = powell_singular();
    LmOptions options = with(damping);
    options.tolerances = {.ftol = 0, .xtol = 0, .gtol = 0, .max_iterations = 30, .max_evaluations = 60};
    const Fit fit = run_levenberg_marquardt(problem, Vector{{3, -1, 0, 1}}, options);
    CHECK(fit.x.norm() <= 1e-6);
  }
}

TEST_CASE("both_minima_of_freudenstein_and_roth_are_found_every_damping") {
  for (const Damping damping : {Damping::more, Damping::nielsen, Damping::delayed_gratification})
    for (const Vector& x0 : {Vector{{0.5, -2}}, Vector{{6, 3}}}) {
      Residuals problem = freudenstein();
      const Fit fit = run_levenberg_marquardt(problem, x0, with(damping));
      CHECK(is_success(fit.status));
      CHECK(2 * fit.cost == doctest::Approx(fit.cost < 1 ? 0 : 48.98425368).epsilon(1e-7));
    }
}

TEST_CASE("geodesic_acceleration_needs_a_third_of_the_iterations_in_a_curved_valley") {
  // Rosenbrock's valley, ten times as steep: the paper's reason for the method.
  Residuals plain_problem = rosenbrock(100), problem = rosenbrock(100);
  const Fit plain = run_levenberg_marquardt(plain_problem, Vector{{-1.2, 1}});
  const Fit fit = run_levenberg_marquardt(problem, Vector{{-1.2, 1}}, {.geodesic_acceleration = true});
  CHECK(is_success(fit.status));
  CHECK((fit.x - Vector::Ones(2)).norm() <= 1e-8);
  CHECK(3 * fit.iterations < plain.iterations);
  CHECK(fit.evaluations < plain.evaluations);
  CHECK(fit.evaluations == problem.residual_calls);  // those of the accelerations included
}

TEST_CASE("geodesic_acceleration_stays_within_the_bounds") {
  Residuals problem = rosenbrock();
  const auto r = problem.r;
  const Bounds bounds{.lower = Vector{{-1.5, -1}}, .upper = Vector{{0.5, 1.1}}};
  problem.r = [&](const Vector& x, Vector& out) {
    CHECK((x.array() >= bounds.lower.array()).all());
    CHECK((x.array() <= bounds.upper.array()).all());
    r(x, out);
  };
  const Fit fit =
      run_levenberg_marquardt(problem, Vector{{-1.2, 1}}, {.geodesic_acceleration = true}, bounds);
  CHECK(is_success(fit.status));
  CHECK(fit.x[0] == 0.5);
  CHECK(fit.x[1] == doctest::Approx(0.25).epsilon(1e-8));
}

TEST_CASE("geodesic_acceleration_is_exact_for_a_residual_that_is_a_parabola_along_the_step") {
  // r = x^2 - 4 from x = 2.1: a = -r''/J bends the step to x + d - d^2 / (2 x), third-order convergence.
  Residuals problem{.m = 1,
                    .r = [](const Vector& x, Vector& r) { r[0] = x[0] * x[0] - 4; },
                    .j = [](const Vector& x, Matrix& j) { j(0, 0) = 2 * x[0]; }};
  std::vector<double> errors;
  LmOptions options{.geodesic_acceleration = true};
  options.tolerances.max_iterations = 2;
  run_levenberg_marquardt(problem, Vector{{2.1}}, options, {}, {}, [&](const auto&, const Vector& x) {
    errors.push_back(std::abs(x[0] - 2));
    return true;
  });
  REQUIRE(errors.size() == 3);
  for (const std::size_t k : {1u, 2u}) CHECK(errors[k] <= std::pow(errors[k - 1], 3) / 4 + 1e-15);
}

TEST_CASE("custom_loss_equals_the_built_in_one_it_repeats") {
  const auto cauchy = [](const Vector& z, Vector& rho, Vector& rho1, Vector& rho2) {
    rho = z.array().log1p();
    rho1 = (1 + z.array()).inverse();
    rho2 = -(1 + z.array()).square().inverse();
  };
  Residuals first = box_bod(), second = box_bod();
  const Fit built_in = run_levenberg_marquardt(first, Vector{{100, 0.75}}, {}, {},
                                               {.kind = osculate::LossKind::cauchy, .scale = 10});
  const Fit custom =
      run_levenberg_marquardt(second, Vector{{100, 0.75}}, {}, {},
                              {.kind = osculate::LossKind::custom, .scale = 10, .custom = cauchy});
  CHECK(is_success(custom.status));
  CHECK(custom.iterations == built_in.iterations);
  CHECK((custom.x - built_in.x).norm() <= 1e-10 * built_in.x.norm());  // the formulas round differently
  CHECK(custom.cost == doctest::Approx(built_in.cost).epsilon(1e-12));
  Vector r(6);
  first.r(custom.x, r);
  CHECK((custom.residual - r).norm() <= 1e-10);  // without the loss
}

TEST_CASE("loss_gradient_vanishes_at_the_solution_every_kind") {
  using osculate::LossKind;
  for (const LossKind kind : {LossKind::soft_l1, LossKind::huber, LossKind::cauchy, LossKind::arctan}) {
    CAPTURE(static_cast<int>(kind));
    Residuals problem = box_bod();
    const Loss loss{.kind = kind, .scale = 15};
    LmOptions options;
    options.tolerances = {.ftol = 0, .xtol = 1e-14, .gtol = 1e-10};
    const Fit fit = run_levenberg_marquardt(problem, Vector{{200, 0.5}}, options, {}, loss);
    CHECK(is_success(fit.status));
    Vector z = (fit.residual / 15).cwiseAbs2(), rho, rho1, rho2;
    osculate::evaluate(loss, z, rho, rho1, rho2);
    CHECK(fit.cost == doctest::Approx(15 * 15 * rho.sum() / 2).epsilon(1e-14));
    Matrix j(6, 2);
    problem.j(fit.x, j);
    const Vector weighted = rho1.cwiseProduct(fit.residual), gradient = j.transpose() * weighted;
    for (Index k = 0; k < 2; ++k) CHECK(std::abs(gradient[k]) <= 1e-7 * j.col(k).norm() * weighted.norm());
  }
}

TEST_CASE("observer_sees_every_iteration_and_stops_the_solve") {
  for (const Index last : {0, 2}) {
    Residuals problem = rosenbrock();
    Index seen = 0;
    Vector shown;
    const Fit fit =
        run_levenberg_marquardt(problem, Vector{{-1.2, 1}}, {}, {}, {}, [&](const auto&, const Vector& x) {
          shown = x;
          return seen++ < last;
        });
    CHECK(fit.status == Status::user_stop);
    CHECK(fit.iterations == last);
    CHECK(seen == last + 1);
    CHECK(fit.x == shown);
  }
}

TEST_CASE("exceptions_pass_through_from_the_residual_the_jacobian_the_loss_and_the_observer") {
  struct Mine : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  const Vector x0{{-1.2, 1}};
  Residuals residual = rosenbrock(), jacobian = rosenbrock(), problem = rosenbrock();
  residual.r = [&, calls = 0](const Vector&, Vector&) mutable {
    if (++calls == 1) throw Mine("r");
  };
  jacobian.j = [](const Vector&, Matrix&) { throw Mine("j"); };
  CHECK_THROWS_WITH_AS(run_levenberg_marquardt(residual, x0), "r", Mine);
  CHECK_THROWS_WITH_AS(run_levenberg_marquardt(jacobian, x0), "j", Mine);
  const auto loss = [](const Vector&, Vector&, Vector&, Vector&) { throw Mine("loss"); };
  CHECK_THROWS_WITH_AS(
      run_levenberg_marquardt(problem, x0, {}, {}, {.kind = osculate::LossKind::custom, .custom = loss}),
      "loss", Mine);
  const Watch watch = [](const auto&, const Vector&) -> bool { throw Mine("observer"); };
  CHECK_THROWS_WITH_AS(run_levenberg_marquardt(problem, x0, {}, {}, {}, watch), "observer", Mine);
}

TEST_CASE("options_are_refused_with_the_name_of_the_field") {
  Residuals problem = rosenbrock();
  const Vector x0{{-1.2, 1}};
  const auto refused = [&](const LmOptions& options) {
    try {
      run_levenberg_marquardt(problem, x0, options);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(refused({.initial_radius = 0}) == "initial_radius must be positive");
  CHECK(refused({.initial_radius = std::nan("")}) == "initial_radius must be positive");
  CHECK(refused({.scale = Vector{{1}}}) == "scale must have one positive element a parameter");
  CHECK(refused({.scale = Vector{{1, 0}}}) == "scale must have one positive element a parameter");
  CHECK(refused({.linear = {.solver = LinearSolver::sparse_cholesky}}) ==
        "linear_solver sparse_cholesky needs a sparse Jacobian; auto takes any");
  CHECK(problem.residual_calls == 0);
  CHECK(refused({.geodesic_acceleration = true, .linear = {.solver = LinearSolver::lsmr}}) ==
        "geodesic_acceleration needs a factorization, which linear_solver lsmr is not");
}

TEST_CASE("scaling_by_a_power_of_two_changes_no_iterate") {
  const Fit base = [] {
    Residuals problem = box_bod();
    return run_levenberg_marquardt(problem, Vector{{100, 0.75}});
  }();
  for (const int k : {-200, -60, 60, 200}) {
    const Residuals unscaled = box_bod();
    Residuals problem{.m = 6,
                      .r = [&](const Vector& x, Vector& r) { unscaled.r(x, r), r *= std::ldexp(1, k); },
                      .j = [&](const Vector& x, Matrix& j) { unscaled.j(x, j), j *= std::ldexp(1, k); }};
    const Fit fit = run_levenberg_marquardt(problem, Vector{{100, 0.75}});
    CHECK(fit.x == base.x);
    CHECK(fit.status == base.status);
    CHECK(fit.evaluations == base.evaluations);
  }
}
