// linsolve/secular.hpp: lambda for a radius, on diagonal matrices, where everything is known.

#include <doctest/doctest.h>

#include <osculate/linsolve/secular.hpp>

#include "random.hpp"

using namespace osculate;

namespace {

/// A = diag(a) as solve_secular's Factor, which counts its factorizations.
struct Diagonal {
  Vector<double> a, g;
  int factorizations = 0;
  double lambda = 0;

  bool factorize(double value) {
    ++factorizations;
    lambda = value;
    return ((a.array() + lambda) > 1e-300).all();
  }
  bool full_rank() const { return true; }
  void solve(Vector<double>& z) const { z = -g.array() / (a.array() + lambda); }
  double inverse_form(const Vector<double>& z) const {
    return (z.array().square() / (a.array() + lambda)).sum();
  }
  double gradient_norm() const { return g.norm(); }
  double magnitude() const { return a.maxCoeff(); }
  Index size() const { return a.size(); }
};

}  // namespace

TEST_CASE("secular_gives_the_undamped_step_within_the_radius") {
  Diagonal factor{Vector<double>{{1, 2}}, Vector<double>{{3, 4}}};
  Trial<double> trial{.damping = 5, .radius = 4};  // |z(0)| = |(3, 2)| = 3.6
  Vector<double> z;
  REQUIRE(solve_secular(factor, trial, z));
  CHECK(trial.damping == 0);
  CHECK(z == Vector<double>{{-3, -2}});
  CHECK(factor.factorizations == 1);
}

TEST_CASE("secular_uses_the_given_damping_no_radius") {
  Diagonal factor{Vector<double>{{1, 2}}, Vector<double>{{3, 4}}};
  Trial<double> trial{.damping = 2};
  Vector<double> z;
  REQUIRE(solve_secular(factor, trial, z));
  CHECK(trial.damping == 2);
  CHECK(z == Vector<double>{{-1, -1}});
}

TEST_CASE("secular_step_has_the_radius_within_a_tenth_any_condition_radius_and_guess") {
  int worst = 0;
  for (const double condition : {1.0, 1e4, 1e12}) {
    Diagonal factor;
    factor.a = Vector<double>(8);
    for (Index i = 0; i < 8; ++i) factor.a[i] = std::pow(condition, -static_cast<double>(i) / 7);
    factor.g = tests::random_vector(8, 5);
    const double full = factor.g.cwiseQuotient(factor.a).norm();
    for (double radius = 0.9 * full; radius > 1e-14 * full; radius /= 10)
      for (const double guess : {0.0, 1e-6, 1e6}) {
        CAPTURE(condition);
        CAPTURE(radius);
        CAPTURE(guess);
        Trial<double> trial{.damping = guess, .radius = radius};
        Vector<double> z;
        factor.factorizations = 0;
        REQUIRE(solve_secular(factor, trial, z));
        CHECK(trial.damping > 0);
        CHECK(std::abs(z.norm() - radius) <= 0.1 * radius);
        const Vector<double> left = (factor.a.array() + trial.damping).matrix().cwiseProduct(z) + factor.g;
        CHECK(left.norm() <= 1e-15 * factor.g.norm());  // z belongs to this lambda: a division and a product
        worst = std::max(worst, factor.factorizations);
      }
  }
  CHECK(worst <= 11);  // More's safeguards bring a bad guess back within ten, the first one at 0 not counted
}

TEST_CASE("secular_needs_two_factorizations_the_guess_is_right") {
  Diagonal factor{Vector<double>{{1, 1e-3}}, Vector<double>{{1, 1}}};
  Trial<double> trial{.radius = 1};
  Vector<double> z;
  REQUIRE(solve_secular(factor, trial, z));
  factor.factorizations = 0;
  REQUIRE(solve_secular(factor, trial, z));
  CHECK(factor.factorizations == 2);
}

TEST_CASE("secular_stays_below_the_radius_the_hard_case_of_a_singular_matrix") {
  // g has no component in the null space of A: |z| tends to 1 as lambda does to 0, and cannot reach 10.
  Diagonal factor{Vector<double>{{1, 0}}, Vector<double>{{1, 0}}};
  Trial<double> trial{.radius = 10};
  Vector<double> z;
  REQUIRE(solve_secular(factor, trial, z));
  CHECK(z.allFinite());
  CHECK(z[0] == doctest::Approx(-1).epsilon(0.1));
  CHECK(z[1] == 0);
  CHECK(trial.damping <= 0.1);
}

TEST_CASE("secular_step_has_the_radius_a_singular_matrix_and_a_short_radius") {
  Diagonal factor{Vector<double>{{1, 0}}, Vector<double>{{1, 0}}};
  for (const double radius : {0.5, 1e-3, 1e-9}) {
    Trial<double> trial{.radius = radius};
    Vector<double> z;
    REQUIRE(solve_secular(factor, trial, z));
    CHECK(std::abs(z.norm() - radius) <= 0.1 * radius);
  }
}

TEST_CASE("secular_step_is_zero_no_gradient") {
  Diagonal factor{Vector<double>{{1, 0}}, Vector<double>{{0, 0}}};
  Trial<double> trial{.damping = 3, .radius = 1};
  Vector<double> z;
  REQUIRE(solve_secular(factor, trial, z));
  CHECK(trial.damping == 0);
  CHECK(z.isZero(0));
}

TEST_CASE("secular_ends_without_a_step_the_matrix_is_not_finite") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Diagonal factor{Vector<double>{{nan, 1}}, Vector<double>{{1, 1}}};
  Trial<double> trial{.radius = 1};
  Vector<double> z;
  CHECK_FALSE(solve_secular(factor, trial, z));
  CHECK(factor.factorizations <= 61);
  trial = {.damping = 0};
  CHECK_FALSE(solve_secular(factor, trial, z));
}
