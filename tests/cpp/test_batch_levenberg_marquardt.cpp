// batch/levenberg_marquardt.hpp: lanes end where osculate::levenberg_marquardt ends, by the same test and
// after nearly as many iterations, with bounds and losses too.

#include <doctest/doctest.h>

#include "batch_call.hpp"
#include "solve.hpp"

using namespace tests;

namespace {

/// One fit of the decay as a single problem.
Residuals single_problem(const Decays<double>& d, Index fit) {
  const osculate::Vector<double> t = d.t.row(0).transpose(), y = d.y.row(fit).transpose();
  Residuals problem{.m = y.size()};
  problem.r = [=](const Vector& p, Vector& r) { r = p[0] * (-p[1] * t.array()).exp() + p[2] - y.array(); };
  problem.j = [=](const Vector& p, Matrix& j) {
    j.col(0) = (-p[1] * t.array()).exp();
    j.col(1) = -p[0] * t.array() * j.col(0).array();
    j.col(2).setOnes();
  };
  return problem;
}

struct Differences {
  int statuses = 0, iterations = 0, minima = 0;
};

constexpr Index fits = 200;

Differences compare(const Decays<double>& d, const batch::BatchOptions<double>& options,
                    osculate::LossKind loss) {
  const auto together = batch::fit(decay(), d.t, d.y, d.start, options);
  Differences out;
  for (Index i = 0; i < fits; ++i) {
    Residuals problem = single_problem(d, i);
    Bounds bounds;
    Vector start = d.start.row(i).transpose();
    if (options.lower.size()) {
      bounds.lower = options.lower.row(0).transpose(), bounds.upper = options.upper.row(0).transpose();
      start = start.cwiseMax(bounds.lower).cwiseMin(bounds.upper);
    }
    const Fit single = run_levenberg_marquardt(problem, start, {.tolerances = options.tolerances}, bounds,
                                               {.kind = loss, .scale = options.f_scale});
    const auto k = static_cast<std::size_t>(i);
    out.statuses += single.status != together.status[k];
    out.iterations += std::abs(static_cast<double>(single.iterations) - together.iterations[k]) > 1;
    const bool same = std::abs(single.cost - together.cost[i]) <= 1e-7 * single.cost &&
                      (single.x.transpose() - together.params.row(i)).norm() <= 1e-4 * single.x.norm();
    out.minima += !same;
  }
  return out;
}

}  // namespace

TEST_CASE("lanes_end_as_single_fits_do") {
  const Differences off = compare(Decays<double>(fits, 30, 0.1), {}, osculate::LossKind::linear);
  CHECK(off.minima == 0);
  CHECK(off.statuses <= fits / 50);
  CHECK(off.iterations == 0);
}

TEST_CASE("lanes_end_as_single_fits_do_from_far_starts_with_rejected_steps") {
  Decays<double> d(fits, 30, 0.1);
  d.start.col(0).setConstant(0.1), d.start.col(1).setConstant(6), d.start.col(2).setConstant(0);
  const Differences off = compare(d, {}, osculate::LossKind::linear);
  CHECK(off.minima <= fits / 50);
  CHECK(off.statuses <= fits / 20);
  CHECK(off.iterations <= fits / 20);
}

TEST_CASE("lanes_end_as_single_fits_do_within_bounds") {
  batch::BatchOptions<double> options;
  options.lower = Rows<double>(1, 3), options.upper = Rows<double>(1, 3);
  options.lower << 0, 0.9, -0.4, options.upper << 2, 5, 0.6;
  const Differences off = compare(Decays<double>(fits, 30, 0.1), options, osculate::LossKind::linear);
  CHECK(off.minima == 0);
  CHECK(off.statuses <= fits / 50);
  CHECK(off.iterations <= fits / 50);
}

TEST_CASE("lanes_end_as_single_fits_do_with_robust_losses") {
  // The paths differ: the metric D is of the corrected columns here, of those times sqrt(rho') there.
  Decays<double> d(fits, 30, 0.1);
  d.y.col(5).array() += 2;
  const std::pair<batch::BatchLoss, osculate::LossKind> losses[] = {
      {batch::BatchLoss::huber, osculate::LossKind::huber},
      {batch::BatchLoss::soft_l1, osculate::LossKind::soft_l1}};
  for (const auto& [loss, single] : losses) {
    const Differences off = compare(d, {.loss = loss, .f_scale = 0.1}, single);
    CHECK(off.minima == 0);
    CHECK(off.statuses <= fits / 20);
  }
}
