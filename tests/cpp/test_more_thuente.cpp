// globalize/more_thuente.hpp and wolfe_search.hpp: the functions of section 5 of More & Thuente 1994 from
// steps of 1e-3 to 1e3, walls, bounds of the step, directions that do not work.

#include <doctest/doctest.h>

#include <functional>
#include <osculate/globalize/wolfe_search.hpp>

using namespace osculate;

namespace {

using Function = std::function<double(double)>;
struct Line {
  Function f, slope;
};

/// -t / (t^2 + 2): a single valley at sqrt 2.
const Line first{[](double t) { return -t / (t * t + 2); },
                 [](double t) { return (t * t - 2) / ((t * t + 2) * (t * t + 2)); }};
/// (t + 0.004)^5 - 2 (t + 0.004)^4: falls slowly at first.
const Line second{[](double t) { return std::pow(t + 0.004, 5) - 2 * std::pow(t + 0.004, 4); },
                  [](double t) { return 5 * std::pow(t + 0.004, 4) - 8 * std::pow(t + 0.004, 3); }};
/// Yanai, Ozawa & Kaneko's: two slopes joined within b of 1.
Line yanai(double b1, double b2) {
  const auto g = [](double b) { return std::sqrt(1 + b * b) - b; };
  return {[=](double t) {
            return g(b1) * std::sqrt((1 - t) * (1 - t) + b2 * b2) + g(b2) * std::sqrt(t * t + b1 * b1);
          },
          [=](double t) {
            return g(b1) * (t - 1) / std::sqrt((1 - t) * (1 - t) + b2 * b2) +
                   g(b2) * t / std::sqrt(t * t + b1 * b1);
          }};
}
const Line parabola{[](double t) { return (t - 3) * (t - 3); }, [](double t) { return 2 * (t - 3); }};

MoreThuente<double> search(const Line& line, const WolfeOptions<double>& options, double start) {
  check(options);
  MoreThuente<double> out(line.f(0), line.slope(0), options, start);
  while (out.judge(line.f(out.trial), line.slope(out.trial))) {
  }
  return out;
}

}  // namespace

TEST_CASE("more_thuente_fulfils_both_conditions_from_steps_of_any_size") {
  struct Case {
    Line line;
    double c1, c2;
  };
  for (const Case& c :
       {Case{first, 1e-3, 1e-1}, Case{second, 1e-1, 1.1e-1}, Case{yanai(1e-3, 1e-3), 1e-3, 2e-3},
        Case{yanai(1e-2, 1e-3), 1e-3, 2e-3}, Case{yanai(1e-3, 1e-2), 1e-3, 2e-3}, Case{parabola, 1e-4, 1e-3}})
    for (const double start : {1e-3, 1e-1, 1e1, 1e3}) {
      const auto out = search(c.line, {.sufficient = c.c1, .curvature = c.c2}, start);
      const double t = out.trial, slope = c.line.slope(0);
      CAPTURE(start);
      CHECK(out.exit == WolfeExit::wolfe);
      CHECK(c.line.f(t) <= c.line.f(0) + c.c1 * t * slope);
      CHECK(std::abs(c.line.slope(t)) <= c.c2 * std::abs(slope));
      CHECK(out.evaluations <= 20);  // the paper's tables need 16 at most
    }
}

TEST_CASE("more_thuente_takes_a_good_first_step_as_it_is") {
  const auto out = search(parabola, {}, 1);
  CHECK(out.trial == 1);
  CHECK(out.evaluations == 1);
}

TEST_CASE("more_thuente_finds_the_minimum_of_a_parabola_once_it_is_in_reach") {
  for (const double start : {1.0, 50.0}) {  // steps grow by four times the last one at most
    const auto out = search(parabola, {.curvature = 1e-3}, start);
    CHECK(out.evaluations == 2);
    CHECK(out.trial == doctest::Approx(3).epsilon(1e-12));
  }
}

TEST_CASE("more_thuente_honours_the_bounds_of_the_step") {
  const auto longest = search(parabola, {.curvature = 1e-3, .longest = 2}, 1);
  CHECK(longest.exit == WolfeExit::longest);
  CHECK(longest.trial == 2);
  const auto shortest = search(parabola, {.curvature = 1e-3, .shortest = 5}, 10);
  CHECK(shortest.exit == WolfeExit::decrease);
  CHECK(shortest.trial == 5);
}

TEST_CASE("more_thuente_gets_back_from_where_nothing_is_finite") {
  for (const double bad : {NAN, INFINITY, -INFINITY}) {
    const Line wall{[=](double t) { return t < 3.5 ? parabola.f(t) : bad; },
                    [=](double t) { return t < 3.5 ? parabola.slope(t) : NAN; }};
    for (const double start : {1.0, 4.0, 1e6}) {
      const auto out = search(wall, {.curvature = 1e-3}, start);
      CHECK(out.exit == WolfeExit::wolfe);
      CHECK(out.trial == doctest::Approx(3).epsilon(1e-2));
    }
  }
}

TEST_CASE("more_thuente_says_what_went_wrong") {
  const Line wrong{[](double t) { return t; }, [](double) { return -1.0; }};
  const auto uphill = search(wrong, {.most_evaluations = 2000}, 1);
  CHECK(uphill.exit == WolfeExit::no_progress);
  CHECK(uphill.trial == 0);
  CHECK(search(wrong, {.most_evaluations = 3}, 1).exit == WolfeExit::max_iterations);
  const auto few = search(parabola, {.curvature = 1e-3, .most_evaluations = 1}, 1);
  CHECK(few.exit == WolfeExit::decrease);
  CHECK(few.trial == 1);
  CHECK_THROWS_WITH(check(WolfeOptions<double>{.curvature = 1e-5}), "c2 must be between c1 and 1, got 1e-05");
}

TEST_CASE("line_search_evaluates_where_it_ends") {
  struct {
    int values = 0;
    double value(const Vector<double>& x) {
      ++values;
      return x.squaredNorm();
    }
    void gradient(const Vector<double>& x, Vector<double>& g) { g = 2 * x; }
  } f;
  const Vector<double> x{{3, 4}}, d{{-1, -1}};
  const auto out = line_search(f, x, d, WolfeOptions<double>{.curvature = 0.01});
  CHECK(out.exit == WolfeExit::wolfe);
  CHECK(out.step == doctest::Approx(3.5));
  CHECK(out.x == x + out.step * d);
  CHECK(out.value == out.x.squaredNorm());
  CHECK(out.gradient == 2 * out.x);
  CHECK(f.values == out.evaluations + 1);
  const auto back = line_search(f, x, Vector<double>(-d), WolfeOptions<double>{});
  CHECK(back.exit == WolfeExit::not_downhill);
  CHECK(back.step == 0);
  CHECK(back.x == x);
}

TEST_CASE("wolfe_search_lengthens_a_step_that_is_too_short") {
  WolfeSearch<double> wolfe;
  Quadratic<double> q;
  Trial<double> trial = wolfe.start(q);
  int trials = 0;
  const auto judged = [&](double t) {
    return Judged<double>{.actual = parabola.f(0) - parabola.f(0.01 * t),
                          .slope = 0.01 * t * parabola.slope(0),
                          .step = 0.01 * t,
                          .end_slope = 0.01 * t * parabola.slope(0.01 * t)};
  };
  wolfe.reach = 1000;
  while (wolfe.judge(q, judged(trial.scale), trial) == Verdict::rescale) ++trials;
  CHECK(trials >= 1);
  CHECK(trials <= 5);
  CHECK(std::abs(parabola.slope(0.01 * trial.scale)) <= 0.9 * std::abs(parabola.slope(0)));
}

TEST_CASE("wolfe_search_cuts_a_step_that_is_absurdly_long") {
  // f(s) = max(s/3, -2s/3) + 133 - ... as seen from s = 200 along a direction 1e88 long.
  WolfeSearch<double> wolfe;
  Quadratic<double> q;
  q.scale = Vector<double>::Ones(1);
  wolfe.first(q, Vector<double>{{200}});
  Trial<double> trial = wolfe.start(q);
  const auto f = [](double s) { return s > 0 ? 2 * s / 3 : -s / 3; };
  const auto slope = [](double s) { return s > 0 ? 2.0 / 3 : -1.0 / 3; };
  const double d = -1e88;
  int trials = 1;
  const auto judged = [&](double t) {
    const double s = 200 + t * d;
    return Judged<double>{.actual = f(200) - f(s),
                          .slope = t * d * slope(200),
                          .step = std::abs(t * d),
                          .end_slope = t * d * slope(s)};
  };
  while (wolfe.judge(q, judged(trial.scale), trial) == Verdict::rescale) ++trials;
  CHECK(trials <= 30);
  CHECK(f(200 + trial.scale * d) < f(200));
}
