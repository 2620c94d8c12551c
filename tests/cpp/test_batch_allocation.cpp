// The hot loop of batch fits allocates nothing: a call asks for as many pieces of memory for a thousand fits
// as for a hundred.

#include <doctest/doctest.h>

#include "batch_allocations.hpp"
#include "batch_call.hpp"

using namespace tests;

namespace {

/// Pieces of memory that fitting asks for, without the arrays of the results. Y of `fits` decays.
template <class S, class Engine>
long count(Index fits, Index points, bool weighted, bool bounded, Engine&& engine) {
  const Decays<S> d(fits, points);
  const batch::Model model = decay();
  const Rows<S> sigma = Rows<S>::Ones(1, points), lower = Rows<S>::Constant(1, 3, -9),
                upper = Rows<S>::Constant(1, 3, 9);
  batch::FitInput in{.shape = {fits}, .points = points, .active = {0, 1, 2}};
  in.y = batch::detail::array_of("y", d.y, fits, points);
  in.start = batch::detail::array_of("p0", d.start, fits, 3);
  if (weighted) in.sigma = batch::detail::array_of("sigma", sigma, fits, points);
  if (bounded) in.lower = batch::detail::array_of("lower", lower, fits, 3);
  if (bounded) in.upper = batch::detail::array_of("upper", upper, fits, 3);
  const osculate::Tolerances<S> t;
  const batch::FitOptions<S> options{.ftol = t.ftol, .xtol = t.xtol, .gtol = t.gtol};
  Rows<S> parameters(fits, 3), errors(fits, 3), covariance(fits, 6), cost(fits, 1);
  std::vector<std::int8_t> status(static_cast<std::size_t>(fits));
  std::vector<std::uint8_t> flags(status.size());
  std::vector<std::int32_t> iterations(status.size());
  const batch::FitOutput<S> out{.parameters = parameters.data(),
                                .stderr_ = errors.data(),
                                .covariance = covariance.data(),
                                .cost = cost.data(),
                                .status = status.data(),
                                .flags = flags.data(),
                                .iterations = iterations.data()};
  const long before = allocations();
  engine(model, d, in, options, out);
  const long asked = allocations() - before;
  for (const std::int8_t s : status) CHECK(s > 0);
  return asked;
}

}  // namespace

TEST_CASE_TEMPLATE("fits by lanes allocate nothing in the loop", S, double, float) {
  const auto engine = [](const auto& model, const auto& d, const auto& in, const auto& options,
                         const auto& out) {
    const auto program =
        batch::make_program<S>(model.graph, model.root, 3, in.active, {d.t.data()}, {}, in.points);
    batch::Fitter<S>(program.tape, program.per_point(), in, options, out).run({});
  };
  for (const bool weighted : {false, true})
    for (const bool bounded : {false, true}) {
      const long few = count<S>(100, 20, weighted, bounded, engine);
      CHECK(few > 0);
      CHECK(count<S>(1000, 20, weighted, bounded, engine) == few);
    }
}

TEST_CASE_TEMPLATE("fits of many points allocate nothing in the loop", S, double, float) {
  const auto engine = [](const auto& model, const auto& d, auto& in, const auto& options, const auto& out) {
    const auto program = batch::make_program<S>(model.graph, model.root, 3, in.active);
    in.inputs = {batch::detail::array_of("x", d.t, in.fits(), in.points)};
    batch::PointFitter<S>(program.tape, in, options, out).run({});
  };
  for (const bool weighted : {false, true}) {
    const long few = count<S>(1, 1000, weighted, true, engine);
    CHECK(few > 0);
    CHECK(count<S>(5, 1000, weighted, true, engine) == few);
  }
}
