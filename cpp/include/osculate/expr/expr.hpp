#pragma once
// Models written in C++: a functor templated on the number type, called once with `Expr` in place of numbers,
// leaves its graph behind (operator overloading as in Griewank & Walther 2008, section 6.1); called with
// double it is an ordinary function. What depends on the numbers themselves, an `if` or a cast to double,
// does not compile; `where(condition, a, b)` chooses.

#include <span>

#include "graph.hpp"

namespace osculate::expr {

/// A number of a model: a node of a graph, or a plain number that has not met one yet.
class Expr {
 public:
  Expr(double value = 0) : value_(value) {}  // implicit: formulas mix both
  Expr(Graph& graph, Id id) : graph_(&graph), id_(id) {}

  /// The node in a graph, which is the one this number belongs to if it belongs to any.
  Id node(Graph& graph) const {
    if (!graph_) return graph.constant(value_);
    if (graph_ != &graph) throw std::invalid_argument("an expression mixes numbers of two models");
    return id_;
  }

  static Expr apply(Op op, const Expr& a, const Expr& b = {}, const Expr& c = {}) {
    Graph* graph = a.graph_ ? a.graph_ : b.graph_ ? b.graph_ : c.graph_;
    if (!graph) return evaluate(op, a.value_, b.value_, c.value_);
    const int operands = arity(op);
    const Id x = a.node(*graph), y = operands > 1 ? b.node(*graph) : none;
    return {*graph, graph->apply(op, x, y, operands > 2 ? c.node(*graph) : none)};
  }

  Expr& operator+=(const Expr& b) { return *this = apply(Op::add, *this, b); }
  Expr& operator-=(const Expr& b) { return *this = apply(Op::sub, *this, b); }
  Expr& operator*=(const Expr& b) { return *this = apply(Op::mul, *this, b); }
  Expr& operator/=(const Expr& b) { return *this = apply(Op::div, *this, b); }

  friend Expr operator+(const Expr& a, const Expr& b) { return apply(Op::add, a, b); }
  friend Expr operator-(const Expr& a, const Expr& b) { return apply(Op::sub, a, b); }
  friend Expr operator*(const Expr& a, const Expr& b) { return apply(Op::mul, a, b); }
  friend Expr operator/(const Expr& a, const Expr& b) { return apply(Op::div, a, b); }
  friend Expr operator-(const Expr& a) { return apply(Op::neg, a); }
  friend Expr operator+(const Expr& a) { return a; }

  friend Expr operator<(const Expr& a, const Expr& b) { return apply(Op::less, a, b); }
  friend Expr operator<=(const Expr& a, const Expr& b) { return apply(Op::less_equal, a, b); }
  friend Expr operator>(const Expr& a, const Expr& b) { return apply(Op::less, b, a); }
  friend Expr operator>=(const Expr& a, const Expr& b) { return apply(Op::less_equal, b, a); }
  friend Expr operator==(const Expr& a, const Expr& b) { return apply(Op::equal, a, b); }
  friend Expr operator!=(const Expr& a, const Expr& b) { return apply(Op::not_equal, a, b); }
  friend Expr operator&&(const Expr& a, const Expr& b) { return apply(Op::logical_and, a, b); }
  friend Expr operator||(const Expr& a, const Expr& b) { return apply(Op::logical_or, a, b); }
  friend Expr operator!(const Expr& a) { return apply(Op::logical_not, a); }

 private:
  Graph* graph_ = nullptr;
  Id id_ = none;
  double value_ = 0;
};

#define OSCULATE_EXPR_1(name, op) \
  inline Expr name(const Expr& x) { return Expr::apply(Op::op, x); }
#define OSCULATE_EXPR_2(name, op) \
  inline Expr name(const Expr& x, const Expr& y) { return Expr::apply(Op::op, x, y); }

OSCULATE_EXPR_1(abs, abs)
OSCULATE_EXPR_1(floor, floor)
OSCULATE_EXPR_1(ceil, ceil)
OSCULATE_EXPR_1(sqrt, sqrt)
OSCULATE_EXPR_1(cbrt, cbrt)
OSCULATE_EXPR_1(exp, exp)
OSCULATE_EXPR_1(exp2, exp2)
OSCULATE_EXPR_1(expm1, expm1)
OSCULATE_EXPR_1(log, log)
OSCULATE_EXPR_1(log2, log2)
OSCULATE_EXPR_1(log10, log10)
OSCULATE_EXPR_1(log1p, log1p)
OSCULATE_EXPR_1(sin, sin)
OSCULATE_EXPR_1(cos, cos)
OSCULATE_EXPR_1(tan, tan)
OSCULATE_EXPR_1(asin, asin)
OSCULATE_EXPR_1(acos, acos)
OSCULATE_EXPR_1(atan, atan)
OSCULATE_EXPR_1(sinh, sinh)
OSCULATE_EXPR_1(cosh, cosh)
OSCULATE_EXPR_1(tanh, tanh)
OSCULATE_EXPR_1(asinh, asinh)
OSCULATE_EXPR_1(acosh, acosh)
OSCULATE_EXPR_1(atanh, atanh)
OSCULATE_EXPR_1(erf, erf)
OSCULATE_EXPR_1(erfc, erfc)
OSCULATE_EXPR_2(pow, pow)
OSCULATE_EXPR_2(atan2, atan2)
OSCULATE_EXPR_2(hypot, hypot)

#undef OSCULATE_EXPR_1
#undef OSCULATE_EXPR_2

// What the standard library has not, or not so, for Expr and for plain numbers: in a functor that is called
// with both, `using osculate::expr::where;` finds both.

template <class T>
T square(const T& x) {
  return x * x;
}

/// -1, 0 or 1; NaN of NaN.
inline Expr sign(const Expr& x) { return Expr::apply(Op::sign, x); }
inline double sign(double x) { return evaluate(Op::sign, x); }

/// The smaller number; NaN where one is, as numpy.minimum.
inline Expr min(const Expr& x, const Expr& y) { return Expr::apply(Op::min, x, y); }
inline double min(double x, double y) { return evaluate(Op::min, x, y); }
inline Expr max(const Expr& x, const Expr& y) { return Expr::apply(Op::max, x, y); }
inline double max(double x, double y) { return evaluate(Op::max, x, y); }

/// a where the condition holds, else b. The one that is not chosen may be NaN or infinite.
inline Expr where(const Expr& condition, const Expr& a, const Expr& b) {
  return Expr::apply(Op::select, condition, a, b);
}
inline double where(bool condition, double a, double b) { return condition ? a : b; }

/// A model as the batch engine takes it.
struct Model {
  Graph graph{};
  Id root = none;
  int coordinates = 0, parameters = 0;

  /// The value at one point, in double.
  double operator()(std::span<const double> x, std::span<const double> p) const {
    const auto size = [](int n) { return static_cast<std::size_t>(n); };
    if (x.size() != size(coordinates) || p.size() != size(parameters))
      throw std::invalid_argument("a model is called with a number a coordinate and a number a parameter");
    std::vector<double> value(size(root + 1));
    const auto of = [&](Id id) { return id == none ? 0 : value[size(id)]; };
    for (Id id = 0; id <= root; ++id) {
      const Node& n = graph[id];
      value[size(id)] = n.op == Op::constant     ? n.value
                        : n.op == Op::parameter  ? p[size(n.a)]
                        : n.op == Op::coordinate ? x[size(n.a)]
                                                 : evaluate(n.op, of(n.a), of(n.b), of(n.c));
    }
    return value[size(root)];
  }
};

/// The model f(x, p), a functor of two arrays of numbers: x[0], x[1], ... the coordinates of a point and
/// p[0], p[1], ... the parameters.
template <class F>
Model model(int coordinates, int parameters, const F& f) {
  if (coordinates < 0 || parameters < 1)
    throw std::invalid_argument("a model has at least one parameter, and no fewer than 0 coordinates");
  Model m{.coordinates = coordinates, .parameters = parameters};
  std::vector<Expr> x, p;
  for (int k = 0; k < parameters; ++k) p.emplace_back(m.graph, m.graph.parameter(k));
  for (int k = 0; k < coordinates; ++k) x.emplace_back(m.graph, m.graph.coordinate(k));
  const std::span<const Expr> point(x), parameter(p);
  const Expr value = f(point, parameter);
  m.root = value.node(m.graph);
  return m;
}

}  // namespace osculate::expr
