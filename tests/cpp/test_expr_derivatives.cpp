// expr/derive.hpp: each operation against differences, random models against dual numbers, models with
// branches and poles where the derivative must stay finite.

#include <doctest/doctest.h>

#include <osculate/expr/derive.hpp>

#include "random_model.hpp"

using namespace osculate::expr;

namespace {

double value(const Graph& g, Id root, const double* x, const double* p) {
  std::vector<double> at(static_cast<std::size_t>(root + 1));
  const auto of = [&](Id id) { return id == none ? 0 : at[static_cast<std::size_t>(id)]; };
  for (Id id = 0; id <= root; ++id) {
    const Node& n = g[id];
    at[static_cast<std::size_t>(id)] = n.op == Op::constant     ? n.value
                                       : n.op == Op::parameter  ? p[n.a]
                                       : n.op == Op::coordinate ? x[n.a]
                                                                : evaluate(n.op, of(n.a), of(n.b), of(n.c));
  }
  return of(root);
}

double slope(Graph& g, Id root, int parameters, int k, const double* p) {
  const Id id = Derivatives(g, parameters).gradient(root)[static_cast<std::size_t>(k)];
  return id == none ? 0 : value(g, id, nullptr, p);
}

/// f'(t) by central differences, extrapolated twice: errors of h^6 and eps / h, 1e-11 for h = 0.01.
template <class F>
double difference(F&& f, double t) {
  const auto central = [&](double h) { return (f(t + h) - f(t - h)) / (2 * h); };
  const double h = 0.01, a = central(h), b = central(h / 2), c = central(h / 4);
  const double ab = (4 * b - a) / 3, bc = (4 * c - b) / 3;
  return (16 * bc - ab) / 15;
}

}  // namespace

TEST_CASE("derivatives_of_every_operation_of_one_argument_are_its_slope") {
  for (int k = static_cast<int>(Op::neg); k <= static_cast<int>(Op::logical_not); ++k) {
    const Op op = static_cast<Op>(k);
    CAPTURE(name(op));
    for (double at : {-0.7, 0.3, 0.6}) {
      const bool positive = op == Op::sqrt || op == Op::log || op == Op::log2 || op == Op::log10;
      if (positive) at = std::abs(at);
      if (op == Op::acosh) at = 2 + at;
      Graph g;
      const Id root = g.apply(op, g.parameter(0));
      const double wanted = difference([&](double t) { return evaluate(op, t); }, at);
      CHECK(slope(g, root, 1, 0, &at) == doctest::Approx(wanted).epsilon(1e-9));
    }
  }
}

TEST_CASE("derivatives_of_every_operation_of_two_arguments_are_its_slopes") {
  for (int k = static_cast<int>(Op::add); k < static_cast<int>(Op::select); ++k) {
    const Op op = static_cast<Op>(k);
    CAPTURE(name(op));
    for (const auto& at : {std::array{0.7, 1.6}, std::array{2.3, -0.4}, std::array{0.9, 0.2}}) {
      Graph g;
      const Id root = g.apply(op, g.parameter(0), g.parameter(1));
      const double by_a = difference([&](double t) { return evaluate(op, t, at[1]); }, at[0]);
      const double by_b = difference([&](double t) { return evaluate(op, at[0], t); }, at[1]);
      CHECK(slope(g, root, 2, 0, at.data()) == doctest::Approx(by_a).epsilon(1e-9));
      CHECK(slope(g, root, 2, 1, at.data()) == doctest::Approx(by_b).epsilon(1e-9));
    }
  }
}

TEST_CASE("derivatives_of_random_models_are_those_of_dual_numbers") {
  std::mt19937_64 bits(1);
  for (unsigned seed = 0; seed < 300; ++seed) {
    const int parameters = 1 + static_cast<int>(seed % 5);
    tests::RandomModel m(seed, 2, parameters, 12);
    const std::vector<Id> gradient = Derivatives(m.graph, parameters).gradient(m.root);
    double x[2], p[tests::most_parameters], largest;
    for (double& v : x) v = tests::even(bits, 1.5);
    for (double& v : p) v = tests::even(bits, 1.5);
    const tests::Dual wanted = m(x, p, largest);
    const double rounding = 1e-12 * largest * largest;  // some hundred operations
    CAPTURE(seed);
    CHECK(std::abs(value(m.graph, m.root, x, p) - wanted.value) <= rounding);
    for (int k = 0; k < parameters; ++k) {
      const Id id = gradient[static_cast<std::size_t>(k)];
      const double got = id == none ? 0 : value(m.graph, id, x, p);
      CHECK(std::abs(got - wanted.slope[static_cast<std::size_t>(k)]) <= rounding);
    }
  }
}

TEST_CASE("derivatives_share_what_they_have_in_common") {
  Graph g;
  const Id t = g.coordinate(0), a = g.parameter(0), k = g.parameter(1);
  const Id decay = g.apply(Op::exp, g.neg(g.mul(k, t)));
  const std::vector<Id> gradient = Derivatives(g, 3).gradient(g.mul(a, decay));
  CHECK(gradient[0] == decay);
  CHECK(gradient[2] == none);
  int exponentials = 0;
  for (Id id = 0; id < g.size(); ++id) exponentials += g[id].op == Op::exp;
  CHECK(exponentials == 1);
}

TEST_CASE("derivatives_of_a_branch_that_is_not_taken_do_no_harm") {
  Graph g;
  const Id p = g.parameter(0), zero = g.constant(0);
  const Id root = g.apply(Op::select, g.apply(Op::less, zero, p), g.mul(p, g.apply(Op::log, p)), zero);
  const Id largest = g.apply(Op::max, zero, g.apply(Op::log, p));
  for (const double at : {-1.0, 0.0}) {
    CHECK(slope(g, root, 1, 0, &at) == 0);
  }
  const double at = 0.5;
  CHECK(slope(g, root, 1, 0, &at) == doctest::Approx(1 + std::log(0.5)));
  CHECK(slope(g, largest, 1, 0, &at) == 0);
}

TEST_CASE("derivatives_are_zero_where_an_exponential_overflows_inside_of_what_saturates") {
  Graph g;
  const Id p = g.parameter(0), one = g.constant(1), growing = g.apply(Op::exp, p);
  const Id models[] = {g.div(one, g.add(one, growing)), g.apply(Op::tanh, growing),
                       g.apply(Op::atan, growing), g.apply(Op::exp, g.neg(growing)),
                       g.apply(Op::erf, growing)};
  for (const Id root : models)
    for (const double at : {1000.0, 710.0, -800.0}) {
      CAPTURE(at);
      CHECK(std::isfinite(slope(g, root, 1, 0, &at)));
      if (at > 0) CHECK(slope(g, root, 1, 0, &at) == 0);
    }
}

TEST_CASE("derivatives_at_zero_of_powers_lengths_and_angles_are_finite") {
  Graph g;
  const Id p = g.parameter(0), q = g.parameter(1);
  const double origin[] = {0, 0}, one[] = {0, 1};
  for (const Op op : {Op::hypot, Op::atan2})
    for (const int k : {0, 1}) CHECK(slope(g, g.apply(op, p, q), 2, k, origin) == 0);
  CHECK(slope(g, g.apply(Op::sqrt, p), 1, 0, origin) == 0);
  CHECK(slope(g, g.apply(Op::cbrt, p), 1, 0, origin) == 0);
  CHECK(slope(g, g.apply(Op::pow, p, q), 2, 0, one) == 1);  // x^1
  CHECK(slope(g, g.apply(Op::pow, p, q), 2, 1, one) == 0);
}
