// batch/batch.hpp: shapes, types and orders of data, options, defaults and refusals.

#include <doctest/doctest.h>

#include "batch_call.hpp"

using namespace tests;

namespace {

Status status(const batch::BatchResult<double>& r, Index i) { return r.status[static_cast<std::size_t>(i)]; }

}  // namespace

TEST_CASE("batch_fit_defaults_are_those_of_osculate_fit_in_python") {
  const batch::BatchOptions<double> o;
  const batch::BatchOptions<float> single;
  CHECK(o.tolerances.ftol == 1e-8);
  CHECK(o.tolerances.xtol == 1e-8);
  CHECK(o.tolerances.gtol == 1e-8);
  CHECK(single.tolerances.gtol == 1e-4f);
  CHECK(o.tolerances.max_iterations == 0);
  CHECK(o.f_scale == 1);
  CHECK(o.covariance);
  CHECK_FALSE(o.absolute_sigma);
  CHECK(o.loss == batch::BatchLoss::linear);
}

TEST_CASE("batch_fit_reads_any_type_order_and_shape") {
  const Decays<double> d(19, 30, 0);
  const auto wanted = batch::fit(decay(), d.t, d.y, d.start);
  const Eigen::MatrixXd columns = d.y;
  CHECK(same_fits(wanted, batch::fit(decay(), d.t, columns, d.start)));
  const Eigen::VectorXd t = d.t.transpose();
  CHECK(same_fits(wanted, batch::fit(decay(), t, columns, d.start)));
  const Eigen::Map<const Rows<double>> map(d.y.data(), 19, 30);
  CHECK(same_fits(wanted, batch::fit(decay(), d.t, map, d.start)));
  const Rows<std::uint16_t> counts = (1000 * d.y.array() + 5000).cast<std::uint16_t>();
  const Rows<double> same_counts = counts.cast<double>();
  const Eigen::RowVector3d start{2000, 1, 5000};
  CHECK(same_fits(batch::fit(decay(), d.t, counts, start), batch::fit(decay(), d.t, same_counts, start)));
  const Rows<float> single = d.y.cast<float>();
  const batch::BatchResult<float> in_float = batch::fit(decay(), d.t, single, d.start);
  CHECK((in_float.params.cast<double>() - wanted.params).cwiseAbs().maxCoeff() < 1e-4);
  CHECK(batch::fit(decay(), d.t, Rows<double>(0, 30), d.start.topRows(1)).params.rows() == 0);
}

TEST_CASE("batch_fit_takes_weights_masks_bounds_and_fixed_parameters") {
  Decays<double> d(20, 30, 0.01);
  const auto plain = batch::fit(decay(), d.t, d.y, d.start);
  batch::BatchOptions<double> o{.sigma = Rows<double>::Constant(1, 30, 0.5)};
  const auto relative = batch::fit(decay(), d.t, d.y, d.start, o);
  CHECK(relative.standard_errors.isApprox(plain.standard_errors, 1e-6));
  o.absolute_sigma = true;
  const auto absolute = batch::fit(decay(), d.t, d.y, d.start, o);
  const double scatter = 0.5 / std::sqrt(2 * plain.cost[0] / 27);
  CHECK(absolute.standard_errors(0, 1) ==
        doctest::Approx(scatter * plain.standard_errors(0, 1)).epsilon(1e-6));

  d.y(4, 7) = 1e9;
  batch::BatchOptions<double> masked;
  masked.mask = Rows<bool>::Constant(20, 30, false);
  masked.mask(4, 7) = true;
  const auto without = batch::fit(decay(), d.t, d.y, d.start, masked);
  CHECK(without.success(4));
  CHECK(without.points[4] == 29);
  CHECK(std::abs(without.params(4, 1) - d.truth(4, 1)) < 0.1);

  batch::BatchOptions<double> box{.fixed = {2}};
  box.lower = Rows<double>(1, 3), box.upper = Rows<double>(1, 3);
  box.lower << 0, 0, -9, box.upper << 2, 9, 9;
  d.y.row(4) = d.y.row(3);
  const auto boxed = batch::fit(decay(), d.t, d.y, d.start, box);
  for (Index i = 0; i < 20; ++i) {
    CHECK(boxed.params(i, 2) == d.start(i, 2));
    CHECK(std::isnan(boxed.standard_errors(i, 2)));
    CHECK(boxed.params(i, 0) <= 2);
    const bool at_bound = (boxed.flags[static_cast<std::size_t>(i)] & batch::flag_at_bound) != 0;
    CHECK(at_bound == (boxed.params(i, 0) == 2));
    CHECK(std::isnan(boxed.covariance(i)(1, 2)));
  }
  CHECK(boxed.packed_covariance.cols() == 3);
  CHECK(batch::fit(decay(), d.t, d.y, d.start, {.covariance = false}).packed_covariance.size() == 0);
}

TEST_CASE("batch_fit_stops_at_the_limit_and_names_what_it_refuses") {
  const Decays<double> d(5, 30);
  const Eigen::RowVector3d far{1, 5, 0};
  const auto one = batch::fit(decay(), d.t, d.y, far, {.tolerances = {.max_iterations = 1}});
  CHECK(status(one, 0) == Status::max_iterations);
  CHECK(one.iterations[0] == 1);
  const auto run = [&](const batch::BatchOptions<double>& o) { batch::fit(decay(), d.t, d.y, d.start, o); };
  CHECK_THROWS_WITH_AS(run({.f_scale = 0}), doctest::Contains("f_scale"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.threads = 0}), doctest::Contains("threads"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.fixed = {3}}), doctest::Contains("fixed"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.sigma = Rows<double>(2, 30)}), doctest::Contains("sigma is 2 x 30"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.lower = Rows<double>::Zero(1, 3)}), doctest::Contains("lower and upper"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({.lower = Rows<double>::Ones(1, 3), .upper = Rows<double>::Zero(5, 3)}),
                       doctest::Contains("lower is above upper"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(batch::fit(decay(), d.t.leftCols(9), d.y, d.start), doctest::Contains("x is 1 x 9"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(batch::fit(decay(), d.t, d.y, Eigen::RowVector2d{1, 1}),
                       doctest::Contains("p0 is 1 x 2"), std::invalid_argument);
}
