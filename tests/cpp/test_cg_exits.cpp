// linsolve/cg.hpp: the trust region, negative curvature, and everything else that ends an iteration early.

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <osculate/linsolve/cg.hpp>

#include "krylov.hpp"

using namespace osculate;
using tests::Product, tests::random_vector, tests::symmetric;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Solved {
  CgOutcome out;
  CgWorkspace<double> work;
};

template <class Apply, class Precondition = const NoPreconditioner>
Solved solve(Apply&& apply, const Vector<double>& b, const CgOptions<double>& options,
             Precondition&& precondition = {}) {
  Solved solved;
  solved.out = cg<double>(apply, b, options, solved.work, precondition);
  return solved;
}

Vector<double> spectrum(Index n, double least, double largest) {
  return Vector<double>::LinSpaced(n, least, largest);
}

}  // namespace

TEST_CASE("cg_ends_on_the_radius_where_the_solution_is_outside") {
  Product<double> product{symmetric(spectrum(40, 0.01, 30), 1)};
  const Vector<double> b = random_vector(40, 2);
  const double full = product.a.llt().solve(b).norm();
  double model = 0;
  for (const double part : {1e-8, 0.01, 0.3, 0.9, 0.999}) {
    CAPTURE(part);
    const auto [out, work] = solve(product, b, {.rtol = 1e-12, .radius = part * full});
    CHECK(out.exit == KrylovExit::boundary);
    CHECK(work.x.norm() == doctest::Approx(part * full).epsilon(1e-12));
    CHECK(out.step_norm == doctest::Approx(part * full).epsilon(1e-14));
    CHECK(out.model == doctest::Approx(work.x.dot(product.a * work.x) / 2 - b.dot(work.x)).epsilon(1e-10));
    CHECK(out.residual_norm == doctest::Approx((b - product.a * work.x).norm()).epsilon(1e-8));
    CHECK(out.model < model);  // a larger radius is never worse
    model = out.model;
    CHECK(out.iterations == out.products);
  }
  CHECK(solve(product, b, {.rtol = 1e-12, .radius = 1.001 * full}).out.exit == KrylovExit::residual);
}

TEST_CASE("cg_honours_the_radius_in_the_preconditioners_norm_and_after_lost_orthogonality") {
  // Condition 1e10: hundreds of iterations, in which the residuals are anything but orthogonal.
  const Index n = 60;
  Product<double> product{symmetric(Vector<double>::LinSpaced(n, 0, 23).array().exp(), 3)};
  const Vector<double> b = random_vector(n, 4), inverse = random_vector(n, 5).array() + 1.2;
  const Vector<double> m = inverse.cwiseInverse(), solution = product.a.llt().solve(b);
  const auto length = [&](const Vector<double>& x) { return std::sqrt(x.dot(m.cwiseProduct(x))); };
  const double radius = 0.8 * length(solution);
  const CgOptions<double> options{.rtol = 1e-13, .max_iterations = 5000, .radius = radius};
  const auto [out, work] = solve(product, b, options, DiagonalPreconditioner<double>{inverse});
  CHECK(out.exit == KrylovExit::boundary);
  CHECK(out.iterations > n);
  CHECK(length(work.x) == doctest::Approx(radius).epsilon(1e-9));
  const auto function = [&](const Vector<double>& v, Vector<double>& to) { to = inverse.cwiseProduct(v); };
  CHECK(length(solve(product, b, options, function).work.x) == doctest::Approx(radius).epsilon(1e-9));
}

TEST_CASE("cg_finds_negative_curvature_and_gives_its_direction") {
  Product<double> product{symmetric(spectrum(30, -1, 10), 6)};
  const Vector<double> b = random_vector(30, 7);
  const auto [out, work] = solve(product, b, {.rtol = 1e-10});
  CHECK(out.exit == KrylovExit::negative_curvature);
  CHECK_FALSE(is_success(out.exit));
  CHECK(out.least_curvature < 0);
  const double curvature = work.p.dot(product.a * work.p) / work.p.squaredNorm();
  CHECK(curvature == doctest::Approx(out.least_curvature).epsilon(1e-10));
  CHECK(b.dot(work.p) > 0);  // a direction of descent
  CHECK(out.products == out.iterations + 1);
  CHECK(work.x.dot(product.a * work.x) / 2 - b.dot(work.x) == doctest::Approx(out.model).epsilon(1e-10));
  CHECK(out.model < 0);
}

TEST_CASE("cg_goes_to_the_boundary_along_negative_curvature") {
  Product<double> product{symmetric(spectrum(30, -1, 10), 6)};
  const Vector<double> b = random_vector(30, 7);
  const double inside = solve(product, b, {.rtol = 1e-10}).out.model;
  for (const double radius : {1e3, 1e6}) {
    const auto [out, work] = solve(product, b, {.rtol = 1e-10, .radius = radius});
    CHECK(out.exit == KrylovExit::negative_curvature_boundary);
    CHECK(is_success(out.exit));
    CHECK(work.x.norm() == doctest::Approx(radius).epsilon(1e-12));
    CHECK(out.model < inside);
    CHECK(work.x.dot(product.a * work.x) / 2 - b.dot(work.x) == doctest::Approx(out.model).epsilon(1e-8));
  }
  // Also from the first direction on.
  const auto [out, work] =
      solve([](const Vector<double>& v, Vector<double>& to) { to = -v; }, b, {.rtol = 1e-10, .radius = 2});
  CHECK(out.exit == KrylovExit::negative_curvature_boundary);
  CHECK((work.x - 2 / b.norm() * b).norm() <= 1e-14);
}

TEST_CASE("cg_damping_that_makes_the_matrix_definite_is_enough") {
  Product<double> product{symmetric(spectrum(30, -1, 10), 6)};
  const Vector<double> b = random_vector(30, 7);
  CHECK(solve(product, b, {.rtol = 1e-10, .damping = 1.1}).out.exit == KrylovExit::residual);
  CHECK(solve(product, b, {.rtol = 1e-10, .damping = 0.5}).out.exit == KrylovExit::negative_curvature);
}

TEST_CASE("cg_solves_a_singular_compatible_system_with_least_norm") {
  Vector<double> eigenvalues = spectrum(25, 1, 5);
  eigenvalues.head(6).setZero();
  Product<double> product{symmetric(eigenvalues, 8)};
  const Vector<double> b = product.a * random_vector(25, 9);
  const auto [out, work] = solve(product, b, {.rtol = 1e-12});
  const Vector<double> least = product.a.completeOrthogonalDecomposition().solve(b);
  CHECK(out.exit == KrylovExit::residual);
  CHECK((work.x - least).norm() <= 1e-10 * least.norm());
}

TEST_CASE("cg_zero_curvature_is_no_curvature") {
  const Vector<double> b = random_vector(4, 1);
  const auto zero = [](const Vector<double>&, Vector<double>& to) { to.setZero(); };
  CHECK(solve(zero, b, {}).out.exit == KrylovExit::negative_curvature);
  CHECK(solve(zero, b, {.radius = 3}).work.x.norm() == doctest::Approx(3).epsilon(1e-14));
}

TEST_CASE("cg_stops_by_relative_progress_of_the_quadratic_at_the_iteration_of_the_rule") {
  Product<double> product{symmetric(Vector<double>::LinSpaced(300, 0, 14).array().exp(), 1)};
  const Vector<double> b = random_vector(300, 2);
  for (const double epsilon : {5e-4, 1e-4}) {
    std::vector<double> models{0};
    CgWorkspace<double> work;
    const auto observe = [&](const KrylovIteration& it, const Vector<double>&) {
      models.push_back(it.model);
      return true;
    };
    const CgOutcome out =
        cg<double>(product, b, {.rtol = 0, .progress_tolerance = epsilon}, work, NoPreconditioner{}, observe);
    CHECK(out.exit == KrylovExit::progress);
    CHECK(out.iterations > 100);  // so that k is not always 10
    const auto holds = [&](std::size_t i) {
      const std::size_t k = std::max<std::size_t>(10, i / 10);
      return i > k && models[i] < 0 && (models[i] - models[i - k]) / models[i] < double(k) * epsilon;
    };
    for (std::size_t i = 1; i < models.size(); ++i) CHECK(holds(i) == (Index(i) == out.iterations));
  }
}

TEST_CASE("cg_observer_sees_every_iterate_and_may_end") {
  Product<double> product{symmetric(spectrum(20, 1, 10), 1)};
  const Vector<double> b = random_vector(20, 2);
  CgWorkspace<double> work;
  std::vector<Vector<double>> iterates;
  const auto observe = [&](const KrylovIteration& it, const Vector<double>& x) {
    iterates.push_back(x);
    CHECK(it.iteration == Index(iterates.size()));
    CHECK(it.model == doctest::Approx(x.dot(product.a * x) / 2 - b.dot(x)).epsilon(1e-12));
    CHECK(it.residual_norm == doctest::Approx((b - product.a * x).norm()).epsilon(1e-3));
    return it.iteration < 5;
  };
  CgOutcome out = cg<double>(product, b, {.rtol = 1e-10}, work, NoPreconditioner{}, observe);
  CHECK(out.exit == KrylovExit::user_stop);
  CHECK(out.iterations == 5);
  CHECK(work.x == iterates.back());
  iterates.clear();
  out = cg<double>(product, b, {.rtol = 1e-10, .max_iterations = 3}, work, NoPreconditioner{}, observe);
  CHECK(iterates.size() == 3);
  CHECK(work.x == iterates.back());
  iterates.clear();
  out = cg<double>(product, b, {.rtol = 0.5}, work, NoPreconditioner{}, observe);
  CHECK(out.exit == KrylovExit::residual);
  CHECK(Index(iterates.size()) == out.iterations);
  CHECK(work.x == iterates.back());
}

TEST_CASE("cg_keeps_the_last_finite_iterate_products_not_finite") {
  for (const double bad : {not_a_number, infinity, -infinity}) {
    int calls = 0;
    const Matrix<double> a = symmetric(spectrum(10, 1, 10), 1);
    const auto apply = [&](const Vector<double>& v, Vector<double>& to) {
      to = a * v;
      if (++calls == 4) to[3] = bad;
    };
    const auto [out, work] = solve(apply, random_vector(10, 2), {.rtol = 1e-12});
    CHECK(out.exit == KrylovExit::nonfinite);
    CHECK(out.iterations == 3);
    CHECK(out.products == 4);
    CHECK(work.x.allFinite());
    CHECK(work.x ==
          solve(Product<double>{a}, random_vector(10, 2), {.rtol = 1e-12, .max_iterations = 3}).work.x);
    CHECK(std::isfinite(out.residual_norm));
  }
  const Vector<double> b{{1, not_a_number}}, start{{1, 2}};
  const auto identity = [](const Vector<double>& v, Vector<double>& to) { to = v; };
  CHECK(solve(identity, b, {}).out.exit == KrylovExit::nonfinite);
  CgWorkspace<double> work;
  work.x = start;
  const auto bad = [](const Vector<double>&, Vector<double>& to) { to.setConstant(not_a_number); };
  CHECK(cg<double>(bad, start, {.warm_start = true}, work).exit == KrylovExit::nonfinite);
  CHECK(work.x == start);
}

TEST_CASE("cg_notices_a_preconditioner_that_is_not_definite_or_not_finite") {
  Product<double> product{symmetric(spectrum(10, 1, 10), 1)};
  const Vector<double> b = random_vector(10, 2);
  const auto negative = [](const Vector<double>& v, Vector<double>& to) { to = -v; };
  CHECK(solve(product, b, {}, negative).out.exit == KrylovExit::preconditioner);
  Vector<double> inverse = Vector<double>::Ones(10);
  inverse.head(9).setConstant(-1);
  CHECK(solve(product, b, {}, DiagonalPreconditioner<double>{inverse}).out.exit ==
        KrylovExit::preconditioner);
  int calls = 0;
  const auto later = [&](const Vector<double>& v, Vector<double>& to) { to = ++calls < 3 ? v : -v; };
  const auto [out, work] = solve(product, b, {.rtol = 1e-12}, later);
  CHECK(out.exit == KrylovExit::preconditioner);
  CHECK(out.iterations == 2);
  const auto undefined = [](const Vector<double>&, Vector<double>& to) { to.setConstant(not_a_number); };
  CHECK(solve(product, b, {}, undefined).out.exit == KrylovExit::nonfinite);
}

TEST_CASE("cg_lets_exceptions_of_its_functions_pass") {
  struct Interrupt {};
  const auto apply = [](const Vector<double>&, Vector<double>&) { throw Interrupt(); };
  CHECK_THROWS_AS(solve(apply, random_vector(10, 2), {}), Interrupt);
}

TEST_CASE("krylov_exits_have_sentences") {
  for (int code = -5; code <= 5; ++code)
    if (code != 0) CHECK(std::string(sentence(static_cast<KrylovExit>(code))) != "Unknown exit.");
  CHECK(std::string(sentence(static_cast<KrylovExit>(99))) == "Unknown exit.");
}
