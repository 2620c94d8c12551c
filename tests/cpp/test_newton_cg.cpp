// solve/newton_cg.hpp, linsolve/truncated_cg.hpp, linsolve/lanczos.hpp: minima from products, saddles,
// certificates.

#include <doctest/doctest.h>

#include <osculate/solve/newton_cg.hpp>

#include "function_products.hpp"
#include "random.hpp"

using namespace osculate;
using tests::FunctionProducts, tests::quadratic, tests::random_matrix, tests::random_vector,
    tests::rosenbrock, tests::saddle;

TEST_CASE("newton_cg_minimizes_a_convex_quadratic_in_few_steps") {
  const Matrix<double> m = random_matrix(20, 20, 1), a = m.transpose() * m + Matrix<double>::Identity(20, 20);
  const Vector<double> b = random_vector(20, 2);
  auto f = quadratic<double>(b, a);
  const auto fit = newton_cg(f, Vector<double>(Vector<double>::Ones(20)), {.initial_radius = 100});
  CHECK(fit.status == Status::gradient);
  CHECK((a * fit.x - b).lpNorm<Eigen::Infinity>() <= 1e-8);
  CHECK(fit.iterations <= 6);
  CHECK(fit.curvature.certificate == Certificate::no_negative_curvature_found);
  CHECK(fit.curvature.failure_bound == 0);  // 20 products see all of a space of 20 dimensions
  CHECK(fit.curvature.lowest > 0);
}

TEST_CASE("newton_cg_follows_the_valley_of_rosenbrock_any_size") {
  for (const Index n : {2, 10, 100}) {
    auto f = rosenbrock<double>();
    const auto fit = newton_cg(f, Vector<double>(Vector<double>::Constant(n, 1.3)));
    CAPTURE(n);
    CHECK(fit.status == Status::gradient);
    CHECK((fit.x - Vector<double>::Ones(n)).norm() <= 1e-6);
    CHECK(fit.optimality <= 1e-8);
  }
}

TEST_CASE("newton_cg_in_single_precision") {
  auto f = rosenbrock<float>();
  NewtonCgOptions<float> options;
  options.tolerances.gtol = 1e-3f;
  const auto fit = newton_cg(f, Vector<float>(Vector<float>::Constant(10, 1.3f)), options);
  CHECK(is_success(fit.status));
  CHECK((fit.x - Vector<float>::Ones(10)).norm() <= 1e-2f);
}

TEST_CASE("newton_cg_leaves_saddles_and_maxima") {
  // The gradient of these starts is orthogonal to the negative curvature, or zero.
  for (const Vector<double>& start :
       {Vector<double>{{1, 0}}, Vector<double>{{0, 0}}, Vector<double>{{-3, 0}}}) {
    auto f = saddle();
    const auto fit = newton_cg(f, start);
    CHECK(fit.status == Status::gradient);
    CHECK(fit.cost == doctest::Approx(-0.25).epsilon(1e-12));
    CHECK(fit.curvature.certificate == Certificate::no_negative_curvature_found);
  }
}

TEST_CASE("newton_cg_without_certifying_products_says_first_order_only") {
  auto f = saddle();
  const auto fit = newton_cg(f, Vector<double>{{1, 0}}, {.certifying_products = 0});
  CHECK(fit.status == Status::gradient);
  CHECK(fit.curvature.certificate == Certificate::first_order_only);
  CHECK(fit.curvature.products == 0);
}

TEST_CASE("newton_cg_ends_where_products_are_not_finite") {
  auto f = saddle();
  f.h = [](const Vector<double>&, const Vector<double>&, Vector<double>& out) { out.setConstant(NAN); };
  const auto fit = newton_cg(f, Vector<double>{{1, 1}});
  CHECK(fit.status == Status::nonfinite);
  CHECK(fit.iterations == 1);  // a multiple of I stands in for the Hessian once
}

TEST_CASE("newton_cg_gets_past_a_point_where_products_are_infinite") {
  // |x|^1.5 + (x - 1)^2 / 2 + (y - 1)^2 / 2: infinite curvature at x = 0, where the start lies.
  FunctionProducts<double> f{
      .f =
          [](const Vector<double>& x) {
            return std::pow(std::abs(x[0]), 1.5) + ((x[0] - 1) * (x[0] - 1) + (x[1] - 1) * (x[1] - 1)) / 2;
          },
      .g =
          [](const Vector<double>& x, Vector<double>& g) {
            g << std::copysign(1.5, x[0]) * std::sqrt(std::abs(x[0])) + x[0] - 1, x[1] - 1;
          },
      .h = [](const Vector<double>& x, const Vector<double>& v,
              Vector<double>& out) { out << (0.75 / std::sqrt(std::abs(x[0])) + 1) * v[0], v[1]; }};
  const auto fit = newton_cg(f, Vector<double>{{0, 3}});
  CHECK(fit.status == Status::gradient);
  CHECK(fit.optimality <= 1e-8);
}

TEST_CASE("newton_cg_preconditioner_changes_the_products_and_not_the_minimum") {
  // Eigenvalues from 1e-2 to 1e2, the Hessian a diagonal and a little beside it.
  const Index n = 60;
  const Vector<double> d =
      Vector<double>::LinSpaced(n, -2, 2).unaryExpr([](double e) { return std::pow(10, e); });
  const Vector<double> u = d.cwiseSqrt().cwiseProduct(random_vector(n, 1)) / std::sqrt(double(n));
  const Matrix<double> a = Matrix<double>(d.asDiagonal()) + u * u.transpose();
  const Vector<double> b = a * Vector<double>::Ones(n), start = Vector<double>::Zero(n);
  const auto run = [&](const Preconditioner<double>& m, Index& products) {
    auto f = quadratic<double>(b, a);
    const auto fit = newton_cg(f, start, {.certifying_products = 0, .preconditioner = m});
    CHECK(fit.status == Status::gradient);
    CHECK((fit.x - Vector<double>::Ones(n)).cwiseAbs().maxCoeff() <=
          1e-8 / 1e-2 * std::sqrt(double(n)));  // gtol over the least
    products = f.products;
  };
  Index plain = 0, diagonal = 0, function = 0, estimated = 0, pairs = 0;
  run({}, plain);
  run({.diagonal = a.diagonal().cwiseInverse()}, diagonal);
  run({.function = [&](const Vector<double>&, const Vector<double>& r,
                       Vector<double>& out) { out = r.cwiseQuotient(a.diagonal()); }},
      function);
  run({.probes = 10}, estimated);
  run({.pairs = 8}, pairs);
  CHECK(function == diagonal);
  CHECK(8 * diagonal < plain);
  CHECK(2 * estimated < plain);
  CHECK(pairs < plain);
}

TEST_CASE("newton_cg_with_a_preconditioner_honours_its_radius") {
  // In the norm of M^-1 every step is as short as the trace says, and the valley is followed all the same.
  auto f = rosenbrock<double>();
  const Vector<double> m = Vector<double>::LinSpaced(10, 0.01, 1);
  Vector<double> last = Vector<double>::Constant(10, -1.2);
  const auto observe = [&](const Iteration<double>& at, const Vector<double>& x, const auto&) {
    const double length = std::sqrt((x - last).cwiseAbs2().cwiseQuotient(m).sum());
    CHECK(length <= at.radius * (1 + 1e-10));  // CG's own lengths come by a recurrence
    last = x;
    return true;
  };
  const auto fit = newton_cg(f, last, NewtonCgOptions<double>{.preconditioner = {.diagonal = m}}, observe);
  CHECK(fit.status == Status::gradient);
  CHECK(fit.optimality <= 1e-8);
}

TEST_CASE("newton_cg_refuses_a_preconditioner_that_is_not_positive") {
  auto f = rosenbrock<double>();
  const Vector<double> start = Vector<double>::Constant(3, 2);
  CHECK_THROWS_WITH(newton_cg(f, start, {.preconditioner = {.diagonal = Vector<double>{{1, 0, 1}}}}),
                    "preconditioner must have one positive element a variable");
  const auto wrong = [](const Vector<double>&, const Vector<double>& r, Vector<double>& out) { out = -r; };
  CHECK(newton_cg(f, start, {.preconditioner = {.function = wrong}}).status == Status::singular);
}

TEST_CASE("a_diagonal_is_estimated_from_products_where_it_stands_out") {
  const Index n = 300;
  const Vector<double> d = (random_vector(n, 2) * 3).array().exp();
  const auto scaled = [&](const Vector<double>& v, Vector<double>& out) {
    const Vector<double> w = v.cwiseProduct(d.cwiseSqrt());
    out = (w + Vector<double>::Constant(n, w.sum() / double(n))).cwiseProduct(d.cwiseSqrt());
  };
  Vector<double> found;
  REQUIRE(estimate_diagonal<double>(scaled, n, 20, found));
  // d_i (1 + 1/n) and sums of n terms of variance d_i d_j / n^2, the mean of 20: 5 standard deviations
  const Vector<double> error = (found - d * (1 + 1.0 / n)).cwiseAbs();
  CHECK((error.array() <= 5 * (d * d.sum() / 20).array().sqrt() / n).all());
  const auto all_alike = [&](const Vector<double>& v, Vector<double>& out) { out.setConstant(n, v.sum()); };
  CHECK_FALSE(estimate_diagonal<double>(all_alike, n, 20, found));
  const auto bad = [&](const Vector<double>& v, Vector<double>& out) { out = v / 0.0; };
  CHECK_FALSE(estimate_diagonal<double>(bad, n, 20, found));
}

TEST_CASE("a_rejected_step_is_shortened_without_products") {
  // Quadratic beside the start and infinite beyond 1: the first steps are rejected.
  Index products = 0;
  auto f = quadratic<double>(Vector<double>{{100, 100}}, Matrix<double>::Identity(2, 2));
  auto inner = f.f;
  f.f = [&](const Vector<double>& x) {
    return x.norm() > 1 ? std::numeric_limits<double>::infinity() : inner(x);
  };
  auto g = newton_cg(f, Vector<double>{{0.1, 0}}, {.initial_radius = 1e4, .certifying_products = 0});
  products = f.products;
  CHECK(g.iterations >= 1);
  CHECK(g.evaluations > g.iterations + 2);    // some were rejected
  CHECK(products <= 2 * (g.iterations + 1));  // and asked for nothing: each CG ends within two products
}

TEST_CASE("newton_cg_goes_on_where_a_cancelling_sum_hides_what_f_does") {
  // sum x_i^2 c_i / 2, with an error of 1e-14 as that of sums of ones that cancel: far above eps f at the
  // end.
  const Vector<double> c = Vector<double>::LinSpaced(20, 1, 30);
  FunctionProducts<double> f{.f =
                                 [&](const Vector<double>& x) {
                                   return x.dot(c.cwiseProduct(x)) / 2 + 1e-14 * std::sin(1e12 * x.sum());
                                 },
                             .g = [&](const Vector<double>& x, Vector<double>& g) { g = c.cwiseProduct(x); },
                             .h = [&](const Vector<double>&, const Vector<double>& v,
                                      Vector<double>& out) { out = c.cwiseProduct(v); }};
  const auto fit = newton_cg(f, Vector<double>(Vector<double>::Ones(20)));
  CHECK(fit.status == Status::gradient);
  CHECK(fit.optimality <= 1e-8);
}

TEST_CASE("lanczos_finds_the_lowest_eigenvalue_and_its_vector") {
  for (const Index n : {1, 2, 7, 60}) {
    const Matrix<double> m = random_matrix(n, n, 3),
                         a = (m + m.transpose()) / 2 - Matrix<double>::Identity(n, n);
    const Eigen::SelfAdjointEigenSolver<Matrix<double>> eigen(a);
    const auto apply = [&](const Vector<double>& v, Vector<double>& out) { out = a * v; };
    const auto found = lanczos_lowest<double>(apply, n, n, -1e-10);
    CAPTURE(n);
    CHECK(found.value == doctest::Approx(eigen.eigenvalues()[0]).epsilon(1e-6));
    REQUIRE(found.vector.size() == n);
    CHECK(found.vector.norm() == doctest::Approx(1).epsilon(1e-14));
    CHECK(found.vector.dot(a * found.vector) == doctest::Approx(found.value).epsilon(1e-5));
    CHECK(found.products <= 2 * n);
  }
}

TEST_CASE("lanczos_failure_bound_is_that_of_the_theorem") {
  CHECK(lanczos_failure_bound(100, 100, 0.01) == 0);
  CHECK(lanczos_failure_bound(1000000, 3, 0.01) == 1);
  CHECK(lanczos_failure_bound(100, 50, 0.04) == doctest::Approx(16.48 * std::exp(-0.2 * 99)).epsilon(1e-12));
}
