#pragma once
// A graph with its derivatives as straight-line code: the lane code runs once per group of fits, the cell
// code once per tile of points and fits. batch/interpreter.hpp runs it.

#include <algorithm>
#include <span>

#include "derive.hpp"
#include "lower.hpp"

namespace osculate::expr {

enum class Where : std::uint8_t {
  nowhere,
  lane,   ///< a number a fit
  point,  ///< a number a point, the same for all fits
  cell,   ///< a number a fit and point, in a register of the tile
  input,  ///< a number a fit and point, from the data
};

struct Operand {
  Where where = Where::nowhere;
  int index = 0;

  bool operator==(const Operand&) const = default;
};

struct Instruction {
  Op op = Op::constant;  ///< constant: copies a
  Operand to, a{}, b{}, c{};
};

/// A column of the Jacobian: factor * values, nowhere standing for 1.
struct Column {
  Operand values{}, factor{};
};

/// Where a coordinate or an array of the model is an input, or what a value of rate point is.
struct Source {
  Op op = Op::coordinate;  ///< or Op::array
  int index = 0;
};

struct Tape {
  std::vector<Instruction> lane_code, cell_code;
  int parameters = 0, lane_registers = 0, cell_registers = 0;  ///< parameter k is lane register k
  std::vector<std::pair<int, double>> constants{};             ///< lane registers that never change
  std::vector<Source> inputs{};                                ///< what Where::input reads
  std::vector<Id> points{};                                    ///< nodes of `graph`: what Where::point reads
  Graph graph{};                                               ///< lowered
  Operand value{};                                             ///< of the model: a cell
  std::vector<Column> columns{};                               ///< of the active parameters
  std::vector<bool> influences{};  ///< whether an active parameter influences the value
};

class TapeCompiler {
 public:
  /// The value `root` with its derivatives by the parameters `active`; parameter k is lane register k. `data`
  /// is as in Lowering. With `factor_columns` the lane factors of the Jacobian's columns stay outside.
  static Tape compile(const Graph& source, Id root, int parameters, std::span<const int> active, Rate data,
                      bool factor_columns = true) {
    Graph with_derivatives = source;
    Derivatives derivatives(with_derivatives, parameters);
    const std::vector<Id> gradient = active.empty() ? std::vector<Id>{} : derivatives.gradient(root);
    Lowering lowering(with_derivatives, data);
    TapeCompiler compiler(lowering, parameters);
    const Id value = lowering.whole(lowering.lower(root));
    std::vector<Product> columns;
    for (const int k : active) {
      const Id slope = gradient[static_cast<std::size_t>(k)];
      columns.push_back(slope == none ? Product{none, none} : lowering.lower(slope));
      if (slope == none || factor_columns) continue;
      const Id whole = lowering.whole(columns.back());
      const bool lane = lowering.rate(whole) <= Rate::lane;
      columns.back() =
          lane ? Product{whole, lowering.graph.constant(1)} : Product{lowering.graph.constant(1), whole};
    }
    compiler.run(value, columns);
    Tape& tape = compiler.tape_;
    for (const Product& p : columns) {
      tape.influences.push_back(p.rest != none && !lowering.graph.is_constant(p.lane, 0));
      Column column;
      if (p.rest != none) {
        if (!lowering.graph.is_constant(p.rest)) column.values = compiler.operand(p.rest);
        if (!lowering.graph.is_constant(p.lane, 1)) column.factor = compiler.operand(p.lane);
      }
      tape.columns.push_back(column);
    }
    tape.graph = std::move(lowering.graph);
    return std::move(compiler.tape_);
  }

 private:
  TapeCompiler(Lowering& lowering, int parameters) : low_(lowering) {
    tape_.parameters = tape_.lane_registers = parameters;
  }

  void run(Id value, std::vector<Product>& columns) {
    std::vector<Id> roots{value};
    for (const Product& p : columns) {
      if (p.rest == none) continue;
      roots.push_back(p.lane);
      roots.push_back(p.rest);
    }
    count_uses(roots);
    const auto nodes = static_cast<Id>(uses_.size());
    for (Id id = 0; id < nodes; ++id)
      if (uses_[static_cast<std::size_t>(id)] > 0) fuse(id);
    for (const Id root : roots) kept_[static_cast<std::size_t>(root)] = true;
    for (Id id = 0; id < nodes; ++id)
      if (uses_[static_cast<std::size_t>(id)] > 0) emit(id);
    tape_.value = operand(value);
    if (tape_.value.where == Where::cell) return;
    const Operand copy{Where::cell, new_register()};  // the loop that makes residuals reads cells
    tape_.cell_code.push_back({Op::constant, copy, tape_.value});
    tape_.value = copy;
  }

  void count_uses(const std::vector<Id>& roots) {
    const auto n = static_cast<std::size_t>(low_.graph.size());
    uses_.assign(n, 0), places_.assign(n, Operand{}), kept_.assign(n, false), fused_.assign(n, Node{});
    for (const Id root : roots) ++uses_[static_cast<std::size_t>(root)];
    for (Id id = low_.graph.size() - 1; id >= 0; --id) {
      if (uses_[static_cast<std::size_t>(id)] == 0) continue;
      const Node& n_ = low_.graph[id];
      fused_[static_cast<std::size_t>(id)] = n_;
      if (low_.rate(id) == Rate::point) continue;  // its operands belong to the points' tape
      each_operand(n_, [&](Id operand) { ++uses_[static_cast<std::size_t>(operand)]; });
    }
  }

  template <class Call>
  static void each_operand(const Node& n, Call&& call) {
    if (arity(n.op) > 0) call(n.a);
    if (arity(n.op) > 1) call(n.b);
    if (arity(n.op) > 2) call(n.c);
  }

  /// a * b + c, or exp(a * b), in one operation where the product is used nowhere else; exponentials of what
  /// is a line or a parabola of a number a point in one too, for they are cheap at equally spaced points.
  void fuse(Id id) {
    Node& n = fused_[static_cast<std::size_t>(id)];
    if (n.op == Op::mul) return reuse_product(id);
    if ((n.op != Op::add && n.op != Op::sub && n.op != Op::exp) || low_.rate(id) != Rate::cell) return;
    const auto product = [&](Id operand) {
      return fused_[static_cast<std::size_t>(operand)].op == Op::mul &&
             uses_[static_cast<std::size_t>(operand)] == 1 && low_.rate(operand) == Rate::cell;
    };
    const Id a = n.a, b = n.b;
    if (n.op == Op::exp) {
      if (!product(a)) return;
      const Node& factor = fused_[static_cast<std::size_t>(a)];
      n = {.op = Op::exp_mul, .a = factor.a, .b = factor.b};
      uses_[static_cast<std::size_t>(a)] = 0;
      fuse_exponent(n);
    } else if (product(a)) {
      const Node& factor = fused_[static_cast<std::size_t>(a)];
      n = {.op = n.op == Op::add ? Op::fma : Op::fms, .a = factor.a, .b = factor.b, .c = b};
      uses_[static_cast<std::size_t>(a)] = 0;
    } else if (product(b)) {
      const Node& factor = fused_[static_cast<std::size_t>(b)];
      n = {.op = n.op == Op::add ? Op::fma : Op::fnma, .a = factor.a, .b = factor.b, .c = a};
      uses_[static_cast<std::size_t>(b)] = 0;
    }
  }

  /// d^2 e as d (d e) where d e is there anyway and d^2 for nothing else.
  void reuse_product(Id id) {
    Node& n = fused_[static_cast<std::size_t>(id)];
    for (const bool first : {true, false}) {
      const Id square = first ? n.a : n.b, e = first ? n.b : n.a;
      const Node& factor = low_.graph[square];
      if (factor.op != Op::mul || factor.a != factor.b || low_.rate(square) != Rate::cell ||
          uses_[static_cast<std::size_t>(square)] > 1)
        continue;
      const Id product = low_.graph.find_product(factor.a, e);
      if (product == none || product == square || product > id ||
          uses_[static_cast<std::size_t>(product)] == 0)
        continue;
      n = {.op = Op::mul, .a = factor.a, .b = product};
      ++uses_[static_cast<std::size_t>(n.a)], ++uses_[static_cast<std::size_t>(n.b)];
      release_unused(square);
      --uses_[static_cast<std::size_t>(e)];
      return;
    }
  }

  /// exp(a * b) with a a line, p - l or l - p, or its square, p a number a point, and l and b numbers a lane.
  void fuse_exponent(Node& n) {
    if (low_.rate(n.a) != Rate::cell) std::swap(n.a, n.b);
    if (low_.rate(n.a) != Rate::cell || low_.rate(n.b) == Rate::cell || low_.rate(n.b) == Rate::point) return;
    const Node& rest = low_.graph[n.a];
    const bool square = rest.op == Op::mul && rest.a == rest.b;
    const Node& line = square ? low_.graph[rest.a] : rest;
    if (line.op != Op::sub) return;
    const bool turned = low_.rate(line.a) == Rate::lane;
    if (low_.rate(turned ? line.b : line.a) != Rate::point ||
        low_.rate(turned ? line.a : line.b) != Rate::lane)
      return;
    release_unused(n.a);
    n = {.op = square ? Op::exp_bell : Op::exp_line, .a = line.a, .b = line.b, .c = n.b};
    if (square && turned) std::swap(n.a, n.b);
    ++uses_[static_cast<std::size_t>(n.a)], ++uses_[static_cast<std::size_t>(n.b)];
  }

  /// One use of a node less, and of its operands where that was the last.
  void release_unused(Id id) {
    if (--uses_[static_cast<std::size_t>(id)] > 0) return;
    each_operand(low_.graph[id], [&](Id operand) {
      if (low_.rate(operand) == Rate::cell) release_unused(operand);
    });
  }

  void emit(Id id) {
    const Node n = fused_[static_cast<std::size_t>(id)];
    Operand& place = places_[static_cast<std::size_t>(id)];
    switch (low_.rate(id)) {
      case Rate::constant:
        place = {Where::lane, tape_.lane_registers++};
        tape_.constants.emplace_back(place.index, n.value);
        return;
      case Rate::point:
        place = {Where::point, static_cast<int>(tape_.points.size())};
        tape_.points.push_back(id);
        return;
      case Rate::lane:
        if (n.op == Op::parameter) {
          place = {Where::lane, n.a};
          return;
        }
        place = {Where::lane, tape_.lane_registers++};
        tape_.lane_code.push_back(instruction(n, place));
        return;
      case Rate::cell:
        if (arity(n.op) == 0) {
          place = {Where::input, static_cast<int>(tape_.inputs.size())};
          tape_.inputs.push_back({n.op, n.a});
          return;
        }
        Instruction next = instruction(n, {});
        each_operand(n, [&](Id operand) { release(operand); });
        place = next.to = {Where::cell, new_register()};
        tape_.cell_code.push_back(next);
    }
  }

  /// Vectors before points before lanes where the order is free: fewer kinds of instructions.
  Instruction instruction(const Node& n, Operand to) {
    Instruction i{n.op, to};
    if (arity(n.op) > 0) i.a = operand(n.a);
    if (arity(n.op) > 1) i.b = operand(n.b);
    if (arity(n.op) > 2) i.c = operand(n.c);
    const bool free_order =
        commutes(n.op) || n.op == Op::fma || n.op == Op::fms || n.op == Op::fnma || n.op == Op::exp_mul;
    if (free_order && i.a.where < i.b.where) std::swap(i.a, i.b);
    return i;
  }

  Operand operand(Id id) const { return places_[static_cast<std::size_t>(id)]; }

  void release(Id id) {
    const auto k = static_cast<std::size_t>(id);
    if (--uses_[k] == 0 && !kept_[k] && places_[k].where == Where::cell) free_.push_back(places_[k].index);
  }
  int new_register() {
    if (free_.empty()) return tape_.cell_registers++;
    const int index = free_.back();
    free_.pop_back();
    return index;
  }

  Lowering& low_;
  Tape tape_;
  std::vector<int> uses_;
  std::vector<Operand> places_;
  std::vector<bool> kept_;
  std::vector<Node> fused_;
  std::vector<int> free_;
};

}  // namespace osculate::expr
