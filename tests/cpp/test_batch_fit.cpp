// batch/fit.hpp and batch/fit_points.hpp through batch/batch.hpp: a fit's bits do not depend on lanes,
// neighbours, order and threads; bad data harm no other fit; many points give what few do.

#include <doctest/doctest.h>

#include <numeric>

#include "batch_call.hpp"

using namespace tests;

namespace {

template <class S>
batch::BatchResult<S> fit(const Decays<S>& d, const batch::BatchOptions<S>& options = {}) {
  return batch::fit(decay(), d.t, d.y, d.start, options);
}

}  // namespace

TEST_CASE_TEMPLATE("batch fits find the parameters, and their errors tell how far they are off", S, double,
                   float) {
  const Decays<S> d(203, 40);
  const auto fits = fit(d);
  double pulls = 0;
  for (Index i = 0; i < 203; ++i) {
    CHECK(fits.success(i));
    CHECK(fits.flags[static_cast<std::size_t>(i)] == 0);
    CHECK(fits.points[static_cast<std::size_t>(i)] == 40);
    for (Index k = 0; k < 3; ++k) {
      const double pull = (double(fits.params(i, k)) - d.truth(i, k)) / double(fits.standard_errors(i, k));
      pulls += pull * pull;
      CHECK(fits.covariance(i)(k, k) ==
            doctest::Approx(fits.standard_errors(i, k) * fits.standard_errors(i, k)));
    }
  }
  // chi^2 of 609 pulls, of Student's t with 37 degrees of freedom: mean 1.06, four of its standard errors
  CHECK(pulls / 609 == doctest::Approx(1.06).epsilon(0.25));
}

TEST_CASE_TEMPLATE("batch fits have the same bits for any number of threads", S, double, float) {
  Decays<S> d(500, 23);
  d.y(77, 3) = std::numeric_limits<S>::quiet_NaN();
  const auto one = fit(d);
  for (const int threads : {2, 3}) CHECK(same_fits(one, fit(d, {.threads = threads})));
}

TEST_CASE_TEMPLATE("batch fits have the same bits alone, in any order and at any lane", S, double, float) {
  Decays<S> d(101, 17);
  const auto together = fit(d);
  std::vector<Index> order(101);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(3));
  Decays<S> mixed = d;
  for (Index i = 0; i < 101; ++i) {
    mixed.y.row(i) = d.y.row(order[static_cast<std::size_t>(i)]);
    mixed.start.row(i) = d.start.row(order[static_cast<std::size_t>(i)]);
  }
  const auto shuffled = fit(mixed);
  for (Index i = 0; i < 101; ++i) CHECK(same_fit(shuffled, i, together, order[static_cast<std::size_t>(i)]));
  for (const Index i : {0, 13, 100}) {
    Decays<S> alone(1, 17);
    alone.y = d.y.row(i), alone.start = d.start.row(i);
    CHECK(same_fit(fit(alone), 0, together, i));
  }
}

TEST_CASE_TEMPLATE("batch fits of bad data get their own status and harm no other", S, double, float) {
  constexpr S nan = std::numeric_limits<S>::quiet_NaN(), inf = std::numeric_limits<S>::infinity();
  Decays<S> d(97, 20);
  const auto good = fit(d);
  d.y.row(3).setConstant(nan);
  d.y(10, 4) = inf;
  d.y.row(40) *= std::numeric_limits<S>::max() / 8;
  d.start.row(50).setConstant(std::numeric_limits<double>::quiet_NaN());
  d.start(60, 1) = -1e6;
  d.y.row(70).setZero(), d.start.row(70).setZero();
  d.y(80, 0) = nan;  // missing: that fit alone goes without
  const auto mixed = fit(d);
  int unchanged = 0;
  for (Index i = 0; i < 97; ++i) {
    if (i == 3 || (i % 10 == 0 && i > 0 && i <= 80 && i != 20 && i != 30)) continue;
    CHECK(same_fit(mixed, i, good, i));
    ++unchanged;
  }
  CHECK(unchanged == 97 - 7);
  CHECK(mixed.status[3] == Status::singular);
  CHECK((mixed.flags[3] & batch::flag_no_freedom) != 0);
  CHECK(mixed.points[3] == 0);
  for (const std::size_t i : {10, 50, 60}) {
    CHECK(mixed.status[i] == Status::nonfinite);
    CHECK((mixed.flags[i] & batch::flag_nonfinite_model) != 0);
  }
  CHECK(mixed.success(80));
  CHECK(mixed.points[80] == 19);
}

TEST_CASE_TEMPLATE("batch fits of many points give what the same data give by lanes", S, double, float) {
  // 8192 points are spread over the lanes, 8191 are not: the last one is out by its mask. A NaN and an
  // outlier among them.
  const Index many = batch::many_points;
  Decays<S> d(2, many, 0.5);
  d.y(1, 100) = std::numeric_limits<S>::quiet_NaN();
  d.y(0, 5000) += 1000;
  for (const auto loss : {batch::BatchLoss::linear, batch::BatchLoss::huber}) {
    batch::BatchOptions<S> options{.loss = loss};
    options.mask = Rows<bool>::Constant(1, many, false);
    options.mask(0, many - 1) = true;
    const auto spread = fit(d, options);
    Decays<S> less = d;
    less.t = d.t.leftCols(many - 1), less.y = d.y.leftCols(many - 1);
    options.mask.resize(0, 0);
    const auto by_lanes = fit(less, options);
    const double rounding = sizeof(S) == 8 ? 1e-9 : 1e-3;
    for (Index i = 0; i < 2; ++i) {
      CHECK(spread.success(i));
      CHECK(by_lanes.success(i));
      CHECK(spread.points[static_cast<std::size_t>(i)] == many - 1 - i);
      CHECK(by_lanes.points[static_cast<std::size_t>(i)] == many - 1 - i);
      CHECK(double(spread.cost[i]) == doctest::Approx(double(by_lanes.cost[i])).epsilon(rounding));
      for (Index k = 0; k < 3; ++k) {
        const double error = double(by_lanes.standard_errors(i, k));
        // in float the first fit, whose outlier leaves a flat valley, has other errors wherever it ends
        CHECK(double(spread.standard_errors(i, k)) ==
              doctest::Approx(error).epsilon(sizeof(S) == 8 ? 1e-2 : 1e-1));
        // the stopping tests leave a small part of the error open
        CHECK(std::abs(double(spread.params(i, k)) - double(by_lanes.params(i, k))) <=
              (sizeof(S) == 8 ? 1e-4 : 5e-2) * error);
      }
    }
    for (const int threads : {2, 3}) {
      options.mask = Rows<bool>::Constant(1, many, false);
      options.mask(0, many - 1) = true;
      options.threads = threads;
      CHECK(same_fits(spread, fit(d, options)));
    }
  }
}
