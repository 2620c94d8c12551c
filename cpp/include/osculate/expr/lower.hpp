#pragma once
// Rewrites a graph for evaluation over many fits (lanes) and many data points at once. Every node has a rate:
// it changes with the fit, with the point, with both (a cell), or not at all. Factors that only change with
// the fit are pulled out of products, where they cost one operation a fit instead of one a cell: n = lane *
// rest.

#include "graph.hpp"

namespace osculate::expr {

/// What a value changes with; `cell` is both.
enum class Rate : std::uint8_t { constant = 0, lane = 1, point = 2, cell = 3 };

constexpr Rate join(Rate a, Rate b) {
  return static_cast<Rate>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}

/// A node as a product of nodes of the lowered graph: `rest` is the constant 1, or of rate point or cell.
struct Product {
  Id lane = none, rest = none;
};

class Lowering {
 public:
  /// `data` is the rate of coordinates and arrays: point where all fits share them, cell where they do not,
  /// or where the points of one fit are spread over the lanes.
  Lowering(const Graph& source, Rate data) : source_(source), data_(data) {
    graph.signs_move = false;  // they stay with the lane's factor
  }

  Graph graph{};

  /// `id` of the source as a product.
  Product lower(Id id) {
    products_.resize(static_cast<std::size_t>(source_.size()));
    std::vector<Id> waiting{id};
    while (!waiting.empty()) {  // operands first, without recursion: models may be deep
      const Id top = waiting.back();
      const Node& n = source_[top];
      bool ready = true;
      for (int i = 0; i < arity(n.op); ++i) {
        const Id operand = i == 0 ? n.a : i == 1 ? n.b : n.c;
        if (products_[static_cast<std::size_t>(operand)].rest != none) continue;
        waiting.push_back(operand);
        ready = false;
      }
      if (!ready) continue;
      waiting.pop_back();
      if (products_[static_cast<std::size_t>(top)].rest == none)
        products_[static_cast<std::size_t>(top)] = product(n);
    }
    return products_[static_cast<std::size_t>(id)];
  }

  /// The node lane * rest.
  Id whole(Product p) { return graph.mul(p.rest, p.lane); }

  Rate rate(Id id) {
    for (Id k = static_cast<Id>(rates_.size()); k <= id; ++k) {
      const Node& n = graph[k];
      Rate r = n.op == Op::constant ? Rate::constant : n.op == Op::parameter ? Rate::lane : data_;
      if (arity(n.op) > 0) r = rates_[static_cast<std::size_t>(n.a)];
      if (arity(n.op) > 1) r = join(r, rates_[static_cast<std::size_t>(n.b)]);
      if (arity(n.op) > 2) r = join(r, rates_[static_cast<std::size_t>(n.c)]);
      rates_.push_back(r);
    }
    return rates_[static_cast<std::size_t>(id)];
  }

 private:
  Id one() { return graph.constant(1); }
  bool is_one(Id id) { return graph.is_constant(id, 1); }
  /// A node that is not a product.
  Product plain(Id id) {
    return rate(id) == Rate::constant || rate(id) == Rate::lane ? Product{id, one()} : Product{one(), id};
  }

  Product product(const Node& n) {
    const auto of = [&](Id id) { return products_[static_cast<std::size_t>(id)]; };
    switch (n.op) {
      case Op::constant:
        return plain(graph.constant(n.value));
      case Op::parameter:
        return plain(graph.parameter(n.a));
      case Op::coordinate:
        return plain(graph.coordinate(n.a));
      case Op::array:
        return plain(graph.array(n.a));
      case Op::neg:
        return {graph.neg(of(n.a).lane), of(n.a).rest};
      case Op::mul:
        return {graph.mul(of(n.a).lane, of(n.b).lane), graph.mul(of(n.a).rest, of(n.b).rest)};
      case Op::div: {
        const Id above = of(n.a).rest, below = of(n.b).rest, lane = graph.div(of(n.a).lane, of(n.b).lane);
        if (is_one(below)) return {lane, above};
        if (rate(below) == Rate::point && rate(above) == Rate::cell)  // the reciprocal is made once a call
          return {lane, graph.mul(above, graph.div(one(), below))};
        return {lane, graph.div(above, below)};
      }
      case Op::add:
      case Op::sub: {
        const Product a = of(n.a), b = of(n.b);
        if (a.rest == b.rest) return {graph.apply(n.op, a.lane, b.lane), a.rest};
        if (a.lane == b.lane && !is_one(a.rest) && !is_one(b.rest))
          return {a.lane, graph.apply(n.op, a.rest, b.rest)};
        return plain(graph.apply(n.op, whole(a), whole(b)));
      }
      case Op::select: {
        const Product yes = of(n.b), no = of(n.c);
        const Id condition = whole(of(n.a)), zero = graph.constant(0);
        const bool cells = rate(condition) == Rate::cell || rate(condition) == Rate::point;
        if (cells && graph.is_constant(no.lane, 0) && !is_one(yes.rest))
          return {yes.lane, graph.apply(Op::select, condition, yes.rest, zero)};
        if (cells && graph.is_constant(yes.lane, 0) && !is_one(no.rest))
          return {no.lane, graph.apply(Op::select, condition, zero, no.rest)};
        return plain(graph.apply(Op::select, condition, whole(yes), whole(no)));
      }
      default: {
        const int operands = arity(n.op);
        return plain(graph.apply(n.op, whole(of(n.a)), operands > 1 ? whole(of(n.b)) : none,
                                 operands > 2 ? whole(of(n.c)) : none));
      }
    }
  }

  const Graph& source_;
  Rate data_;
  std::vector<Product> products_;
  std::vector<Rate> rates_;
};

}  // namespace osculate::expr
