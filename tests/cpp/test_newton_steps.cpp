// linsolve/more_sorensen.hpp and shifted_cholesky.hpp: the steps of a Hessian model, and quadratic.hpp's
// tests of it.

#include <doctest/doctest.h>

#include <osculate/linsolve/more_sorensen.hpp>
#include <osculate/linsolve/shifted_cholesky.hpp>

#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

HessianModel<double> model(const Matrix<double>& b, const Vector<double>& g) {
  HessianModel<double> q;
  q.hessian = b.triangularView<Eigen::Lower>();  // the upper triangle must not be read
  q.gradient = g;
  q.scale = Vector<double>::Ones(g.size());
  q.fixed = Mask::Constant(g.size(), false);
  return q;
}

/// Q diag(values) Q' with a random orthogonal Q.
Matrix<double> with_eigenvalues(const Vector<double>& values) {
  const Index n = values.size();
  const Matrix<double> q = random_matrix(n, n, 7).householderQr().householderQ();
  return q * values.asDiagonal() * q.transpose();
}

template <class Step>
bool solve(Step& step, const HessianModel<double>& q, Trial<double>& trial, Vector<double>& d) {
  step.prepare(q);
  step.restrict(q, q.fixed, Vector<double>::Zero(q.scale.size()));
  return step.solve(q, d, trial, d);
}

double lowest_eigenvalue(const Matrix<double>& a) {
  return Eigen::SelfAdjointEigenSolver<Matrix<double>>(a, Eigen::EigenvaluesOnly).eigenvalues()[0];
}

}  // namespace

/// The least value of g'd + d'Bd/2 over |d| <= radius, by bisection in the eigenbasis.
double best_reduction(const Matrix<double>& b, const Vector<double>& g, double radius) {
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> eigen(b);
  const Vector<double> c = eigen.eigenvectors().transpose() * g, values = eigen.eigenvalues();
  const auto step = [&](double lambda) {
    return Vector<double>((c.array() == 0).select(0.0, -c.array() / (values.array() + lambda)));
  };
  double low = std::max(0.0, -values[0]), high = low + g.norm() / radius + 1;
  Vector<double> y;
  if (values[0] > 0 && step(0).norm() <= radius) {
    y = step(0);
  } else {
    for (int i = 0; i < 200; ++i) {
      const double middle = (low + high) / 2;
      (step(middle).norm() > radius ? low : high) = middle;
    }
    y = step(high);
    if (y.norm() < radius && values[0] < 0)  // the hard case
      y[0] = std::copysign(std::sqrt(y[0] * y[0] + radius * radius - y.squaredNorm()), y[0]);
  }
  return -(c.dot(y) + y.dot(values.cwiseProduct(y)) / 2);
}

TEST_CASE("more_sorensen_step_reduces_nearly_as_much_as_any_within_the_radius_any_inertia") {
  for (const Vector<double>& values :
       {Vector<double>{{1, 2, 5, 9}}, Vector<double>{{-3, 1, 2, 4}}, Vector<double>{{-3, -2, -1, -1}},
        Vector<double>{{0, 0, 1, 2}}, Vector<double>{{-1e-8, 1, 1, 1e6}}, Vector<double>{{-4, -4, -4, -4}}})
    for (const double radius : {1e-6, 0.1, 1.0, 100.0})
      for (const Vector<double>& g :
           {random_vector(4, 3), Vector<double>(1e-9 * random_vector(4, 3)), Vector<double>{{0, 0, 0, 0}}}) {
        CAPTURE(values);
        CAPTURE(radius);
        CAPTURE(g);
        const Matrix<double> b = with_eigenvalues(values);
        auto q = model(b, g);
        MoreSorensen<double> step;
        Trial<double> trial{.radius = radius};
        Vector<double> d;
        REQUIRE(solve(step, q, trial, d));
        CHECK(d.norm() <= 1.1 * radius * (1 + 1e-12));
        CHECK(trial.damping >= 0);
        if (trial.damping > 0 && g.norm() > 0) CHECK(d.norm() >= 0.9 * radius);
        const Matrix<double> shifted = b + trial.damping * Matrix<double>::Identity(4, 4);
        const double size = values.cwiseAbs().maxCoeff() + trial.damping;
        CHECK(lowest_eigenvalue(shifted) >= -1e-14 * size);
        // A tenth of the radius and a tenth of the reduction may be missed.
        CHECK(q.predicted_reduction(d) >=
              0.8 * best_reduction(b, g, radius) - 1e-14 * size * radius * radius);
      }
}

TEST_CASE("more_sorensen_step_solves_the_shifted_system_where_the_hessian_is_definite") {
  const Matrix<double> b = with_eigenvalues(Vector<double>{{1, 2, 5, 9}});
  const Vector<double> g = random_vector(4, 3);
  const double newton = b.ldlt().solve(g).norm();
  auto q = model(b, g);
  MoreSorensen<double> step;
  Trial<double> trial{.radius = newton / 2};
  Vector<double> d;
  REQUIRE(solve(step, q, trial, d));
  CHECK(d.norm() == doctest::Approx(newton / 2).epsilon(0.1));
  CHECK(((b + trial.damping * Matrix<double>::Identity(4, 4)) * d + g).norm() <= 1e-13);
}

TEST_CASE("more_sorensen_step_is_newtons_within_the_radius") {
  const Matrix<double> b = with_eigenvalues(Vector<double>{{1, 2, 5, 9}});
  const Vector<double> g = random_vector(4, 3);
  MoreSorensen<double> step;
  Trial<double> trial{.damping = 4, .radius = 1e3};
  Vector<double> d;
  REQUIRE(solve(step, model(b, g), trial, d));
  CHECK(trial.damping == 0);
  CHECK((b * d + g).norm() <= 1e-13);
}

TEST_CASE("more_sorensen_fills_up_to_the_radius_the_hard_case") {
  // g is orthogonal to the eigenvector of -2: without a part along it the step stays shorter than the radius.
  const Matrix<double> b = Vector<double>{{-2, 1, 3}}.asDiagonal();
  for (const Vector<double>& g : {Vector<double>{{0, 1, 1}}, Vector<double>{{0, 0, 0}}}) {
    auto q = model(b, g);
    MoreSorensen<double> step;
    Trial<double> trial{.radius = 5};
    Vector<double> d;
    REQUIRE(solve(step, q, trial, d));
    CHECK(d.norm() == doctest::Approx(5).epsilon(1e-12));
    CHECK(trial.damping >= 2);
    CHECK(trial.damping <= 2.25);
    CHECK(std::abs(d[0]) > 4);
    CHECK(q.predicted_reduction(d) >= 0.9 * best_reduction(b, g, 5));
  }
}

TEST_CASE_TEMPLATE("steps_hold_variables_at_their_displacement", Step, MoreSorensen<double>,
                   ShiftedCholesky<double>) {
  const Matrix<double> b = with_eigenvalues(Vector<double>{{1, 2, 5, 9}});
  const auto q = model(b, random_vector(4, 3));
  Mask fixed = Mask::Constant(4, false);
  fixed[0] = fixed[2] = true;
  const Vector<double> held{{0.3, 0, 0, 0}};
  Step step;
  step.prepare(q);
  step.restrict(q, fixed, held);
  Trial<double> trial;
  Vector<double> d;
  REQUIRE(step.solve(q, held, trial, d));
  CHECK(d[0] == 0.3);
  CHECK(d[2] == 0);
  const Vector<double> gradient = b * d + q.gradient;
  CHECK(std::abs(gradient[1]) <= 1e-14);
  CHECK(std::abs(gradient[3]) <= 1e-14);
}

TEST_CASE("shifted_cholesky_is_newtons_step_positive_definite") {
  const Matrix<double> b = with_eigenvalues(Vector<double>{{1, 2, 5, 9}});
  const auto q = model(b, random_vector(4, 3));
  ShiftedCholesky<double> step;
  Trial<double> trial;
  Vector<double> d;
  REQUIRE(solve(step, q, trial, d));
  CHECK(trial.damping == 0);
  CHECK((b * d + q.gradient).norm() <= 1e-14);
}

TEST_CASE("shifted_cholesky_goes_downhill_any_inertia") {
  for (const Vector<double>& values : {Vector<double>{{-3, 1, 2, 4}}, Vector<double>{{-3, -2, -1, -1}},
                                       Vector<double>{{0, 0, 0, 0}}, Vector<double>{{-1e9, 1, 1, 1}}}) {
    CAPTURE(values);
    const Matrix<double> b = with_eigenvalues(values);
    const auto q = model(b, random_vector(4, 3));
    ShiftedCholesky<double> step;
    Trial<double> trial;
    Vector<double> d;
    REQUIRE(solve(step, q, trial, d));
    CHECK(q.gradient.dot(d) < 0);
    CHECK(trial.damping > -values.minCoeff() * (1 - 1e-12));
    const double size = values.cwiseAbs().maxCoeff() + trial.damping;
    CHECK((b * d + trial.damping * d + q.gradient).norm() <= 1e-13 * (size * d.norm() + q.gradient.norm()));
  }
}

TEST_CASE("may_be_minimum_is_false_from_negative_curvature_beyond_rounding_on") {
  const Vector<double> g = Vector<double>::Zero(3);
  CHECK(model(with_eigenvalues(Vector<double>{{1, 2, 3}}), g).may_be_minimum());
  CHECK(model(with_eigenvalues(Vector<double>{{0, 1, 3}}), g).may_be_minimum());
  CHECK(model(Matrix<double>::Zero(3, 3), g).may_be_minimum());
  CHECK_FALSE(model(with_eigenvalues(Vector<double>{{-1e-12, 1, 3}}), g).may_be_minimum());
  CHECK_FALSE(model(with_eigenvalues(Vector<double>{{-3, -2, -1}}), g).may_be_minimum());
  auto held = model(Vector<double>{{-1, 1, 1}}.asDiagonal(), g);
  held.fixed[0] = true;
  CHECK(held.may_be_minimum());
}
