// globalize/trust_region.hpp: the radius after each kind of trial, with MINPACK's factors.

#include <doctest/doctest.h>

#include <osculate/globalize/trust_region.hpp>

using namespace osculate;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Quadratic<double> model(Vector<double> scale, double natural_radius) {
  Quadratic<double> q;
  q.natural_radius = natural_radius;
  q.scale = std::move(scale);
  return q;
}

/// A trial of length `step` whose reduction is `ratio` times the prediction 1, with slope -2.
Judged<double> judged(double ratio, double step) {
  return {.predicted = 1, .actual = ratio, .ratio = ratio, .slope = -2, .step = step};
}

struct Judgement {
  Verdict verdict;
  double radius, damping;
};
/// What a trust region that has moved before, with radius 8, makes of a trial with damping 3.
Judgement judgement(const Judged<double>& j, double damping = 3) {
  TrustRegion<double> region{.radius = 8, .moved = true};
  Trial<double> trial = region.start({});
  trial.damping = damping;
  const Verdict verdict = region.judge({}, j, trial);
  if (verdict == Verdict::resolve) CHECK(trial.radius == region.radius);
  if (verdict == Verdict::accept) CHECK(trial.radius == 8);
  return {verdict, region.radius, region.damping};
}

}  // namespace

TEST_CASE("first_radius_is_the_scaled_length_of_the_start") {
  TrustRegion<double> region{.initial_radius = 0.5};
  region.first(model(Vector<double>{{2, 1}}, 7), Vector<double>{{1.5, 4}});
  CHECK(region.radius == 2.5);
  region.first(model(Vector<double>{{2, 1}}, 7), Vector<double>{{0, 0}});
  CHECK(region.radius == 3.5);  // the model's own length where x0 = 0
}

TEST_CASE("radius_doubles_a_good_step") {
  const Judgement good = judgement(judged(0.75, 7));
  CHECK(good.verdict == Verdict::accept);
  CHECK(good.radius == 14);
  CHECK(good.damping == 1.5);
}

TEST_CASE("radius_follows_an_undamped_step_that_is_fair") {
  const Judgement fair = judgement(judged(0.5, 3), 0);
  CHECK(fair.verdict == Verdict::accept);
  CHECK(fair.radius == 6);
}

TEST_CASE("radius_stays_a_fair_step") {
  const Judgement fair = judgement(judged(0.5, 7));
  CHECK(fair.verdict == Verdict::accept);
  CHECK(fair.radius == 8);
  CHECK(fair.damping == 3);
}

TEST_CASE("radius_halves_a_poor_step_that_is_still_accepted") {
  const Judgement poor = judgement(judged(0.1, 7));
  CHECK(poor.verdict == Verdict::accept);
  CHECK(poor.radius == 4);
  CHECK(poor.damping == 6);
}

TEST_CASE("radius_shrinks_to_the_minimizer_of_the_parabola_a_rise") {
  // t = -slope / (2 (rise - slope)) = 2 / (2 (3 + 2)) = 0.2 of the step
  const Judgement rise = judgement(judged(-3, 7));
  CHECK(rise.verdict == Verdict::resolve);
  CHECK(rise.radius == doctest::Approx(0.2 * 8).epsilon(1e-15));
  CHECK(rise.damping == doctest::Approx(3 / 0.2).epsilon(1e-15));
}

TEST_CASE("radius_shrinks_to_a_tenth_a_large_rise_or_no_finite_value") {
  CHECK(judgement(judged(-1000, 7)).radius == doctest::Approx(0.8).epsilon(1e-15));
  CHECK(judgement(judged(-infinity, 7)).radius == doctest::Approx(0.8).epsilon(1e-15));
  CHECK(judgement(judged(-infinity, 7)).verdict == Verdict::resolve);
}

TEST_CASE("radius_starts_from_the_step_a_step_much_shorter_than_the_radius") {
  CHECK(judgement(judged(-1000, 0.01)).radius == doctest::Approx(0.1 * 10 * 0.01).epsilon(1e-15));
}

TEST_CASE("first_step_bounds_the_radius") {
  TrustRegion<double> region{.radius = 8};
  Trial<double> trial = region.start({});
  CHECK(region.judge({}, judged(0.5, 2), trial) == Verdict::accept);
  CHECK(region.radius == 4);  // min(8, 2), then twice the step because nothing damped it
}

TEST_CASE("a_step_is_accepted_from_a_ten_thousandth_of_the_prediction") {
  CHECK(judgement(judged(1e-4, 7)).verdict == Verdict::accept);
  CHECK(judgement(judged(0.99e-4, 7)).verdict == Verdict::resolve);
  CHECK(judgement(judged(0, 7)).verdict == Verdict::resolve);
}

TEST_CASE("rejections_end_after_a_hundred_or_at_a_radius_of_zero") {
  TrustRegion<double> region{.radius = 8, .moved = true};
  Trial<double> trial = region.start({});
  int trials = 1;
  while (region.judge({}, judged(-1, trial.radius), trial) == Verdict::resolve) ++trials;
  CHECK(trials == 100);
  TrustRegion<double> zero{.radius = 1e-320, .moved = true};
  trial = zero.start({});
  trials = 1;
  while (zero.judge({}, judged(-infinity, trial.radius), trial) == Verdict::resolve) ++trials;
  CHECK(trials < 10);
}
