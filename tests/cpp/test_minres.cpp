// linsolve/minres.hpp.

#include <doctest/doctest.h>

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <osculate/linsolve/minres.hpp>

#include "batch_allocations.hpp"
#include "krylov.hpp"

using namespace osculate;
using tests::Product, tests::random_vector, tests::symmetric;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Solved {
  MinresOutcome out;
  MinresWorkspace<double> work;
};

template <class Apply, class Precondition = const NoPreconditioner>
Solved solve(Apply&& apply, const Vector<double>& b, const MinresOptions<double>& options,
             Precondition&& precondition = {}) {
  Solved solved;
  solved.out = minres<double>(apply, b, options, solved.work, precondition);
  return solved;
}

/// Eigenvalues of either sign, none close to zero.
Matrix<double> indefinite(Index n, unsigned seed) {
  Vector<double> eigenvalues = Vector<double>::LinSpaced(n, 1, 20);
  for (Index i = 0; i < n; i += 3) eigenvalues[i] *= -1;
  return symmetric(eigenvalues, seed);
}

}  // namespace

TEST_CASE("minres_is_exact_after_n_iterations_up_to_rounding") {
  for (const Index n : {1, 2, 9, 40}) {
    CAPTURE(n);
    Product<double> product{indefinite(n, 1)};
    const Vector<double> b = random_vector(n, 2), expected = product.a.fullPivLu().solve(b);
    const auto [out, work] = solve(product, b, {.rtol = 1e-12});
    CHECK(out.exit == KrylovExit::residual);
    CHECK(out.iterations == out.products);
    CHECK(out.iterations <= (n < 10 ? n : 2 * n));  // rounding makes Lanczos' vectors less than orthogonal
    CHECK((work.x - expected).norm() <= 1e-11 * b.norm());  // |A^-1| = 1
    CHECK((b - product.a * work.x).norm() <= 1e-11 * b.norm());
    if (n < 10) CHECK(out.matrix_norm <= product.a.norm() * (1 + 1e-12));
  }
}

TEST_CASE("minres_has_the_least_residual_of_the_krylov_space") {
  const Index n = 20;
  const Matrix<double> a = indefinite(n, 3);
  const Vector<double> b = random_vector(n, 4);
  Matrix<double> space(n, 6);
  space.col(0) = b;
  for (Index k = 1; k < 6; ++k) space.col(k) = a * space.col(k - 1) / 20;
  for (Index k = 1; k <= 6; ++k) {
    CAPTURE(k);
    const auto [out, work] = solve(Product<double>{a}, b, {.rtol = 0, .max_iterations = k});
    CHECK(out.exit == KrylovExit::max_iterations);
    const Matrix<double> image = a * space.leftCols(k);
    const Vector<double> best = image * image.colPivHouseholderQr().solve(b);
    CHECK(out.residual_norm == doctest::Approx((b - best).norm()).epsilon(1e-9));
    CHECK((b - a * work.x).norm() == doctest::Approx(out.residual_norm).epsilon(1e-10));
  }
}

TEST_CASE("minres_shift_is_subtracted_from_the_diagonal") {
  Product<double> product{indefinite(30, 5)};
  const Vector<double> b = random_vector(30, 6), start = random_vector(30, 7);
  const Matrix<double> shifted = product.a - 2.25 * Matrix<double>::Identity(30, 30);
  CHECK((shifted * solve(product, b, {.rtol = 1e-12, .shift = 2.25}).work.x - b).norm() <= 1e-10 * b.norm());
  MinresWorkspace<double> work;
  work.x = start;
  const MinresOutcome out =
      minres<double>(product, b, {.rtol = 1e-12, .shift = 2.25, .warm_start = true}, work);
  CHECK((shifted * work.x - b).norm() <= 1e-10 * b.norm());
  CHECK(out.products == out.iterations + 1);
}

TEST_CASE("minres_starts_where_it_is_told_and_measures_the_tolerance_by_b") {
  Product<double> product{indefinite(30, 5)};
  const Vector<double> b = random_vector(30, 6);
  MinresWorkspace<double> work;
  work.x = product.a.fullPivLu().solve(b);
  const Vector<double> solution = work.x;
  const MinresOutcome out = minres<double>(product, b, {.rtol = 1e-10, .warm_start = true}, work);
  CHECK(out.exit == KrylovExit::residual);
  CHECK(out.iterations == 0);
  CHECK(work.x == solution);
}

TEST_CASE("minres_solves_singular_compatible_systems_with_least_norm") {
  Vector<double> eigenvalues = Vector<double>::LinSpaced(25, -5, 8);
  eigenvalues.segment(8, 6).setZero();
  Product<double> product{symmetric(eigenvalues, 8)};
  const Vector<double> b = product.a * random_vector(25, 9);
  const auto [out, work] = solve(product, b, {.rtol = 1e-11});
  CHECK(out.exit == KrylovExit::residual);
  const Vector<double> least = product.a.completeOrthogonalDecomposition().solve(b);
  CHECK((work.x - least).norm() <= 1e-9 * least.norm());
}

TEST_CASE("minres_finds_the_least_residual_of_a_system_without_solution") {
  Vector<double> eigenvalues = Vector<double>::LinSpaced(25, -5, 8);
  eigenvalues.segment(8, 6).setZero();
  Product<double> product{symmetric(eigenvalues, 8)};
  const Vector<double> b = random_vector(25, 9);
  const auto [out, work] = solve(product, b, {.rtol = 1e-5});
  CHECK(out.exit == KrylovExit::least_squares);
  const Vector<double> least = product.a.completeOrthogonalDecomposition().solve(b);
  const double residual = (b - product.a * least).norm();
  CHECK((b - product.a * work.x).norm() == doctest::Approx(residual).epsilon(1e-12));
  CHECK(out.residual_norm == doctest::Approx(residual).epsilon(1e-12));
  const auto zero = [](const Vector<double>&, Vector<double>& to) { to.setZero(); };
  CHECK(solve(zero, b, {}).out.exit == KrylovExit::least_squares);
  CHECK(solve(zero, b, {}).work.x == Vector<double>::Zero(25));
}

TEST_CASE("minres_does_not_take_an_ill_conditioned_system_for_a_singular_one") {
  Product<double> product{symmetric(Vector<double>::LinSpaced(12, 0, 14).array().exp(), 3)};  // condition 1e6
  const Matrix<double> vectors = Eigen::SelfAdjointEigenSolver<Matrix<double>>(product.a).eigenvectors();
  const Vector<double> b = vectors.col(0) + 1e-3 * random_vector(12, 1);
  const auto [out, work] = solve(product, b, {.rtol = 1e-5, .max_iterations = 100});
  CHECK(out.exit == KrylovExit::residual);
  CHECK((product.a * work.x - b).norm() <= 1.01e-5 * b.norm());
}

TEST_CASE("minres_preconditioners_as_function_and_as_diagonal_agree") {
  Product<double> product{indefinite(40, 2)};
  const Vector<double> inverse = random_vector(40, 3).array() + 1.5, b = random_vector(40, 4);
  const MinresOptions<double> options{.rtol = 1e-9, .shift = 0.1};
  const auto function = [&](const Vector<double>& v, Vector<double>& out) { out = inverse.cwiseProduct(v); };
  const auto one = solve(product, b, options, DiagonalPreconditioner<double>{inverse});
  const auto two = solve(product, b, options, function);
  CHECK(one.out.exit == KrylovExit::residual);
  CHECK(std::abs(one.out.iterations - two.out.iterations) <= 1);
  CHECK((one.work.x - two.work.x).norm() <= 1e-7 * one.work.x.norm());
  const Vector<double> r = b - product.a * one.work.x + 0.1 * one.work.x;
  CHECK(std::sqrt(r.dot(inverse.cwiseProduct(r))) == doctest::Approx(one.out.residual_norm).epsilon(0.05));
  CHECK(one.out.residual_norm <= 1e-9 * std::sqrt(b.dot(inverse.cwiseProduct(b))));
}

TEST_CASE("minres_has_the_same_iterates_scaled_by_powers_of_two") {
  Product<double> product{indefinite(20, 1)};
  const Vector<double> b = random_vector(20, 2);
  const auto plain = solve(product, b, {.rtol = 1e-9});
  for (const int power : {-900, -40, 40, 900}) {
    const double unit = std::ldexp(1.0, power);
    const auto scaled = solve(product, unit * b, {.rtol = 1e-9});
    CHECK(scaled.out.iterations == plain.out.iterations);
    CHECK((scaled.work.x / unit - plain.work.x).norm() <= 1e-14 * plain.work.x.norm());
    const auto matrix = solve(Product<double>{product.a * std::ldexp(1.0, power / 3)}, b, {.rtol = 1e-9});
    CHECK(matrix.out.iterations == plain.out.iterations);
  }
}

TEST_CASE("minres_in_single_precision") {
  Product<float> product{indefinite(30, 1).cast<float>()};
  const Vector<float> b = random_vector(30, 2).cast<float>();
  MinresWorkspace<float> work;
  CHECK(minres<float>(product, b, {.rtol = 1e-5f}, work).exit == KrylovExit::residual);
  CHECK((product.a * work.x - b).norm() <= 1e-4f * b.norm());
}

TEST_CASE("minres_has_the_same_bits_for_any_number_of_threads") {
  const Index n = 2 * Sweep<double>::chunk + 17;
  const Vector<double> d =
      random_vector(n, 1).array() +
      (random_vector(n, 4).array() > 0).select(2.0, Vector<double>::Constant(n, -2).array());
  const Vector<double> b = random_vector(n, 2);
  const auto apply = [&](const Vector<double>& v, Vector<double>& out) { out = d.cwiseProduct(v); };
  const auto one = solve(apply, b, {.rtol = 1e-6}), two = solve(apply, b, {.rtol = 1e-6, .threads = 3});
  CHECK(one.out.exit == KrylovExit::residual);
  CHECK(one.work.x == two.work.x);
  CHECK(one.out.residual_norm == two.out.residual_norm);
}

TEST_CASE("minres_allocates_nothing_in_an_iteration") {
  Product<double> product{indefinite(200, 1)};
  const Vector<double> b = random_vector(200, 2);
  MinresWorkspace<double> work;
  const auto count = [&](Index most) {
    const long before = tests::allocations();
    const Index iterations = minres<double>(product, b, {.rtol = 0, .max_iterations = most}, work).iterations;
    const long asked = tests::allocations() - before;
    CHECK(iterations == most);
    return asked;
  };
  count(50);
  CHECK(count(10) == count(50));
}

TEST_CASE("minres_ends_early") {
  Product<double> product{indefinite(10, 1)};
  const Vector<double> b = random_vector(10, 2), start = random_vector(10, 3);
  CHECK(solve(product, Vector<double>::Zero(10), {}).out.exit == KrylovExit::residual);
  CHECK(solve(product, Vector<double>(0), {}).work.x.size() == 0);
  CHECK(solve(product, b * not_a_number, {}).out.exit == KrylovExit::nonfinite);
  int calls = 0;
  const auto late = [&](const Vector<double>& v, Vector<double>& to) {
    to = product.a * v;
    if (++calls == 4) to[3] = not_a_number;
  };
  const auto cut = solve(late, b, {.rtol = 1e-12});
  CHECK(cut.out.exit == KrylovExit::nonfinite);
  CHECK(cut.out.iterations == 3);
  CHECK(cut.work.x == solve(product, b, {.rtol = 1e-12, .max_iterations = 3}).work.x);
  const auto negative = [](const Vector<double>& v, Vector<double>& to) { to = -v; };
  CHECK(solve(product, b, {}, negative).out.exit == KrylovExit::preconditioner);
  const auto nothing = [](const Vector<double>&, Vector<double>& to) { to.setZero(); };
  CHECK(solve(product, b, {}, nothing).out.exit == KrylovExit::preconditioner);
  MinresWorkspace<double> work;
  const auto observe = [](const KrylovIteration& it, const Vector<double>&) { return it.iteration < 2; };
  const MinresOutcome out = minres<double>(product, b, {.rtol = 1e-12}, work, NoPreconditioner{}, observe);
  CHECK(out.exit == KrylovExit::user_stop);
  CHECK(out.iterations == 2);
  CHECK_THROWS_WITH_AS(solve(product, b, {.rtol = -1}), "rtol must be finite and at least 0, got -1",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(solve(product, b, {.shift = not_a_number}), "shift must be finite, got nan",
                       std::invalid_argument);
}
