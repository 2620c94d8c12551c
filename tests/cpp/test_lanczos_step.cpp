// linsolve/lanczos_step.hpp: the trust-region subproblem in a Krylov space, against the dense one.

#include <doctest/doctest.h>

#include <osculate/linsolve/lanczos_step.hpp>
#include <osculate/solve/newton_cg.hpp>

#include "function_products.hpp"
#include "random.hpp"

using namespace osculate;
using tests::FunctionProducts, tests::random_matrix, tests::random_vector, tests::rosenbrock, tests::saddle;

namespace {

/// Q diag(values) Q' with a random orthogonal Q.
Matrix<double> with_spectrum(const Vector<double>& values, unsigned seed) {
  const Index n = values.size();
  const Matrix<double> q = Eigen::HouseholderQR<Matrix<double>>(random_matrix(n, n, seed)).householderQ();
  return q * values.asDiagonal() * q.transpose();
}

}  // namespace

TEST_CASE("lanczos_step_in_the_whole_space_is_the_dense_minimizer") {
  const Index n = 20;
  const Vector<double> g = random_vector(n, 3);
  for (const double lowest : {-2.0, 0.5})
    for (const double radius : {1e-3, 0.3, 5.0, 1e3}) {
      CAPTURE(lowest);
      CAPTURE(radius);
      const Matrix<double> b = with_spectrum(Vector<double>::LinSpaced(n, lowest, 10), 4);
      Index products = 0;
      const auto multiply = [&](const Vector<double>& v, Vector<double>& out) { ++products, out = b * v; };
      LanczosStep<double> lanczos;
      const KrylovExit exit = lanczos.solve(multiply, g, radius, 1e-12, n);
      const Subproblem<double> dense = solve_subproblem<double>(g, b, radius);
      CHECK(exit == (dense.at_radius ? KrylovExit::boundary : KrylovExit::residual));
      CHECK((lanczos.step - dense.d).norm() <= 1e-8 * dense.d.norm());
      CHECK(lanczos.slope == doctest::Approx(g.dot(dense.d)));
      CHECK(lanczos.curvature == doctest::Approx(dense.d.dot(b * dense.d)));
      CHECK(products == lanczos.products);

      const Subproblem<double> shorter = solve_subproblem<double>(g, b, radius / 3);
      lanczos.shorten(radius / 3);
      CHECK((lanczos.step - shorter.d).norm() <= 1e-6 * shorter.d.norm());
      CHECK(products == lanczos.products);  // none for that
    }
}

TEST_CASE("lanczos_step_ends_early_and_beats_where_cg_leaves_the_radius") {
  const Index n = 200;
  const Vector<double> g = random_vector(n, 5);
  Vector<double> values = Vector<double>::LinSpaced(n, 1, 100);
  values[0] = -3;
  const Matrix<double> b = with_spectrum(values, 6);
  const auto multiply = [&](const Vector<double>& v, Vector<double>& out) { out = b * v; };
  LanczosStep<double> lanczos;
  CHECK(lanczos.solve(multiply, g, 2.0, 1e-3, n) == KrylovExit::boundary);
  CHECK(lanczos.products < n / 2);
  CHECK(lanczos.step.norm() == doctest::Approx(2));
  CgWorkspace<double> work;
  const Vector<double> right = -g;
  const CgOutcome cg_step = cg<double>(multiply, right, {.rtol = 1e-3, .radius = 2.0}, work);
  CHECK(cg_step.exit == KrylovExit::negative_curvature_boundary);
  CHECK(lanczos.slope + lanczos.curvature / 2 < cg_step.model);
}

TEST_CASE("lanczos_step_in_a_space_that_closes_and_with_products_that_are_not_finite") {
  const Matrix<double> b = Vector<double>{{1, 2, 3, 4}}.asDiagonal();
  const auto multiply = [&](const Vector<double>& v, Vector<double>& out) { out = b * v; };
  LanczosStep<double> lanczos;
  CHECK(lanczos.solve(multiply, Vector<double>{{0, 2, 0, 4}}, 10.0, 1e-15, 4) == KrylovExit::residual);
  CHECK(lanczos.products == 2);
  CHECK((lanczos.step - Vector<double>{{0, -1, 0, -1}}).norm() <= 1e-14);

  const auto broken = [](const Vector<double>& v, Vector<double>& out) { out = v * std::nan(""); };
  CHECK(lanczos.solve(broken, Vector<double>{{1, 1}}, 1.0, 1e-3, 2) == KrylovExit::nonfinite);
  CHECK(lanczos.products == 0);
}

TEST_CASE("newton_cg_with_lanczos_steps") {
  for (const Index n : {2, 10, 100}) {
    CAPTURE(n);
    auto valley = rosenbrock<double>();
    const Vector<double> start = Vector<double>::Constant(n, 1.3);
    const auto fit = newton_cg(valley, start, NewtonCgOptions<double>{.lanczos = true});
    CHECK(fit.status == Status::gradient);
    CHECK((fit.x - Vector<double>::Ones(n)).norm() <= 1e-6);
  }
  auto f = rosenbrock<float>();
  const Vector<float> start = Vector<float>::Constant(4, 1.3F);
  CHECK(newton_cg(f, start, NewtonCgOptions<float>{.lanczos = true}).status == Status::gradient);
  auto refused = rosenbrock<double>();
  CHECK_THROWS_AS(newton_cg(refused, Vector<double>(Vector<double>::Ones(3)),
                            NewtonCgOptions<double>{.preconditioner = {.probes = 10}, .lanczos = true}),
                  std::invalid_argument);
}
