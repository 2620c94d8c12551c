#pragma once
// A graph in words: the expression of a node, with Python's operators and NumPy's names, and no more
// parentheses than needed.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "graph.hpp"

namespace osculate::expr {

/// What parameters, coordinates and arrays are called.
struct Names {
  std::function<std::string(int)> parameter, coordinate, array;
};

class Writer {
 public:
  /// Shared subexpressions are written out every time they are used; beyond `longest` characters "..."
  /// stands.
  Writer(const Graph& graph, const Names& names, std::size_t longest = 4000)
      : g_(graph), names_(names), longest_(longest) {}

  std::string operator()(Id root) {
    length_ = 0;
    return write(root, 0);
  }

  static std::string number(double value) {
    char text[40];
    if (std::abs(value) < 1e6 && value == std::floor(value)) {
      std::snprintf(text, sizeof text, "%.0f", value);
      return text;
    }
    for (int digits = 1; digits <= 17; ++digits) {  // the fewest that give the same number back
      std::snprintf(text, sizeof text, "%.*g", digits, value);
      if (std::strtod(text, nullptr) == value) break;
    }
    return text;
  }

 private:
  enum Binding { lowest, comparison, sum, product, sign, exponent };

  std::string write(Id id, int outer) {
    if ((length_ += 2) > longest_) return "...";
    const Node& n = g_[id];
    const auto infix = [&](const char* symbol, int binding, bool right_binds, bool swap = false) {
      const std::string left = write(swap ? n.b : n.a, binding);
      const std::string text = left + symbol + write(swap ? n.a : n.b, binding + right_binds);
      return binding < outer ? "(" + text + ")" : text;
    };
    switch (n.op) {
      case Op::constant:
        return n.value < 0 && outer > sum ? "(" + number(n.value) + ")" : number(n.value);
      case Op::parameter:
        return names_.parameter(n.a);
      case Op::coordinate:
        return names_.coordinate(n.a);
      case Op::array:
        return names_.array(n.a);
      case Op::neg: {
        const std::string text = "-" + write(n.a, product);  // -x*y is (-x)*y, which is the same
        return outer > sum ? "(" + text + ")" : text;
      }
      case Op::add:
        if (g_.is_constant(n.a) || g_.is_constant(n.b)) return shifted(n, outer);
        return infix(" + ", sum, false, is_leaf(n.a) && !is_leaf(n.b));
      case Op::sub:
        return infix(" - ", sum, true);
      case Op::mul:
        if (const auto [base, times] = whole_power(id, 4); times > 1) {
          const std::string text = write(base, exponent + 1) + "**" + std::to_string(times);
          return outer > exponent ? "(" + text + ")" : text;
        }
        return infix("*", product, false, place(n.b) < place(n.a));
      case Op::div:
        return infix("/", product, true);
      case Op::pow: {
        const std::string text = write(n.a, exponent + 1) + "**" + write(n.b, exponent);
        return outer > exponent ? "(" + text + ")" : text;
      }
      case Op::less:
        return infix(" < ", comparison, true);
      case Op::less_equal:
        return infix(" <= ", comparison, true);
      case Op::equal:
        return infix(" == ", comparison, true, g_.is_constant(n.a));
      case Op::not_equal:
        return infix(" != ", comparison, true, g_.is_constant(n.a));
      default: {
        std::string text = std::string(word(n.op)) + "(" + write(n.a, lowest);
        if (arity(n.op) > 1) text += ", " + write(n.b, lowest);
        if (arity(n.op) > 2) text += ", " + write(n.c, lowest);
        return text + ")";
      }
    }
  }

  bool is_leaf(Id id) const { return arity(g_[id].op) == 0; }

  /// A product of equal factors as base and exponent; a graph makes at most 16 of a power.
  std::pair<Id, int> whole_power(Id id, int depth) const {
    const Node& n = g_[id];
    if (n.op != Op::mul || depth == 0) return {id, 1};
    const auto [a, times] = whole_power(n.a, depth - 1);
    const auto [b, more] = whole_power(n.b, depth - 1);
    return a == b ? std::pair{a, times + more} : std::pair{id, 1};
  }

  /// The order of factors, which the graph has by number: constants, parameters, other leaves, the rest.
  int place(Id id) const { return std::min(static_cast<int>(g_[id].op), static_cast<int>(Op::neg)); }

  /// A sum with a constant.
  std::string shifted(const Node& n, int outer) {
    const Id rest = g_.is_constant(n.a) ? n.b : n.a;
    const double value = g_[g_.is_constant(n.a) ? n.a : n.b].value;
    const std::string size = number(std::abs(value)), other = write(rest, sum);
    const std::string text = value < 0 ? other + " - " + size : other + " + " + size;
    return sum < outer ? "(" + text + ")" : text;
  }

  static const char* word(Op op) {
    switch (op) {
      case Op::asin:
        return "arcsin";
      case Op::acos:
        return "arccos";
      case Op::atan:
        return "arctan";
      case Op::asinh:
        return "arcsinh";
      case Op::acosh:
        return "arccosh";
      case Op::atanh:
        return "arctanh";
      case Op::atan2:
        return "arctan2";
      case Op::min:
        return "minimum";
      case Op::max:
        return "maximum";
      case Op::select:
        return "where";
      case Op::logical_and:
        return "logical_and";
      case Op::logical_or:
        return "logical_or";
      case Op::logical_not:
        return "logical_not";
      default:
        return name(op);
    }
  }

  const Graph& g_;
  const Names& names_;
  std::size_t longest_, length_ = 0;
};

}  // namespace osculate::expr
