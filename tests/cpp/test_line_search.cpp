// globalize/line_search.hpp and unit_step.hpp.

#include <doctest/doctest.h>

#include <osculate/globalize/line_search.hpp>
#include <osculate/globalize/unit_step.hpp>

using namespace osculate;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Search {
  Verdict verdict;
  double scale;
};
Search judge(double slope, double actual) {
  LineSearch<double> search;
  Trial<double> trial = search.start({});
  const Verdict verdict = search.judge({}, {.actual = actual, .slope = slope}, trial);
  return {verdict, trial.scale};
}

}  // namespace

TEST_CASE("line_search_accepts_from_armijos_condition_on") {
  CHECK(judge(-2, 1).verdict == Verdict::accept);
  CHECK(judge(-2, 2e-4).verdict == Verdict::accept);
  CHECK(judge(-2, 1.9e-4).verdict == Verdict::rescale);
  CHECK(judge(-2, 1).scale == 1);
}

TEST_CASE("line_search_shortens_to_the_minimizer_of_the_parabola") {
  // f + slope t + (rise - slope) t^2 with slope -2 and rise 3 has its minimum at 2 / (2 (3 + 2)).
  CHECK(judge(-2, -3).verdict == Verdict::rescale);
  CHECK(judge(-2, -3).scale == doctest::Approx(0.2).epsilon(1e-15));
  CHECK(judge(-2, 1e-4).scale == 0.5);       // at most a half
  CHECK(judge(-2, -1000).scale == 0.1);      // at least a tenth
  CHECK(judge(-2, -infinity).scale == 0.1);  // also without a finite value
}

TEST_CASE("line_search_refuses_a_direction_that_is_not_downhill") {
  CHECK(judge(0, 1).verdict == Verdict::give_up);
  CHECK(judge(2, 1).verdict == Verdict::give_up);
  CHECK(judge(std::nan(""), 1).verdict == Verdict::give_up);
}

TEST_CASE("line_search_finds_the_minimum_of_a_parabola_in_two_trials") {
  // f(t) = (t - 0.15)^2 along a direction of length one: slope -0.3.
  LineSearch<double> search;
  Trial<double> trial = search.start({});
  const auto f = [](double t) { return (t - 0.15) * (t - 0.15); };
  int trials = 1;
  while (search.judge({}, {.actual = f(0) - f(trial.scale), .slope = -0.3 * trial.scale}, trial) ==
         Verdict::rescale)
    ++trials;
  CHECK(trials == 2);
  CHECK(trial.scale == doctest::Approx(0.15).epsilon(1e-14));
}

TEST_CASE("line_search_gives_up_below_the_rounding_of_x_and_starts_anew") {
  LineSearch<double> search;
  for (int run = 0; run < 2; ++run) {
    Trial<double> trial = search.start({});
    CHECK(trial.scale == 1);
    int trials = 1;
    while (search.judge({}, {.actual = 0, .slope = -trial.scale}, trial) == Verdict::rescale) ++trials;
    CHECK(trials == 61);
    CHECK(trial.scale < 1e-16);
  }
}

TEST_CASE("unit_step_takes_every_finite_step") {
  UnitStep<double> unit;
  Trial<double> trial = unit.start({});
  CHECK(trial.scale == 1);
  CHECK(trial.damping == 0);
  CHECK(unit.judge({}, {.actual = -5}, trial) == Verdict::accept);
  CHECK(unit.judge({}, {.actual = -infinity}, trial) == Verdict::give_up);
}
