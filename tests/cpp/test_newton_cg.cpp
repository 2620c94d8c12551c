// solve/newton_cg.hpp, linsolve/truncated_cg.hpp, linsolve/lanczos.hpp: minima from products, saddles,
// certificates.

#include <doctest/doctest.h>

#include <osculate/solve/newton_cg.hpp>

#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

template <class S>
struct Products {
  using Scalar = S;
  std::function<S(const Vector<S>&)> f;
  std::function<void(const Vector<S>&, Vector<S>&)> g;
  std::function<void(const Vector<S>&, const Vector<S>&, Vector<S>&)> h;
  Index products = 0;

  S value(const Vector<S>& x) { return f(x); }
  void gradient(const Vector<S>& x, Vector<S>& out) {
    out.resize(x.size());
    g(x, out);
  }
  void product(const Vector<S>& x, const Vector<S>& v, Vector<S>& out) {
    ++products;
    out.resize(x.size());
    h(x, v, out);
  }
};

Products<double> quadratic(const Vector<double>& b, const Matrix<double>& a) {
  return {.f = [=](const Vector<double>& x) { return x.dot(a * x) / 2 - b.dot(x); },
          .g = [=](const Vector<double>& x, Vector<double>& g) { g = a * x - b; },
          .h = [=](const Vector<double>&, const Vector<double>& v, Vector<double>& out) { out = a * v; }};
}

/// sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2
template <class S>
Products<S> rosenbrock() {
  return {.f =
              [](const Vector<S>& x) {
                S sum = 0;
                for (Index i = 0; i + 1 < x.size(); ++i) {
                  const S a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
                  sum += 100 * a * a + b * b;
                }
                return sum;
              },
          .g =
              [](const Vector<S>& x, Vector<S>& g) {
                g.setZero();
                for (Index i = 0; i + 1 < x.size(); ++i) {
                  const S a = x[i + 1] - x[i] * x[i];
                  g[i] += -400 * a * x[i] - 2 * (1 - x[i]);
                  g[i + 1] += 200 * a;
                }
              },
          .h =
              [](const Vector<S>& x, const Vector<S>& v, Vector<S>& out) {
                out.setZero();
                for (Index i = 0; i + 1 < x.size(); ++i) {
                  out[i] += (1200 * x[i] * x[i] - 400 * x[i + 1] + 2) * v[i] - 400 * x[i] * v[i + 1];
                  out[i + 1] += -400 * x[i] * v[i] + 200 * v[i + 1];
                }
              }};
}

/// x^2 - y^2 + y^4: a saddle at 0, minima of value -1/4 at (0, +-1/sqrt 2).
Products<double> saddle() {
  return {.f = [](const Vector<double>& x) { return x[0] * x[0] - x[1] * x[1] + std::pow(x[1], 4); },
          .g = [](const Vector<double>& x,
                  Vector<double>& g) { g << 2 * x[0], -2 * x[1] + 4 * std::pow(x[1], 3); },
          .h = [](const Vector<double>& x, const Vector<double>& v,
                  Vector<double>& out) { out << 2 * v[0], (-2 + 12 * x[1] * x[1]) * v[1]; }};
}

}  // namespace

TEST_CASE("newton_cg_minimizes_a_convex_quadratic_in_few_steps") {
  const Matrix<double> m = random_matrix(20, 20, 1), a = m.transpose() * m + Matrix<double>::Identity(20, 20);
  const Vector<double> b = random_vector(20, 2);
  auto f = quadratic(b, a);
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
  CHECK_FALSE(is_success(newton_cg(f, Vector<double>{{1, 1}}).status));
}

TEST_CASE("a_rejected_step_is_shortened_without_products") {
  // Quadratic beside the start and infinite beyond 1: the first steps are rejected.
  Index products = 0;
  auto f = quadratic(Vector<double>{{100, 100}}, Matrix<double>::Identity(2, 2));
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
