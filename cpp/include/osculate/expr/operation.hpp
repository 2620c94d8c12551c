#pragma once
// The operations a model may be made of: elementwise functions of real numbers. Truth is a number too: a
// comparison gives 1 or 0, and what is not 0 is true.

#include <cmath>
#include <cstdint>
#include <limits>

namespace osculate::expr {

enum class Op : std::uint8_t {
  // leaves
  constant,
  parameter,
  coordinate,
  array,  ///< a number a data point that the model brings along
  // of one argument
  neg,
  abs,
  sign,
  floor,
  ceil,
  sqrt,
  cbrt,
  exp,
  exp2,
  expm1,
  log,
  log2,
  log10,
  log1p,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  erf,
  erfc,
  logical_not,
  // of two
  add,
  sub,
  mul,
  div,
  pow,
  atan2,
  hypot,
  min,  ///< NaN where one argument is, as numpy.minimum
  max,
  less,
  less_equal,
  equal,
  not_equal,
  logical_and,
  logical_or,
  // of three
  select,    ///< a != 0 ? b : c
  fma,       ///< a * b + c; a tape makes this and the following, a graph has none
  fms,       ///< a * b - c
  fnma,      ///< c - a * b
  exp_line,  ///< exp((a - b) * c)
  exp_bell,  ///< exp((a - b)^2 * c)
  exp_mul,   ///< exp(a * b)
};

constexpr int operations = static_cast<int>(Op::exp_mul) + 1;

constexpr int arity(Op op) {
  if (op < Op::neg) return 0;
  if (op < Op::add) return 1;
  return op < Op::select || op == Op::exp_mul ? 2 : 3;
}

constexpr bool commutes(Op op) {
  return op == Op::add || op == Op::mul || op == Op::equal || op == Op::not_equal || op == Op::hypot ||
         op == Op::logical_and || op == Op::logical_or;
}

/// Whether an operation gives 1 or 0 and nothing else.
constexpr bool is_truth(Op op) { return op == Op::logical_not || (op >= Op::less && op <= Op::logical_or); }

constexpr const char* name(Op op) {
  constexpr const char* names[operations] = {
      "constant", "parameter", "coordinate", "array",      "neg",      "abs",       "sign",   "floor",
      "ceil",     "sqrt",      "cbrt",       "exp",        "exp2",     "expm1",     "log",    "log2",
      "log10",    "log1p",     "sin",        "cos",        "tan",      "asin",      "acos",   "atan",
      "sinh",     "cosh",      "tanh",       "asinh",      "acosh",    "atanh",     "erf",    "erfc",
      "not",      "add",       "sub",        "mul",        "div",      "pow",       "atan2",  "hypot",
      "min",      "max",       "less",       "less_equal", "equal",    "not_equal", "and",    "or",
      "select",   "fma",       "fms",        "fnma",       "exp_line", "exp_bell",  "exp_mul"};
  return names[static_cast<int>(op)];
}

/// One operation on plain numbers: what constants are folded with, and the reference of every faster version.
inline double evaluate(Op op, double a, double b = 0, double c = 0) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  switch (op) {
    case Op::neg:
      return -a;
    case Op::abs:
      return std::abs(a);
    case Op::sign:
      return a > 0 ? 1 : a < 0 ? -1 : a;  // NaN and the zeros stay
    case Op::floor:
      return std::floor(a);
    case Op::ceil:
      return std::ceil(a);
    case Op::sqrt:
      return std::sqrt(a);
    case Op::cbrt:
      return std::cbrt(a);
    case Op::exp:
      return std::exp(a);
    case Op::exp2:
      return std::exp2(a);
    case Op::expm1:
      return std::expm1(a);
    case Op::log:
      return std::log(a);
    case Op::log2:
      return std::log2(a);
    case Op::log10:
      return std::log10(a);
    case Op::log1p:
      return std::log1p(a);
    case Op::sin:
      return std::sin(a);
    case Op::cos:
      return std::cos(a);
    case Op::tan:
      return std::tan(a);
    case Op::asin:
      return std::asin(a);
    case Op::acos:
      return std::acos(a);
    case Op::atan:
      return std::atan(a);
    case Op::sinh:
      return std::sinh(a);
    case Op::cosh:
      return std::cosh(a);
    case Op::tanh:
      return std::tanh(a);
    case Op::asinh:
      return std::asinh(a);
    case Op::acosh:
      return std::acosh(a);
    case Op::atanh:
      return std::atanh(a);
    case Op::erf:
      return std::erf(a);
    case Op::erfc:
      return std::erfc(a);
    case Op::logical_not:
      return a == 0;
    case Op::add:
      return a + b;
    case Op::sub:
      return a - b;
    case Op::mul:
      return a * b;
    case Op::div:
      return a / b;
    case Op::pow:
      return std::pow(a, b);
    case Op::atan2:
      return std::atan2(a, b);
    case Op::hypot:
      return std::hypot(a, b);
    case Op::min:
      return std::isnan(a) || std::isnan(b) ? nan : std::fmin(a, b);
    case Op::max:
      return std::isnan(a) || std::isnan(b) ? nan : std::fmax(a, b);
    case Op::less:
      return a < b;
    case Op::less_equal:
      return a <= b;
    case Op::equal:
      return a == b;
    case Op::not_equal:
      return a != b;
    case Op::logical_and:
      return a != 0 && b != 0;
    case Op::logical_or:
      return a != 0 || b != 0;
    case Op::select:
      return a != 0 ? b : c;
    case Op::fma:
      return std::fma(a, b, c);
    case Op::fms:
      return std::fma(a, b, -c);
    case Op::fnma:
      return std::fma(-a, b, c);
    case Op::exp_line:
      return std::exp((a - b) * c);
    case Op::exp_bell:
      return std::exp((a - b) * (a - b) * c);
    case Op::exp_mul:
      return std::exp(a * b);
    default:
      return nan;  // a leaf
  }
}

}  // namespace osculate::expr
