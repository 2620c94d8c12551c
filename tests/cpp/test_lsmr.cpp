// linsolve/lsmr.hpp: least squares from products alone, and as the linear solve of a model.

#include <doctest/doctest.h>

#include <osculate/linsolve/lsmr.hpp>

#include "models.hpp"
#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

struct Solved {
  Vector<double> d;
  LsmrOutcome<double> outcome;
};

Solved solve(const Matrix<double>& j, const Vector<double>& r, const LsmrOptions<double>& options) {
  Solved solved;
  const auto apply = [&](const Vector<double>& v, Vector<double>& out) { out.noalias() = j * v; };
  const auto apply_transposed = [&](const Vector<double>& u, Vector<double>& out) {
    out.noalias() = j.transpose() * u;
  };
  solved.outcome = lsmr<double>(apply, apply_transposed, r, j.cols(), options, solved.d);
  return solved;
}

}  // namespace

TEST_CASE("lsmr_equals_the_dense_solution_damped_or_not") {
  const Matrix<double> j = random_matrix(50, 8, 1);
  const auto q = tests::model<double>(j, random_vector(50, 2), Vector<double>::Ones(8));
  for (const double lambda : {0.0, 0.1, 10.0}) {
    CAPTURE(lambda);
    const Solved solved = solve(j, q.residual, {.tolerance = 1e-14, .damping = lambda});
    const Vector<double> expected = tests::reference_step(q, lambda, q.fixed, Vector<double>::Zero(8));
    CHECK((solved.d - expected).norm() <= 1e-12 * expected.norm());  // tolerance times condition^2 < 10
    CHECK(solved.outcome.iterations <= 8 + 1);                       // exact after n, but for rounding
    CHECK_FALSE(solved.outcome.at_radius);
  }
}

TEST_CASE("lsmr_has_minimum_norm_rank_deficient_or_fewer_rows") {
  Matrix<double> j = random_matrix(30, 5, 3);
  j.col(4) = j.col(0) + j.col(1);
  const Vector<double> r = random_vector(30, 4);
  const Vector<double> least = j.completeOrthogonalDecomposition().solve(-r);
  CHECK((solve(j, r, {.tolerance = 1e-14}).d - least).norm() <= 1e-12 * least.norm());
  const Matrix<double> wide = random_matrix(4, 9, 5);
  const Vector<double> short_r = random_vector(4, 6);
  const Vector<double> least_wide = wide.completeOrthogonalDecomposition().solve(-short_r);
  CHECK((solve(wide, short_r, {.tolerance = 1e-14}).d - least_wide).norm() <= 1e-12 * least_wide.norm());
}

TEST_CASE("lsmr_meets_its_tolerance_on_the_gradient") {
  const Matrix<double> j = random_matrix(60, 30, 7);
  const Vector<double> r = random_vector(60, 8), gradient = j.transpose() * r;
  Index before = 0;
  for (const double tolerance : {1e-1, 1e-3, 1e-6}) {
    const Solved solved = solve(j, r, {.tolerance = tolerance});
    CHECK((j.transpose() * (j * solved.d + r)).norm() <= 1.01 * tolerance * gradient.norm());
    CHECK(solved.outcome.iterations > before);  // and does not do more than asked
    before = solved.outcome.iterations;
  }
}

TEST_CASE("lsmr_stops_at_the_radius_on_the_way_to_the_solution") {
  const Matrix<double> j = random_matrix(40, 10, 9);
  const Vector<double> r = random_vector(40, 10);
  const double full = solve(j, r, {.tolerance = 1e-14}).d.norm();
  double cost = r.norm();
  for (const double part : {1e-6, 0.1, 0.5, 0.9, 0.999}) {
    const Solved solved = solve(j, r, {.tolerance = 1e-14, .radius = part * full});
    CHECK(solved.outcome.at_radius);
    CHECK(solved.d.norm() == doctest::Approx(part * full).epsilon(1e-12));
    CHECK((j * solved.d + r).norm() < cost);  // a larger radius is never worse
    cost = (j * solved.d + r).norm();
  }
  CHECK_FALSE(solve(j, r, {.tolerance = 1e-14, .radius = 1.001 * full}).outcome.at_radius);
}

TEST_CASE("lsmr_grows_monotonically_with_its_iterations") {
  const Matrix<double> j = random_matrix(40, 10, 9);
  const Vector<double> r = random_vector(40, 10);
  double length = 0;
  for (Index most = 1; most <= 10; ++most) {
    const Solved solved = solve(j, r, {.tolerance = 1e-14, .max_iterations = most});
    CHECK(solved.outcome.iterations == most);
    CHECK(solved.d.norm() > length);
    length = solved.d.norm();
  }
}

TEST_CASE("lsmr_is_zero_nothing_to_do") {
  const Matrix<double> j = random_matrix(5, 3, 1);
  CHECK(solve(j, Vector<double>::Zero(5), {}).d == Vector<double>::Zero(3));
  CHECK(solve(Matrix<double>::Zero(5, 3), random_vector(5, 1), {}).d == Vector<double>::Zero(3));
  CHECK(solve(Matrix<double>(5, 0), random_vector(5, 1), {}).d.size() == 0);
}

TEST_CASE("lsmr_step_equals_the_dense_one_scaled_and_with_held_variables") {
  const Vector<double> scale = random_vector(6, 3).array() + 2;
  const auto q = tests::model<double>(random_matrix(40, 6, 4), random_vector(40, 5), scale);
  Mask fixed = Mask::Constant(6, false);
  fixed[2] = fixed[5] = true;
  Vector<double> held = Vector<double>::Zero(6), d;
  held[5] = 0.2;
  for (const double lambda : {0.0, 0.4}) {
    LsmrStep<double> step{.tolerance = 1e-14};
    step.prepare(q);
    step.restrict(q, fixed, held);
    Trial<double> trial{.damping = lambda};
    REQUIRE(step.solve(q, held, trial, d));
    const Vector<double> expected = tests::reference_step(q, lambda, fixed, held);
    CHECK((d - expected).norm() <= 1e-12 * expected.norm());
    CHECK(d[2] == 0);
    CHECK(d[5] == 0.2);
    CHECK(trial.damping == lambda);
    CHECK(step.products > 0);
  }
}

TEST_CASE("lsmr_step_has_the_scaled_length_of_the_radius") {
  const Vector<double> scale = random_vector(6, 3).array() + 2;
  const auto q = tests::model<double>(random_matrix(40, 6, 4), random_vector(40, 5), scale);
  LsmrStep<double> step;
  step.prepare(q);
  step.restrict(q, q.fixed, Vector<double>::Zero(6));
  Trial<double> trial{.damping = 7, .radius = 1e-3};
  Vector<double> d;
  REQUIRE(step.solve(q, d, trial, d));
  CHECK(d.cwiseProduct(scale).norm() == doctest::Approx(1e-3).epsilon(1e-12));
  CHECK(trial.damping == 0);  // the radius does the damping
}

TEST_CASE("lsmr_step_reports_failure_products_not_finite") {
  Matrix<double> j = random_matrix(8, 3, 4);
  j(2, 1) = std::numeric_limits<double>::quiet_NaN();
  const auto q = tests::model<double>(j, random_vector(8, 5), Vector<double>::Ones(3));
  LsmrStep<double> step{.tolerance = 1e-8};
  step.prepare(q);
  step.restrict(q, q.fixed, Vector<double>::Zero(3));
  Trial<double> trial;
  Vector<double> d;
  CHECK_FALSE(step.solve(q, d, trial, d));
}

TEST_CASE("lsmr_ends_with_the_exception_of_its_poll") {
  const auto q =
      tests::model<double>(random_matrix(40, 20, 4), random_vector(40, 5), Vector<double>::Ones(20));
  struct Interrupt {};
  int polls = 0;
  LsmrStep<double> step{.tolerance = 1e-15};
  step.poll = [&] {
    if (++polls == 3) throw Interrupt();
  };
  step.prepare(q);
  step.restrict(q, q.fixed, Vector<double>::Zero(20));
  Trial<double> trial;
  Vector<double> d;
  CHECK_THROWS_AS(step.solve(q, d, trial, d), Interrupt);
  CHECK(polls == 3);
}
