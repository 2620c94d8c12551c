// batch/callback.hpp: a model that is called back gives what the traced one gives, by differences and with
// its Jacobian; bits do not depend on how many fits are evaluated together or by how many threads; what the
// callback throws comes out, and fits that have ended keep their results; NaN harms no other fit.

#include <doctest/doctest.h>
#include <osculate/batch/callback.hpp>

#include "batch_call.hpp"

using namespace tests;

namespace {

/// A cosine below 1e-8 promises a reduction of the cost that cannot be told from rounding.
const osculate::Tolerances<double> by_gradient{.ftol = 0, .xtol = 0, .gtol = 4e-8};
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// a exp(-k t) + c in values, or its derivatives.
struct Decay {
  const Rows<double>& t;
  bool jacobian = false;

  const double* operator()(const batch::CallbackRows& rows, batch::CallbackScratch& scratch) const {
    const Index n = t.cols(), blocks = jacobian ? 3 : 1;
    scratch.numbers.resize(static_cast<std::size_t>(blocks * rows.count * n));
    double* const out = scratch.numbers.data();
    const auto at = [&](Index block, Index r, Index i) -> double& {
      return out[(block * rows.count + r) * n + i];
    };
    for (Index r = 0; r < rows.count; ++r) {
      const auto p = [&](Index k) { return rows.parameters[k * rows.count + r]; };
      for (Index i = 0; i < n; ++i) {
        const double e = std::exp(-p(1) * t(0, i));
        at(0, r, i) = jacobian ? e : p(0) * e + p(2);
        if (jacobian) at(1, r, i) = -p(0) * t(0, i) * e, at(2, r, i) = 1;
      }
    }
    return out;
  }
};

batch::CallbackModel callback(const Decays<double>& d, bool jacobian, std::ptrdiff_t chunk = 16,
                              bool concurrent = false) {
  batch::CallbackModel model{.values = Decay{d.t}, .concurrent = concurrent, .parameters = 3, .chunk = chunk};
  if (jacobian) model.jacobian = Decay{d.t, true};
  return model;
}

/// A call of the engine: all fits in `out` are without results until it runs.
struct Call {
  batch::FitInput in;
  batch::FitOptions<double> options{.ftol = osculate::Tolerances<double>().ftol,
                                    .xtol = osculate::Tolerances<double>().xtol,
                                    .gtol = osculate::Tolerances<double>().gtol};
  batch::BatchResult<double> out;

  explicit Call(const Decays<double>& d, std::vector<int> active = {0, 1, 2})
      : in{.shape = {d.y.rows()}, .points = d.y.cols(), .active = active} {
    const Index fits = d.y.rows();
    in.y = batch::detail::array_of("y", d.y, fits, d.y.cols());
    in.start = batch::detail::array_of("p0", d.start, fits, 3);
    const auto count = static_cast<std::size_t>(fits);
    const Index triangle = batch::packed(static_cast<int>(active.size()), 0);
    out = {.params = Rows<double>::Constant(fits, 3, -1),
           .standard_errors = Rows<double>::Constant(fits, 3, -1),
           .packed_covariance = Rows<double>::Constant(fits, triangle, -1),
           .cost = osculate::Vector<double>::Constant(fits, -1),
           .redchi = osculate::Vector<double>::Constant(fits, -1),
           .status = std::vector<Status>(count, Status::not_run),
           .flags = std::vector<std::uint8_t>(count),
           .iterations = std::vector<std::int32_t>(count),
           .points = std::vector<std::int32_t>(count),
           .active = std::move(active)};
  }

  Call& with(batch::BatchLoss loss) {
    options.loss = loss, options.loss_scale = 0.02;
    options.sandwich = loss != batch::BatchLoss::linear;
    return *this;
  }

  const batch::BatchResult<double>& operator()(const batch::CallbackModel& model) {
    const batch::FitOutput<double> to{.parameters = out.params.data(),
                                      .stderr_ = out.standard_errors.data(),
                                      .covariance = out.packed_covariance.data(),
                                      .cost = out.cost.data(),
                                      .redchi = out.redchi.data(),
                                      .status = reinterpret_cast<std::int8_t*>(out.status.data()),
                                      .flags = out.flags.data(),
                                      .iterations = out.iterations.data(),
                                      .points = out.points.data()};
    const bool finished = batch::CallbackFitter(model, in, options, to).run({});
    CHECK(finished);
    return out;
  }
};

void check_close(const batch::BatchResult<double>& a, const batch::BatchResult<double>& b, double tolerance) {
  for (Index f = 0; f < a.params.rows(); ++f) {
    CHECK(a.success(f));
    CHECK((a.params.row(f) - b.params.row(f)).norm() <= tolerance * b.params.row(f).norm());
    // of the point before where one took its last step without an evaluation and the other did not
    CHECK((a.standard_errors.row(f) - b.standard_errors.row(f)).norm() <=
          std::max(tolerance, 1e-5) * b.standard_errors.row(f).norm());
  }
}

}  // namespace

TEST_CASE("a callback is fitted as the traced model is") {
  for (const Index points : {20, 9000}) {  // a fit a lane, and points spread over the lanes
    Decays<double> d(points < 100 ? 37 : 3, points);
    d.y(1, 5) = not_a_number;
    for (const auto loss : {batch::BatchLoss::linear, batch::BatchLoss::soft_l1}) {
      const auto traced =
          batch::fit(decay(), d.t, d.y, d.start, {.loss = loss, .f_scale = 0.02, .tolerances = by_gradient});
      const auto called = [&](const batch::CallbackModel& model) {
        Call call(d);
        call.options.ftol = by_gradient.ftol, call.options.xtol = by_gradient.xtol;
        call.options.gtol = by_gradient.gtol;
        return call.with(loss)(model);
      };
      // Cosines of 4e-8, in units of |r| / |J_k|, about 0.03, times the condition of J, below 100. Forward
      // differences are right to sqrt(eps), which the errors see times the condition.
      check_close(called(callback(d, true)), traced, 1e-7);
      check_close(called(callback(d, false)), traced, 1.5e-6);
      auto central = callback(d, false);
      central.difference = osculate::Difference::three_point;
      check_close(called(central), traced, 1e-7);
    }
  }
}

TEST_CASE("bits of a callback's fits do not depend on chunks and threads") {
  const Decays<double> d(301, 20);
  const auto one = Call(d)(callback(d, false));
  CHECK(same_fits(Call(d)(callback(d, false, 64)), one));
  CHECK(same_fits(Call(d)(callback(d, false, 1000)), one));
  Call threads(d);
  threads.options.threads = 4;
  CHECK(same_fits(threads(callback(d, false, 16, true)), one));
}

TEST_CASE("parameters that are not fitted are not differenced") {
  const Decays<double> d(20, 20);
  batch::CallbackModel model = callback(d, false);
  model.values = [&](const batch::CallbackRows& rows, batch::CallbackScratch& scratch) {
    for (Index r = 0; r < rows.count; ++r)
      CHECK(rows.parameters[1 * rows.count + r] == d.start(rows.fits[r], 1));
    return Decay{d.t}(rows, scratch);
  };
  const auto result = Call(d, {0, 2})(model);
  for (Index f = 0; f < 20; ++f) CHECK(result.success(f));
}

TEST_CASE("a callback that gives NaN for one fit fails that one alone") {
  const Decays<double> d(40, 20);
  const auto good = Call(d)(callback(d, true));
  for (const bool in_jacobian : {false, true}) {
    batch::CallbackModel model = callback(d, true);
    (in_jacobian ? model.jacobian : model.values) = [&](const batch::CallbackRows& rows,
                                                        batch::CallbackScratch& scratch) {
      const double* const out = Decay{d.t, in_jacobian}(rows, scratch);
      for (Index r = 0; r < rows.count; ++r)
        if (rows.fits[r] == 13) scratch.numbers[static_cast<std::size_t>(r * 20 + 7)] = not_a_number;
      return out;
    };
    const auto result = Call(d)(model);
    for (Index f = 0; f < 40; ++f)
      if (f != 13) CHECK(same_fit(result, f, good, f));
    CHECK(result.status[13] == Status::nonfinite);
    CHECK((result.flags[13] & batch::flag_nonfinite_model) != 0);
    CHECK(result.iterations[13] == 0);
    CHECK(result.params.row(13) == d.start.row(13));
  }
}

TEST_CASE("NaN beyond some parameters keeps a callback's fits on this side") {
  Decays<double> d(40, 20);
  d.start.col(0) = 2 * d.truth.col(0);
  d.start.col(1) = 0.6 * d.truth.col(1);
  const auto free = Call(d)(callback(d, true));
  batch::CallbackModel model = callback(d, true);
  bool beyond = false;
  model.values = [&](const batch::CallbackRows& rows, batch::CallbackScratch& scratch) {
    const double* const out = Decay{d.t}(rows, scratch);
    for (Index r = 0; r < rows.count; ++r) {
      if (rows.parameters[rows.count + r] <= 1.01 * free.params(rows.fits[r], 1)) continue;
      beyond = true;
      std::fill_n(scratch.numbers.begin() + r * 20, 20, not_a_number);
    }
    return out;
  };
  check_close(Call(d)(model), free, 1e-6);
  CHECK(beyond);
}

TEST_CASE("what a callback gives where there are no data does not matter") {
  Decays<double> d(40, 20);
  for (Index f = 0; f < 40; ++f) d.y(f, f % 20) = not_a_number;
  d.y.row(9).setConstant(not_a_number);
  const auto good = Call(d).with(batch::BatchLoss::cauchy)(callback(d, false));
  batch::CallbackModel model = callback(d, false);
  model.values = [&](const batch::CallbackRows& rows, batch::CallbackScratch& scratch) {
    const double* const out = Decay{d.t}(rows, scratch);
    for (Index r = 0; r < rows.count; ++r) {
      CHECK(rows.fits[r] != 9);
      scratch.numbers[static_cast<std::size_t>(r * 20 + rows.fits[r] % 20)] = not_a_number;
    }
    return out;
  };
  CHECK(same_fits(Call(d).with(batch::BatchLoss::cauchy)(model), good));
  CHECK(good.status[9] == Status::singular);
}

TEST_CASE("what a callback throws comes out, after the results of what has ended") {
  const Decays<double> d(200, 20);
  const auto expected = Call(d)(callback(d, false));
  batch::CallbackModel model = callback(d, false);
  int calls = 0;
  model.values = [&](const batch::CallbackRows& rows, batch::CallbackScratch& scratch) {
    if (++calls == 40) throw std::runtime_error("here");
    return Decay{d.t}(rows, scratch);
  };
  Call call(d);
  CHECK_THROWS_WITH(call(model), "here");
  int done = 0;
  for (Index f = 0; f < 200; ++f) {
    const bool ended = call.out.status[static_cast<std::size_t>(f)] != Status::not_run;
    done += ended;
    if (ended)
      CHECK(same_fit(call.out, f, expected, f));
    else
      CHECK(call.out.params(f, 0) == -1);
  }
  CHECK(done > 0);
  CHECK(done < 200);
}

TEST_CASE("robust fits whose errors a throwing callback leaves out have NaN there") {
  const Decays<double> d(200, 20);
  Call whole(d), part(d);
  int calls = 0, last = 0;
  batch::CallbackModel model = callback(d, true);
  model.values = [&](const batch::CallbackRows& rows, batch::CallbackScratch& scratch) {
    if (++calls == last) throw std::runtime_error("here");
    return Decay{d.t}(rows, scratch);
  };
  const auto expected = whole.with(batch::BatchLoss::huber)(model);
  last = calls - 2, calls = 0;  // in the evaluation for the errors, which is 13 calls long
  CHECK_THROWS_WITH(part.with(batch::BatchLoss::huber)(model), "here");
  int known = 0;
  for (Index f = 0; f < 200; ++f) {
    CHECK(part.out.params.row(f) == expected.params.row(f));
    const bool written = part.out.standard_errors(f, 0) == expected.standard_errors(f, 0);
    known += written;
    CHECK(part.out.standard_errors.row(f).array().isNaN().all() == !written);
  }
  CHECK(known > 0);
  CHECK(known < 200);
}
