#pragma once
// Random models that are smooth and of moderate size but for kinks, as a graph and as the plain list of
// operations that it was made from, which dual numbers evaluate with their derivatives.

#include <array>
#include <cmath>
#include <numbers>
#include <osculate/expr/graph.hpp>
#include <random>

namespace tests {

using osculate::expr::Graph, osculate::expr::Id, osculate::expr::Node, osculate::expr::Op;

constexpr int most_parameters = 9;

/// A number with its derivatives by the parameters.
struct Dual {
  double value = 0;
  std::array<double, most_parameters> slope{};
};

inline Dual dual(Op op, const Dual& a, const Dual& b, const Dual& c) {
  if (op == Op::select) return a.value != 0 ? b : c;
  if (op == Op::min) return a.value <= b.value ? a : b;
  if (op == Op::max) return a.value >= b.value ? a : b;
  Dual out{osculate::expr::evaluate(op, a.value, b.value)};
  const double x = a.value, y = b.value, v = out.value;
  double by_a = 0, by_b = 0;
  if (op == Op::neg) by_a = -1;
  if (op == Op::exp) by_a = v;
  if (op == Op::log) by_a = 1 / x;
  if (op == Op::sin) by_a = std::cos(x);
  if (op == Op::cos) by_a = -std::sin(x);
  if (op == Op::atan) by_a = 1 / (1 + x * x);
  if (op == Op::tanh) by_a = 1 - v * v;
  if (op == Op::sqrt) by_a = 0.5 / v;
  if (op == Op::erf) by_a = 2 * std::numbers::inv_sqrtpi * std::exp(-x * x);
  if (op == Op::add) by_a = by_b = 1;
  if (op == Op::sub) by_a = 1, by_b = -1;
  if (op == Op::mul) by_a = y, by_b = x;
  if (op == Op::div) by_a = 1 / y, by_b = -x / (y * y);
  for (std::size_t k = 0; k < out.slope.size(); ++k) out.slope[k] = by_a * a.slope[k] + by_b * b.slope[k];
  return out;
}

class RandomModel {
 public:
  Graph graph{};
  Id root = osculate::expr::none;

  RandomModel(unsigned seed, int coordinates, int parameters, int operations) : bits_(seed) {
    for (int k = 0; k < parameters; ++k) leaf({.op = Op::parameter, .a = k}, graph.parameter(k));
    for (int k = 0; k < coordinates; ++k) leaf({.op = Op::coordinate, .a = k}, graph.coordinate(k));
    for (const double v : {0.0, 1.0, -1.0, 2.0, 3.0}) leaf({.value = v}, graph.constant(v));
    const int constant = parameters + coordinates;  // 0, and after it 1
    for (int k = 0; k < operations; ++k) {
      const int a = any(), b = any();
      const auto above_one = [&](int of) { return step(Op::add, step(Op::mul, of, of), constant + 1); };
      const auto between = [&](int of) { return step(Op::tanh, of); };  // keeps products moderate
      switch (bits_() % 17) {
        case 0:
          step(Op::add, a, b);
          break;
        case 1:
          step(Op::sub, a, b);
          break;
        case 2:
          step(Op::mul, a, between(b));
          break;
        case 3:
          step(Op::mul, between(a), b);
          break;
        case 4:
          step(Op::div, a, above_one(b));
          break;
        case 5:
          step(Op::exp, step(Op::neg, step(Op::mul, a, a)));
          break;
        case 6:
          step(Op::sin, a);
          break;
        case 7:
          step(Op::cos, a);
          break;
        case 8:
          step(Op::atan, a);
          break;
        case 9:
          step(Op::sqrt, above_one(a));
          break;
        case 10:
          step(Op::min, a, b);
          break;
        case 11:
          step(Op::max, a, b);
          break;
        case 12:
          step(Op::select, step(Op::less, a, b), any(), any());
          break;
        case 13:
          step(Op::neg, a);
          break;
        case 14:
          step(Op::mul, a, constant + 2 + static_cast<int>(bits_() % 3));
          break;
        case 15:
          step(Op::div, a, constant + 3 + static_cast<int>(bits_() % 2));
          break;
        default:
          step(Op::log, above_one(a));
          break;
      }
    }
    int sum = parameters + coordinates + 5;
    for (int k = sum + 1; k < static_cast<int>(ids_.size()); k += 3) sum = step(Op::add, sum, k);
    root = ids_[size(sum)];
  }

  /// Value and derivatives at a point, with `size` the largest number on the way.
  Dual operator()(const double* x, const double* p, double& largest) const {
    std::vector<Dual> at;
    largest = 1;
    const auto of = [&](Id id) { return id < 0 ? Dual{} : at[size(id)]; };
    for (const Node& n : steps_) {
      Dual d;
      if (n.op == Op::constant)
        d.value = n.value;
      else if (n.op == Op::coordinate)
        d.value = x[n.a];
      else if (n.op == Op::parameter)
        d.value = p[n.a], d.slope[size(n.a)] = 1;
      else
        d = dual(n.op, of(n.a), of(n.b), of(n.c));
      largest = std::max(largest, std::abs(d.value));
      for (const double s : d.slope) largest = std::max(largest, std::abs(s));
      at.push_back(d);
    }
    return at.back();
  }

 private:
  static std::size_t size(int n) { return static_cast<std::size_t>(n); }
  int any() { return static_cast<int>(bits_() % ids_.size()); }
  void leaf(const Node& node, Id id) { steps_.push_back(node), ids_.push_back(id); }
  int step(Op op, int a, int b = -1, int c = -1) {
    const auto of = [&](int k) { return k < 0 ? osculate::expr::none : ids_[size(k)]; };
    leaf({.op = op, .a = a, .b = b, .c = c}, graph.apply(op, of(a), of(b), of(c)));
    return static_cast<int>(ids_.size()) - 1;
  }

  std::mt19937_64 bits_;
  std::vector<Node> steps_;
  std::vector<Id> ids_;
};

/// An even number in [-size, size), the same with every standard library.
inline double even(std::mt19937_64& bits, double size) {
  return size * (std::ldexp(static_cast<double>(bits() >> 11), -52) - 1);
}

}  // namespace tests
