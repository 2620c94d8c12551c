// expr/graph.hpp: interning and simplification, against the operations on plain numbers, also at NaN,
// infinities and zeros.

#include <doctest/doctest.h>

#include <osculate/expr/graph.hpp>

using namespace osculate::expr;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
const double special[] = {0, -0.0, 1, -1, 2, 0.5, -2.5, 1e-3, 1e200, -1e200, inf, -inf, not_a_number};

/// The value of a node where coordinate 0 and 1 have the given values.
double value(const Graph& g, Id id, double x, double y) {
  const Node& n = g[id];
  if (n.op == Op::constant) return n.value;
  if (n.op == Op::coordinate) return n.a == 0 ? x : y;
  const auto of = [&](Id operand) { return operand == none ? 0 : value(g, operand, x, y); };
  return evaluate(n.op, of(n.a), of(n.b), of(n.c));
}

/// Small powers are products, which round up to 16 times; all other simplifications are exact.
bool same(double got, double wanted) {
  if (std::isnan(wanted)) return std::isnan(got);
  return got == wanted || std::abs(got - wanted) <= 16 * 2.2e-16 * std::abs(wanted);
}

Op operation(int k) { return static_cast<Op>(k); }

/// The results of an operation where the sign of a zero operand is not known.
template <class Check>
bool any_sign(double a, double b, Check&& check) {
  for (const double x : {a, a == 0 ? -a : a})
    for (const double y : {b, b == 0 ? -b : b})
      if (check(x, y)) return true;
  return false;
}

/// "outer(inner)" for all that is not the same.
struct Report {
  std::string text{};
  void add(Op outer, Op inner, double a, double b, double got) {
    if (text.size() > 1000) return;
    text += std::string(name(outer)) + " of " + name(inner) + " at " + std::to_string(a) + ", " +
            std::to_string(b) + ": " + std::to_string(got) + "\n";
  }
};

/// The negative infinity to the power of 0.5 and 1.5 is NaN, as of sqrt, and not infinite as of pow.
bool root_of_infinity(Op op, double a, double b) {
  return op == Op::pow && a == -inf && std::abs(b) < 2 && b != std::floor(b);
}

}  // namespace

TEST_CASE("graph_has_the_same_operation_on_the_same_operands_once") {
  Graph g;
  const Id x = g.coordinate(0), p = g.parameter(0);
  CHECK(g.coordinate(0) == x);
  CHECK(g.parameter(1) != p);
  CHECK(g.mul(x, p) == g.mul(p, x));
  CHECK(g.apply(Op::exp, g.mul(x, p)) == g.apply(Op::exp, g.mul(p, x)));
  CHECK(g.sub(x, p) != g.sub(p, x));
  CHECK(g.constant(not_a_number) == g.constant(not_a_number));
  CHECK(g.constant(0.0) != g.constant(-0.0));
  const Id size = g.size();
  g.apply(Op::exp, g.mul(x, p));
  CHECK(g.size() == size);
}

TEST_CASE("graph_numbers_operands_before_what_is_made_of_them") {
  Graph g;
  const Id x = g.coordinate(0);
  const Id root = g.apply(Op::pow, g.add(x, g.constant(3)), g.constant(11));
  for (Id id = 0; id <= root; ++id)
    for (const Id operand : {g[id].a, g[id].b, g[id].c}) CHECK((arity(g[id].op) == 0 || operand < id));
}

TEST_CASE("graph_folds_constants_as_evaluate_does") {
  Report wrong;
  for (int k = 0; k < static_cast<int>(Op::fma); ++k) {
    const Op op = operation(k);
    if (arity(op) == 0) continue;
    for (const double a : special)
      for (const double b : special) {
        Graph g;
        const Id id = g.apply(op, g.constant(a), g.constant(b), g.constant(3));
        const double wanted = evaluate(op, a, b, 3);
        if (!g.is_constant(id) || !same(g[id].value, wanted)) wrong.add(op, op, a, b, wanted);
      }
  }
  CHECK(wrong.text == "");
}

TEST_CASE("graph_keeps_the_value_of_an_operation_with_a_constant_at_special_numbers") {
  Report wrong;
  for (int k = 0; k < static_cast<int>(Op::fma); ++k) {
    const Op op = operation(k);
    if (arity(op) != 2) continue;
    for (const double a : special)
      for (const double b : special) {
        Graph g;
        const Id left = g.apply(op, g.constant(a), g.coordinate(1));
        const Id right = g.apply(op, g.coordinate(0), g.constant(b)),
                 twice = g.apply(op, g.coordinate(0), g.coordinate(0));
        const auto holds = [&](Id id, double x, double y) {
          const double got = value(g, id, a, b);
          return root_of_infinity(op, x, y) ||
                 any_sign(x, y, [&](double u, double v) { return same(got, evaluate(op, u, v)); });
        };
        if (!holds(left, a, b) || !holds(right, a, b)) wrong.add(op, op, a, b, value(g, right, a, b));
        if (!holds(twice, a, a)) wrong.add(op, op, a, a, value(g, twice, a, b));
      }
  }
  CHECK(wrong.text == "");
}

TEST_CASE("graph_keeps_the_value_of_two_operations_at_special_numbers_but_for_the_sign_of_a_zero") {
  const Op inner_ops[] = {Op::neg, Op::abs, Op::sub, Op::add, Op::mul, Op::less, Op::logical_not};
  Report wrong;
  for (int k = 0; k < static_cast<int>(Op::select); ++k) {
    const Op outer = operation(k);
    if (arity(outer) == 0) continue;
    for (const Op inner : inner_ops)
      for (const double a : special)
        for (const double b : special) {
          const double v = evaluate(inner, a, b);
          for (const bool swapped : {false, true}) {
            Graph g;
            const Id x = g.coordinate(0), y = g.coordinate(1), deep = g.apply(inner, x, y);
            const Id root = swapped ? g.apply(outer, y, deep) : g.apply(outer, deep, y);
            const double got = value(g, root, a, b);
            const double left = swapped ? b : v, right = swapped ? v : b;
            const auto holds = [&](double s, double t) { return same(got, evaluate(outer, s, t)); };
            if (!any_sign(left, right, holds)) wrong.add(outer, inner, a, b, got);
          }
        }
  }
  CHECK(wrong.text == "");
}

TEST_CASE("graph_makes_small_powers_products_that_are_pow_to_rounding") {
  Graph g;
  const Id x = g.coordinate(0);
  for (const double exponent : {-16.0, -3.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0, 16.0}) {
    const Id id = g.apply(Op::pow, x, g.constant(exponent));
    CAPTURE(exponent);
    for (Id k = 0; k <= id; ++k) CHECK(g[k].op != Op::pow);
    for (const double at : {0.0, 0.3, 1.0, 1.7, 40.0, inf, not_a_number})
      CHECK(same(value(g, id, at, 0), std::pow(at, exponent)));
  }
  CHECK(g[g.apply(Op::pow, x, g.constant(17))].op == Op::pow);
  CHECK(g[g.apply(Op::pow, x, g.constant(0.25))].op == Op::pow);
}

TEST_CASE("graph_chooses_a_branch_whose_condition_is_known_and_leaves_the_other") {
  Graph g;
  const Id x = g.coordinate(0), y = g.apply(Op::log, g.coordinate(1));
  CHECK(g.apply(Op::select, g.constant(1), x, y) == x);
  CHECK(g.apply(Op::select, g.constant(0), x, y) == y);
  CHECK(g.apply(Op::select, g.constant(not_a_number), x, y) == x);
  CHECK(g.apply(Op::select, y, x, x) == x);
  const Id less = g.apply(Op::less, x, y);
  CHECK(g.apply(Op::select, less, g.constant(1), g.constant(0)) == less);
  const Id chosen = g.apply(Op::select, less, x, y);
  CHECK(std::isnan(value(g, chosen, 1, -1)));  // 1 < log(-1) is false
  CHECK(value(g, g.apply(Op::select, g.apply(Op::less, y, x), y, x), 1, -1) == 1);
}

TEST_CASE("graph_refuses_leaves_and_operands_it_does_not_have") {
  Graph g;
  const Id x = g.coordinate(0);
  CHECK_THROWS_AS(g.apply(Op::constant, x), std::invalid_argument);
  CHECK_THROWS_WITH_AS(g.apply(Op::mul, x, 7), "mul has an operand that is not in the graph",
                       std::invalid_argument);
  CHECK_THROWS_AS(g.apply(Op::mul, x), std::invalid_argument);
}
