#pragma once
// Exact derivatives of a graph by reverse accumulation (Griewank & Walther, Evaluating Derivatives, 2008,
// section 3.2): one sweep from the value to the parameters makes all of them, sharing what they have in
// common. Where a branch is chosen, each branch is differentiated on its own and the derivatives are chosen
// by the same condition: a branch not taken can be infinite or NaN without harm. At x = 0 the derivatives of
// |x|^b for b < 1, of hypot and of atan2, which are infinite or undefined, count as 0. Where an exponential
// overflows inside of what saturates, as in 1 / (1 + exp(1000)), the derivative is 0 and not 0 * inf.

#include <limits>
#include <map>
#include <numbers>

#include "graph.hpp"

namespace osculate::expr {

class Derivatives {
 public:
  explicit Derivatives(Graph& graph, int parameters) : g_(graph), parameters_(parameters) {}

  /// Nodes of d root / d parameter, `none` for a derivative that is zero.
  const std::vector<Id>& gradient(Id root) {
    const auto found = known_.find(root);
    if (found != known_.end()) return found->second;
    std::vector<Id> result(static_cast<std::size_t>(parameters_), none);
    std::map<Id, Id, std::greater<>> adjoints;  // from the root down: every node after all that use it
    if (depends(root)) adjoints[root] = g_.constant(1);
    while (!adjoints.empty()) {
      const auto [id, adjoint] = *adjoints.begin();
      adjoints.erase(adjoints.begin());
      const Node node = g_[id];
      if (node.op == Op::parameter) {
        add_to(result[static_cast<std::size_t>(node.a)], adjoint);
      } else if (node.op == Op::select) {
        choose(node.a, node.b, node.c, adjoint, result);
      } else if (node.op == Op::min) {
        choose(g_.apply(Op::less_equal, node.a, node.b), node.a, node.b, adjoint, result);
      } else if (node.op == Op::max) {
        choose(g_.apply(Op::less_equal, node.b, node.a), node.a, node.b, adjoint, result);
      } else {
        for (int i = 0; i < arity(node.op) && i < 2; ++i) {
          const Id operand = i == 0 ? node.a : node.b;
          if (!depends(operand)) continue;
          const Id part = backward(id, node, i, adjoint);
          if (part == none) continue;
          if (saturates(node.op, i) && grows(operand))
            chain(operand, part, result);
          else
            add_to(adjoints.try_emplace(operand, none).first->second, part);
        }
      }
    }
    return known_.emplace(root, std::move(result)).first->second;
  }

 private:
  void add_to(Id& sum, Id term) { sum = sum == none ? term : g_.add(sum, term); }

  void choose(Id condition, Id yes, Id no, Id adjoint, std::vector<Id>& result) {
    const std::vector<Id> of_yes = gradient(yes), of_no = gradient(no);
    const Id zero = g_.constant(0);
    for (std::size_t k = 0; k < result.size(); ++k) {
      if (of_yes[k] == none && of_no[k] == none) continue;
      const Id chosen = g_.apply(Op::select, condition, of_yes[k] == none ? zero : of_yes[k],
                                 of_no[k] == none ? zero : of_no[k]);
      add_to(result[k], g_.mul(adjoint, chosen));
    }
  }

  /// Whether an operation ends at a finite value, with slope 0, where operand i becomes infinite.
  static bool saturates(Op op, int i) {
    return (op == Op::div && i == 1) || op == Op::exp || op == Op::exp2 || op == Op::atan || op == Op::tanh ||
           op == Op::erf || op == Op::erfc;
  }

  /// slope * derivatives of an operand; 0 where the operand is infinite, as in 1 / (1 + exp(1000)), though
  /// its derivatives are infinite too.
  void chain(Id operand, Id slope, std::vector<Id>& result) {
    const std::vector<Id> of_operand = gradient(operand);
    const Id zero = g_.constant(0);
    const Id infinite =
        g_.apply(Op::equal, g_.apply(Op::abs, operand), g_.constant(std::numeric_limits<double>::infinity()));
    for (std::size_t k = 0; k < result.size(); ++k)
      if (of_operand[k] != none)
        add_to(result[k], g_.apply(Op::select, infinite, zero, g_.mul(slope, of_operand[k])));
  }

  /// Whether a node depends on a parameter.
  bool depends(Id id) {
    return any(depends_, id, [](Op op) { return op == Op::parameter; });
  }
  /// Whether a node is made of what overflows for arguments of ordinary size.
  bool grows(Id id) {
    return any(grows_, id, [](Op op) {
      return op == Op::exp || op == Op::exp2 || op == Op::expm1 || op == Op::sinh || op == Op::cosh ||
             op == Op::pow;
    });
  }

  template <class Test>
  bool any(std::vector<bool>& known, Id id, Test&& test) {
    for (Id k = static_cast<Id>(known.size()); k <= id; ++k) {
      const Node& n = g_[k];
      bool found = test(n.op);
      if (arity(n.op) > 0) found = found || known[static_cast<std::size_t>(n.a)];
      if (arity(n.op) > 1) found = found || known[static_cast<std::size_t>(n.b)];
      if (arity(n.op) > 2) found = found || known[static_cast<std::size_t>(n.c)];
      known.push_back(found);
    }
    return known[static_cast<std::size_t>(id)];
  }

  Id one() { return g_.constant(1); }
  Id square(Id a) { return g_.mul(a, a); }
  Id zero_where_zero(Id x, Id otherwise) {
    return g_.apply(Op::select, g_.apply(Op::equal, x, g_.constant(0)), g_.constant(0), otherwise);
  }

  /// adjoint * d node / d operand i; none where that is zero everywhere.
  Id backward(Id v, const Node& n, int i, Id adjoint) {
    const Id a = n.a, b = n.b;
    const auto times = [&](Id factor) { return g_.mul(adjoint, factor); };
    const auto over = [&](Id divisor) { return g_.div(adjoint, divisor); };
    switch (n.op) {
      case Op::neg:
        return g_.neg(adjoint);
      case Op::abs:
        return times(g_.apply(Op::sign, a));
      case Op::sqrt:
        return zero_where_zero(v, over(g_.mul(v, g_.constant(2))));
      case Op::cbrt:
        return zero_where_zero(v, over(g_.mul(square(v), g_.constant(3))));
      case Op::exp:
        return times(v);
      case Op::exp2:
        return times(g_.mul(v, g_.constant(std::numbers::ln2)));
      case Op::expm1:
        return times(g_.apply(Op::exp, a));
      case Op::log:
        return over(a);
      case Op::log2:
        return over(g_.mul(a, g_.constant(std::numbers::ln2)));
      case Op::log10:
        return over(g_.mul(a, g_.constant(std::numbers::ln10)));
      case Op::log1p:
        return over(g_.add(a, one()));
      case Op::sin:
        return times(g_.apply(Op::cos, a));
      case Op::cos:
        return g_.neg(times(g_.apply(Op::sin, a)));
      case Op::tan:
        return times(g_.add(square(v), one()));
      case Op::asin:
        return over(g_.apply(Op::sqrt, g_.sub(one(), square(a))));
      case Op::acos:
        return g_.neg(over(g_.apply(Op::sqrt, g_.sub(one(), square(a)))));
      case Op::atan:
        return over(g_.add(square(a), one()));
      case Op::sinh:
        return times(g_.apply(Op::cosh, a));
      case Op::cosh:
        return times(g_.apply(Op::sinh, a));
      case Op::tanh:
        return times(g_.sub(one(), square(v)));
      case Op::asinh:
        return over(g_.apply(Op::sqrt, g_.add(square(a), one())));
      case Op::acosh:
        return over(g_.apply(Op::sqrt, g_.sub(square(a), one())));
      case Op::atanh:
        return over(g_.sub(one(), square(a)));
      case Op::erf:
      case Op::erfc: {
        const double factor = (n.op == Op::erf ? 2 : -2) * std::numbers::inv_sqrtpi;
        return times(g_.mul(g_.apply(Op::exp, g_.neg(square(a))), g_.constant(factor)));
      }
      case Op::add:
        return adjoint;
      case Op::sub:
        return i == 0 ? adjoint : g_.neg(adjoint);
      case Op::mul:
        if (a == b) return i == 0 ? times(g_.mul(a, g_.constant(2))) : none;
        return times(i == 0 ? b : a);
      case Op::div:
        return i == 0 ? over(b) : g_.neg(g_.div(times(v), b));
      case Op::pow:
        return power(v, a, b, i, adjoint);
      case Op::atan2: {
        const Id length = g_.add(square(a), square(b));
        return zero_where_zero(length, i == 0 ? g_.div(times(b), length) : g_.neg(g_.div(times(a), length)));
      }
      case Op::hypot:
        return zero_where_zero(v, g_.div(times(i == 0 ? a : b), v));
      default:
        return none;  // piecewise constant: sign, floor, ceil, comparisons, logic
    }
  }

  Id power(Id v, Id a, Id b, int i, Id adjoint) {
    if (i == 1) return g_.mul(adjoint, zero_where_zero(a, g_.mul(v, g_.apply(Op::log, a))));
    const Id at_zero = g_.apply(Op::equal, b, one()), is_zero = g_.apply(Op::equal, a, g_.constant(0));
    const Id slope = g_.div(g_.mul(v, b), a);
    return g_.mul(adjoint, g_.apply(Op::select, is_zero, at_zero, slope));
  }

  Graph& g_;
  int parameters_;
  std::map<Id, std::vector<Id>> known_;
  std::vector<bool> depends_, grows_;
};

}  // namespace osculate::expr
