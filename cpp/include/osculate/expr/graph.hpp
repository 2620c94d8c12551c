#pragma once
// A model as a graph of operations. Nodes are interned: the same operation on the same operands is one node,
// so common subexpressions exist once. Operands have smaller numbers than what is made of them: the order of
// numbers is an order of evaluation. Simplifications keep the IEEE meaning up to the sign of a zero, but for
// powers of 0.5, 1.5, -0.5 and -1.5: they are made of the square root, as NumPy's a**0.5 is, and so NaN where
// a is -inf.

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "operation.hpp"

namespace osculate::expr {

/// Number of a node in its graph.
using Id = std::int32_t;
constexpr Id none = -1;

struct Node {
  Op op = Op::constant;
  Id a = none, b = none, c = none;  ///< operands; of a parameter, coordinate or array a is its number
  double value = 0;                 ///< of a constant
};

class Graph {
 public:
  /// Whether signs move out of products, where they may cancel: (-a) b = -(a b).
  bool signs_move = true;

  const Node& operator[](Id id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Id size() const { return static_cast<Id>(nodes_.size()); }

  Id constant(double value) { return intern({.op = Op::constant, .value = value}); }
  Id parameter(int index) { return intern({.op = Op::parameter, .a = index}); }
  Id coordinate(int index) { return intern({.op = Op::coordinate, .a = index}); }
  Id array(int index) { return intern({.op = Op::array, .a = index}); }

  bool is_constant(Id id) const { return (*this)[id].op == Op::constant; }
  bool is_constant(Id id, double value) const { return is_constant(id) && (*this)[id].value == value; }

  /// The node of an operation, or a simpler one of the same value.
  Id apply(Op op, Id a, Id b = none, Id c = none) {
    const int operands = arity(op);
    if (operands == 0) throw std::invalid_argument("apply needs an operation, not a leaf");
    for (int i = 0; i < operands; ++i) {
      const Id id = i == 0 ? a : i == 1 ? b : c;
      if (id < 0 || id >= size())
        throw std::invalid_argument(std::string(name(op)) + " has an operand that is not in the graph");
    }
    if (operands < 3) c = none;
    if (operands < 2) b = none;
    const bool foldable =
        is_constant(a) && (operands < 2 || is_constant(b)) && (operands < 3 || is_constant(c));
    if (foldable)
      return constant(evaluate(op, (*this)[a].value, operands > 1 ? (*this)[b].value : 0,
                               operands > 2 ? (*this)[c].value : 0));
    const Id simpler = simplify(op, a, b, c);
    if (simpler != none) return simpler;
    if (commutes(op) && a > b) std::swap(a, b);
    return intern({.op = op, .a = a, .b = b, .c = c});
  }

  /// The node a * b as it stands; `none` where there is none.
  Id find_product(Id a, Id b) const {
    const auto found = known_.find({.op = Op::mul, .a = std::min(a, b), .b = std::max(a, b)});
    return found == known_.end() ? none : found->second;
  }

  Id neg(Id a) { return apply(Op::neg, a); }
  Id add(Id a, Id b) { return apply(Op::add, a, b); }
  Id sub(Id a, Id b) { return apply(Op::sub, a, b); }
  Id mul(Id a, Id b) { return apply(Op::mul, a, b); }
  Id div(Id a, Id b) { return apply(Op::div, a, b); }

 private:
  struct Hash {
    std::size_t operator()(const Node& n) const {
      std::uint64_t bits, h = static_cast<std::uint64_t>(n.op);
      std::memcpy(&bits, &n.value, sizeof bits);
      for (const std::uint64_t part : {static_cast<std::uint64_t>(n.a), static_cast<std::uint64_t>(n.b),
                                       static_cast<std::uint64_t>(n.c), bits})
        h = (h ^ part) * 0x9E3779B97F4A7C15u, h ^= h >> 29;  // Fibonacci hashing (Knuth, TAOCP 3, 6.4)
      return static_cast<std::size_t>(h);
    }
  };
  struct Same {  // by bits, so that NaN and -0 are constants like others
    bool operator()(const Node& x, const Node& y) const {
      return x.op == y.op && x.a == y.a && x.b == y.b && x.c == y.c &&
             std::memcmp(&x.value, &y.value, sizeof x.value) == 0;
    }
  };

  Id intern(const Node& node) {
    const auto [place, is_new] = known_.try_emplace(node, size());
    if (is_new) {
      if (nodes_.size() >= most) throw std::length_error("the model has more than a million operations");
      nodes_.push_back(node);
    }
    return place->second;
  }

  Id simplify(Op op, Id a, Id b, Id c) {
    const auto is = [&](Id id, Op wanted) { return (*this)[id].op == wanted; };
    switch (op) {
      case Op::neg:
        if (is(a, Op::neg)) return (*this)[a].a;
        if (is(a, Op::sub)) return sub((*this)[a].b, (*this)[a].a);
        return none;
      case Op::abs:
        return is(a, Op::abs) ? a : is(a, Op::neg) ? apply(Op::abs, (*this)[a].a) : none;
      case Op::add:
        if (is_constant(b, 0)) return a;
        if (is_constant(a, 0)) return b;
        if (is(b, Op::neg)) return sub(a, (*this)[b].a);
        if (is(a, Op::neg)) return sub(b, (*this)[a].a);
        return none;
      case Op::sub:
        if (is_constant(b, 0)) return a;
        if (is_constant(a, 0)) return neg(b);
        if (is(b, Op::neg)) return add(a, (*this)[b].a);
        return none;
      case Op::mul:
        if (is_constant(a) && !is_constant(b)) std::swap(a, b);
        if (is_constant(b, 1)) return a;
        if (is_constant(b, -1)) return neg(a);
        if (!signs_move) return none;
        if (is(a, Op::neg) && is_constant(b)) return mul((*this)[a].a, constant(-(*this)[b].value));
        if (is(a, Op::neg)) return neg(mul((*this)[a].a, b));
        if (is(b, Op::neg)) return neg(mul(a, (*this)[b].a));
        return none;
      case Op::div:
        if (is_constant(b, 1)) return a;
        if (is_constant(b, -1)) return neg(a);
        if (is_constant(b) && is_power_of_two((*this)[b].value))
          return mul(a, constant(1 / (*this)[b].value));
        if (!signs_move) return none;
        if (is(a, Op::neg)) return neg(div((*this)[a].a, b));
        if (is(b, Op::neg)) return neg(div(a, (*this)[b].a));
        return none;
      case Op::pow:
        return is_constant(b) ? power(a, (*this)[b].value) : is_constant(a, 2) ? apply(Op::exp2, b) : none;
      case Op::min:
      case Op::max:
        return a == b ? a : none;
      case Op::select:
        if (is_constant(a)) return (*this)[a].value != 0 ? b : c;
        if (is_truth((*this)[a].op) && is_constant(b, 1) && is_constant(c, 0)) return a;
        return b == c ? b : none;
      default:
        return none;
    }
  }

  /// Small integer and half-integer exponents as products and roots; none for others.
  Id power(Id a, double exponent) {
    if (exponent == 0) return constant(1);
    if (exponent == 0.5) return apply(Op::sqrt, a);
    if (exponent == 1.5) return mul(a, apply(Op::sqrt, a));
    if (exponent < 0 && (exponent == -0.5 || exponent == -1.5 || is_small_integer(exponent)))
      return div(constant(1), power(a, -exponent));
    if (!is_small_integer(exponent)) return none;
    const int n = static_cast<int>(exponent);
    if (n == 1) return a;
    const Id half = power(a, n / 2), square = mul(half, half);
    return n % 2 ? mul(square, a) : square;
  }
  /// Up to 16 the products are within a few units in the last place, and cheaper than pow.
  static bool is_small_integer(double x) { return std::abs(x) <= 16 && x == std::floor(x); }
  static bool is_power_of_two(double x) {
    int exponent;
    return std::isfinite(x) && std::abs(std::frexp(x, &exponent)) == 0.5 && std::isnormal(1 / x);
  }

  static constexpr std::size_t most = 1'000'000;
  std::vector<Node> nodes_;
  std::unordered_map<Node, Id, Hash, Same> known_;
};

}  // namespace osculate::expr
