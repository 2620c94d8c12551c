// globalize/damping.hpp: the rules of lambda, trial by trial.

#include <doctest/doctest.h>

#include <osculate/globalize/damping.hpp>

using namespace osculate;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// r = (3, 4) and J with columns of norm 2 and 6, the scale being 2 and 3: the largest element of
/// diag(D^-1 J'J D^-1) is 4.
Quadratic<double> model() {
  Quadratic<double> q;
  q.value = 12.5;
  q.gradient_scale = Vector<double>{{2 * 5, 6 * 5}};
  q.scale = Vector<double>{{2, 3}};
  return q;
}

Judged<double> judged(double ratio) { return {.predicted = 1, .actual = ratio, .ratio = ratio}; }

}  // namespace

TEST_CASE_TEMPLATE("first_damping_is_relative_to_the_scaled_normal_matrix", Rule, NielsenDamping<double>,
                   DelayedGratification<double>) {
  Rule rule;
  rule.first(model(), Vector<double>{{1, 1}});
  CHECK(rule.lambda == doctest::Approx(1e-3 * 4).epsilon(1e-15));
  CHECK(rule.start(model()).damping == rule.lambda);
  CHECK(rule.start(model()).radius == infinity);
  Quadratic<double> zero = model();
  zero.value = 0;
  zero.gradient_scale.setZero();
  rule.first(zero, Vector<double>{{1, 1}});
  CHECK(rule.lambda == 1e-3);
}

TEST_CASE("nielsen_lambda_follows_the_gain_ratio_eq_2_5") {
  for (const auto& [ratio, factor] :
       {std::pair{1.0, 1.0 / 3}, std::pair{0.5, 1.0}, std::pair{0.75, 1 - 0.125}, std::pair{0.9, 1 - 0.512},
        std::pair{1e-9, 2.0}, std::pair{5.0, 1.0 / 3}}) {
    NielsenDamping<double> rule{.lambda = 6};
    Trial<double> trial = rule.start({});
    CHECK(rule.judge({}, judged(ratio), trial) == Verdict::accept);
    CHECK(rule.lambda == doctest::Approx(6 * factor).epsilon(1e-7));
    CHECK(rule.growth == 2);
  }
}

TEST_CASE("nielsen_lambda_grows_ever_faster_while_trials_fail") {
  NielsenDamping<double> rule{.lambda = 1};
  Trial<double> trial = rule.start({});
  for (const double expected : {2.0, 8.0, 64.0, 1024.0}) {
    CHECK(rule.judge({}, judged(-infinity), trial) == Verdict::resolve);
    CHECK(trial.damping == expected);
    CHECK(rule.lambda == expected);
  }
  CHECK(rule.judge({}, judged(0.5), trial) == Verdict::accept);
  CHECK(rule.growth == 2);  // the growth starts anew
}

TEST_CASE("delayed_gratification_raises_little_and_lowers_much") {
  DelayedGratification<double> rule{.lambda = 1};
  Trial<double> trial = rule.start({});
  for (const double expected : {2.0, 4.0, 8.0}) {
    CHECK(rule.judge({}, judged(0), trial) == Verdict::resolve);
    CHECK(trial.damping == expected);
  }
  CHECK(rule.judge({}, judged(1e-9), trial) == Verdict::accept);
  CHECK(rule.lambda == doctest::Approx(0.8).epsilon(1e-15));
}

TEST_CASE_TEMPLATE("damping_gives_up_when_lambda_is_no_longer_finite", Rule, NielsenDamping<double>,
                   DelayedGratification<double>) {
  Rule rule{.lambda = 1};
  Trial<double> trial = rule.start({});
  int trials = 1;
  while (rule.judge({}, judged(-1), trial) == Verdict::resolve) ++trials;
  CHECK(trials <= 1025);  // doublings from 1 to infinity
}
