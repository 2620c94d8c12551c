// batch/promise.hpp: what a step promises, and each condition under which it needs no evaluation.

#include <doctest/doctest.h>

#include <osculate/batch/levenberg_marquardt.hpp>

using namespace osculate::batch;

namespace {

using W = Wide<double>;

/// One variable with J'J = 2 and column norm sqrt(2): a step of length s from x = 0 with g = -2 s promises
/// s^2. The step before promised `before`, its ratio was `ratio`, and J'J was then `matrix`.
struct Case {
  double s = 1e-5, before = 1e-6, ratio = 1, matrix = 2, damping = 0, cost = 1, ftol = 1e-8;
  bool accepted = true;
};

bool is_last(const Case& c) {
  constexpr double confirming = 1e-6;
  LanePromise<double> promise;
  Rows<double> x(1), trial(1), gradient(1), matrix(1), matrix_before(1), scale(1), inverse_scale(1);
  const auto fill = [](Rows<double>& r, double v) { std::fill_n(r[0], lanes<double>, v); };
  fill(matrix, 2), fill(matrix_before, c.matrix), fill(scale, 2), fill(inverse_scale, std::sqrt(0.5));
  const auto step = [&](double s) {
    fill(trial, s), fill(gradient, -2 * s);
    promise({}, 1, x, trial, gradient, matrix, scale);
    return W::load(promise.predicted[0]);
  };
  step(std::sqrt(c.before));
  const WideMask<double> all = W(0) == W(0), none = !all;
  promise.remember({}, 1, c.accepted ? all : none, W(c.ratio), matrix_before, matrix, inverse_scale);
  const W predicted = step(c.s);
  CHECK(!(abs(predicted - W(c.s * c.s)) > W(1e-12 * c.s * c.s)).any());
  CHECK(promise.square_step[0][0] == doctest::Approx(2 * c.s * c.s).epsilon(1e-14));
  const auto last = [&](const WideMask<double>& going) {
    return promise.last({}, going, W(c.damping), W(c.cost), c.ftol, confirming);
  };
  CHECK(!last(none).any());
  const bool any = last(all).any();
  CHECK((!last(all)).any() == !any);  // all lanes alike
  return any;
}

}  // namespace

TEST_CASE("a_step_is_the_last_one_where_its_end_is_known_to_be_converged") {
  // p = 1e-10 after 1e-6 foretells 1e-14, and the confirmation takes 1e-12
  CHECK(is_last({}));
  CHECK(is_last({.before = 1.1e-8}));
  CHECK(!is_last({.before = 0.9e-8}));  // too slow: 1e-20 / before is above 1e-12
  CHECK(is_last({.ratio = 0.91}));
  CHECK(!is_last({.ratio = 0.89}));  // 1e-10 times 0.11^2 is
  CHECK(!is_last({.ratio = 1.11}));
}

TEST_CASE("a_step_is_the_last_one_within_ftol_only") {
  CHECK(is_last({.s = 0.9e-4, .before = 1e-3}));
  CHECK(!is_last({.s = 1.1e-4, .before = 1e-3}));
  CHECK(is_last({.ftol = 1.1e-10}));
  CHECK(!is_last({.ftol = 0.9e-10}));
  CHECK(!is_last({.ftol = 0}));
  CHECK(!is_last({.s = 0, .ftol = 0}));
}

TEST_CASE("a_step_is_the_last_one_where_the_matrix_changes_little") {
  // steps of length 1e-3 and 1e-5: J'J changes by a hundredth of its last change, of which 5e-6 may be
  CHECK(is_last({.matrix = 2 * (1 - 4.9e-4)}));
  CHECK(!is_last({.matrix = 2 * (1 - 5.1e-4)}));
  CHECK(is_last({.matrix = 2 * (1 + 4.9e-6), .ftol = 1e-10 * 1.01}));
  CHECK(!is_last({.matrix = 2 * (1 + 5.1e-6), .ftol = 1e-10 * 1.01}));
}

TEST_CASE("a_step_is_never_the_last_one_after_a_rejection_when_damped_or_not_finite") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(!is_last({.accepted = false}));
  CHECK(!is_last({.damping = 1e-300}));
  CHECK(!is_last({.ratio = nan}));
  CHECK(!is_last({.matrix = nan}));
  CHECK(!is_last({.cost = nan}));
}
