// linsolve/cg.hpp: solutions, preconditioners, and the bookkeeping.

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <osculate/linsolve/cg.hpp>

#include "batch_allocations.hpp"
#include "krylov.hpp"

using namespace osculate;
using tests::Product, tests::random_vector, tests::symmetric;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Matrix<double> positive(Index n, unsigned seed) {
  return symmetric(Vector<double>::LinSpaced(n, 1, 50), seed);
}

double quadratic(const Matrix<double>& a, const Vector<double>& b, const Vector<double>& x) {
  return x.dot(a * x) / 2 - b.dot(x);
}

}  // namespace

TEST_CASE("cg_is_exact_after_n_iterations_up_to_rounding") {
  for (const Index n : {1, 2, 7, 40}) {
    CAPTURE(n);
    Product<double> product{positive(n, 1)};
    const Vector<double> b = random_vector(n, 2), expected = product.a.llt().solve(b);
    CgWorkspace<double> work;
    const CgOutcome out = cg<double>(product, b, {.rtol = 1e-13, .max_iterations = n + 2}, work);
    CHECK(out.exit == KrylovExit::residual);
    CHECK(out.products == product.calls);
    CHECK(out.iterations == out.products);
    CHECK((work.x - expected).norm() <= 50 * 1e-13 * b.norm() + 1e-14);  // |A^-1| = 1, condition 50
    CHECK(out.residual_norm == doctest::Approx((b - product.a * work.x).norm()).epsilon(0.1));
    CHECK(out.model == doctest::Approx(quadratic(product.a, b, work.x)).epsilon(1e-12));
    CHECK(out.step_norm == doctest::Approx(work.x.norm()).epsilon(1e-12));
  }
}

TEST_CASE("cg_needs_as_many_iterations_as_there_are_distinct_eigenvalues") {
  Vector<double> eigenvalues = Vector<double>::Constant(60, 3);
  eigenvalues.head(20).setConstant(1), eigenvalues.tail(15).setConstant(10);
  Product<double> product{symmetric(eigenvalues, 3)};
  CgWorkspace<double> work;
  CHECK(cg<double>(product, random_vector(60, 4), {.rtol = 1e-12}, work).iterations == 3);
}

TEST_CASE("cg_meets_its_tolerances") {
  Product<double> product{positive(80, 5)};
  const Vector<double> b = random_vector(80, 6);
  CgWorkspace<double> work;
  for (const double tolerance : {1e-1, 1e-4, 1e-8}) {
    const CgOutcome relative = cg<double>(product, b, {.rtol = tolerance}, work);
    CHECK((b - product.a * work.x).norm() <= tolerance * b.norm());
    const CgOutcome absolute = cg<double>(product, b, {.rtol = 0, .atol = tolerance * b.norm()}, work);
    CHECK(absolute.iterations == relative.iterations);
    const Index fewer = relative.iterations - 1;
    const CgOutcome cut = cg<double>(product, b, {.rtol = tolerance, .max_iterations = fewer}, work);
    CHECK(cut.exit == KrylovExit::max_iterations);
    CHECK(cut.iterations == fewer);
    CHECK((b - product.a * work.x).norm() > tolerance * b.norm());  // and it did no more than asked
  }
}

TEST_CASE("cg_of_a_damped_matrix_is_that_of_the_sum") {
  Product<double> product{positive(30, 7)}, sum = product;
  sum.a.diagonal().array() += 2.5;
  const Vector<double> b = random_vector(30, 8);
  CgWorkspace<double> damped, added;
  for (const bool warm : {false, true}) {
    damped.x = added.x = random_vector(30, 9);
    const CgOutcome one = cg<double>(product, b, {.rtol = 1e-12, .damping = 2.5, .warm_start = warm}, damped);
    const CgOutcome two = cg<double>(sum, b, {.rtol = 1e-12, .warm_start = warm}, added);
    CHECK(one.iterations == two.iterations);
    CHECK((damped.x - added.x).norm() <= 1e-11 * added.x.norm());
    CHECK(one.model == doctest::Approx(two.model).epsilon(1e-12));
    CHECK(one.residual_norm <= 1e-12 * b.norm());
  }
}

TEST_CASE("cg_starts_where_it_is_told") {
  Product<double> product{positive(30, 7)};
  const Vector<double> b = random_vector(30, 8), expected = product.a.llt().solve(b);
  CgWorkspace<double> work;
  work.x = expected;
  CgOutcome out = cg<double>(product, b, {.rtol = 1e-10, .warm_start = true}, work);
  CHECK(out.iterations == 0);
  CHECK(out.products == 1);
  CHECK(work.x == expected);
  CHECK(out.model == doctest::Approx(-b.dot(expected) / 2).epsilon(1e-12));
  work.x = random_vector(30, 3);
  out = cg<double>(product, b, {.rtol = 1e-12, .warm_start = true}, work);
  CHECK((work.x - expected).norm() <= 1e-10 * expected.norm());
  CHECK(out.products == out.iterations + 1);
  CHECK(out.model == doctest::Approx(-b.dot(expected) / 2).epsilon(1e-12));
  CHECK(std::isnan(out.step_norm));
}

TEST_CASE("cg_with_a_diagonal_preconditioner_ends_at_once_diagonal_matrix") {
  const Vector<double> d = Vector<double>::LinSpaced(50, 0, 12).array().exp();
  const auto apply = [&](const Vector<double>& v, Vector<double>& out) { out = d.cwiseProduct(v); };
  const Vector<double> b = random_vector(50, 1);
  CgWorkspace<double> work;
  const CgOutcome out =
      cg<double>(apply, b, {.rtol = 1e-12}, work, DiagonalPreconditioner<double>{d.cwiseInverse()});
  CHECK(out.iterations == 1);
  CHECK((work.x - b.cwiseQuotient(d)).norm() <= 1e-12 * work.x.norm());
  CHECK(out.least_curvature == doctest::Approx(1).epsilon(1e-13));
  CHECK(out.step_norm == doctest::Approx(std::sqrt(work.x.dot(d.cwiseProduct(work.x)))).epsilon(1e-12));
}

TEST_CASE("cg_preconditioners_as_function_and_as_diagonal_agree") {
  Product<double> product{positive(40, 2)};
  const Vector<double> inverse = random_vector(40, 3).array() + 1.5, b = random_vector(40, 4);
  CgWorkspace<double> one, two, three;
  const CgOptions<double> options{.rtol = 1e-9, .damping = 0.1};
  const auto function = [&](const Vector<double>& v, Vector<double>& out) { out = inverse.cwiseProduct(v); };
  Vector<double> own;
  const auto pointer = [&](const Vector<double>& v, Vector<double>&) {
    own = inverse.cwiseProduct(v);
    return static_cast<const double*>(own.data());
  };
  const CgOutcome a = cg<double>(product, b, options, one, DiagonalPreconditioner<double>{inverse});
  const CgOutcome c = cg<double>(product, b, options, two, function);
  const CgOutcome d = cg<double>(product, b, options, three, pointer);
  CHECK(a.iterations == c.iterations);
  CHECK((one.x - two.x).norm() <= 1e-12 * one.x.norm());
  CHECK(two.x == three.x);
  CHECK(c.model == d.model);
  const Vector<double> m = inverse.cwiseInverse();
  CHECK(c.step_norm == doctest::Approx(std::sqrt(two.x.dot(m.cwiseProduct(two.x)))).epsilon(1e-10));
}

TEST_CASE("cg_ritz_values_are_eigenvalues_after_n_iterations") {
  const Index n = 12;
  const Vector<double> eigenvalues = Vector<double>::LinSpaced(n, 1, 12);
  Product<double> product{symmetric(eigenvalues, 3)};
  CgWorkspace<double> work;
  const CgOutcome out =
      cg<double>(product, random_vector(n, 4), {.rtol = 0, .max_iterations = n, .ritz = 50}, work);
  REQUIRE(out.iterations == n);
  Eigen::SelfAdjointEigenSolver<Matrix<double>> eigen;
  eigen.computeFromTridiagonal(Eigen::Map<Vector<double>>(work.ritz_diagonal.data(), n),
                               Eigen::Map<Vector<double>>(work.ritz_offdiagonal.data(), n - 1));
  CHECK((eigen.eigenvalues() - eigenvalues).norm() <= 1e-10);
  CHECK(out.least_curvature >= 1 - 1e-12);
  CHECK(out.largest_curvature <= 12 + 1e-12);
  CHECK(out.least_curvature < out.largest_curvature);
  cg<double>(product, random_vector(n, 4), {.rtol = 0, .ritz = 3}, work);
  CHECK(work.ritz_diagonal.size() == 3);
  CHECK(work.ritz_offdiagonal.size() == 2);
}

TEST_CASE("cg_does_nothing_no_unknowns_or_zero_right_side") {
  Product<double> product{Matrix<double>(0, 0)};
  CgWorkspace<double> work;
  CHECK(cg<double>(product, Vector<double>(0), {}, work).exit == KrylovExit::residual);
  CHECK(work.x.size() == 0);
  product.a = positive(5, 1);
  work.x = random_vector(5, 1);
  const CgOutcome out = cg<double>(product, Vector<double>::Zero(5), {.warm_start = true}, work);
  CHECK(out.exit == KrylovExit::residual);
  CHECK(out.residual_norm == 0);
  CHECK(work.x == Vector<double>::Zero(5));
  CHECK(product.calls == 0);
}

TEST_CASE("cg_has_the_same_iterates_scaled_by_powers_of_two") {
  Product<double> product{positive(20, 1)};
  const Vector<double> b = random_vector(20, 2);
  CgWorkspace<double> one, other;
  const CgOutcome plain = cg<double>(product, b, {.rtol = 1e-9, .radius = 0.1}, one);
  for (const int power : {-900, -500, -40, 40, 500, 900}) {
    CAPTURE(power);
    const double unit = std::ldexp(1.0, power);
    const CgOutcome out = cg<double>(product, unit * b, {.rtol = 1e-9, .radius = 0.1 * unit}, other);
    CHECK(out.iterations == plain.iterations);
    CHECK(out.exit == plain.exit);
    CHECK((other.x / unit - one.x).norm() <= 1e-15 * one.x.norm());
    CHECK(out.residual_norm / unit == doctest::Approx(plain.residual_norm).epsilon(1e-12));
    CHECK(out.step_norm / unit == doctest::Approx(0.1).epsilon(1e-12));
  }
}

TEST_CASE("cg_in_single_precision_adds_up_in_double") {
  // b'b = 10^6 in steps of one: a sum of floats would stop growing at 2^24 of them, or lose digits before.
  const Index n = 1'000'000;
  const Vector<float> b = Vector<float>::Constant(n, 1.1f);
  const auto apply = [](const Vector<float>& v, Vector<float>& out) { out = 2 * v; };
  CgWorkspace<float> work;
  const CgOutcome out = cg<float>(apply, b, {.max_iterations = 1}, work);
  CHECK(out.exit == KrylovExit::residual);
  CHECK(out.model == doctest::Approx(-1e6 * 1.1f * 1.1f / 4).epsilon(1e-12));
  CHECK((work.x.array() == 0.55f).all());
  Product<float> product{positive(30, 1).cast<float>()};
  const Vector<float> c = random_vector(30, 2).cast<float>();
  cg<float>(product, c, {.rtol = 1e-6f}, work);
  CHECK((product.a * work.x - c).norm() <= 50 * 1.2e-7f * 30 * c.norm());  // |A| eps n |x|
}

TEST_CASE("cg_has_the_same_bits_for_any_number_of_threads") {
  const Index n = 3 * Sweep<double>::chunk + 17;
  const Vector<double> d = random_vector(n, 1).array() + 2, b = random_vector(n, 2);
  const auto apply = [&](const Vector<double>& v, Vector<double>& out) { out = d.cwiseProduct(v); };
  const DiagonalPreconditioner<double> m{random_vector(n, 3).array() + 1.5};
  const auto solve = [&](int threads, const Executor* executor, CgWorkspace<double>& work) {
    return cg<double>(apply, b, {.rtol = 1e-9, .damping = 0.1, .threads = threads, .executor = executor},
                      work, m);
  };
  CgWorkspace<double> one, other;
  const CgOutcome expected = solve(1, nullptr, one);
  const Executor serial = [](int, const std::function<void()>& worker) { worker(); };
  for (const int threads : {2, 3, 8})
    for (const Executor* executor : {static_cast<const Executor*>(nullptr), &serial}) {
      const CgOutcome out = solve(threads, executor, other);
      CHECK(out.iterations == expected.iterations);
      CHECK(out.model == expected.model);
      CHECK(other.x == one.x);
    }
}

TEST_CASE("cg_allocates_nothing_in_an_iteration") {
  Product<double> product{positive(200, 1)};
  const Vector<double> b = random_vector(200, 2);
  CgWorkspace<double> work;
  const auto count = [&](Index most) {
    const CgOptions<double> options{.rtol = 0, .max_iterations = most, .progress_tolerance = 1e-12};
    const long before = tests::allocations();
    const Index iterations = cg<double>(product, b, options, work).iterations;
    const long asked = tests::allocations() - before;
    CHECK(iterations == most);
    return asked;
  };
  count(40);
  const double *x = work.x.data(), *p = work.p.data();
  CHECK(count(10) == count(40));
  CHECK(work.x.data() == x);
  CHECK(work.p.data() == p);
}

TEST_CASE("cg_refuses_options_that_make_no_sense") {
  Product<double> product{positive(3, 1)};
  const Vector<double> b = random_vector(3, 2);
  CgWorkspace<double> work;
  const auto refused = [&](const CgOptions<double>& options, const char* message) {
    CHECK_THROWS_WITH_AS(cg<double>(product, b, options, work), message, std::invalid_argument);
  };
  refused({.rtol = -1}, "rtol must be finite and at least 0, got -1");
  refused({.atol = infinity}, "atol must be finite and at least 0, got inf");
  refused({.damping = -0.5}, "damping must be finite and at least 0, got -0.5");
  refused({.radius = 0}, "radius must be positive, got 0");
  refused({.progress_tolerance = -1}, "progress_tolerance must be finite and at least 0, got -1");
  refused({.max_iterations = -1}, "max_iterations must be at least 0, got -1");
  work.x = b;
  refused({.radius = 2, .warm_start = true}, "radius must be infinite where the start is not zero, got 2");
}
