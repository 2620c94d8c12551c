#pragma once
// What one operation of a tape does to packs.

#include "../expr/operation.hpp"
#include "pack.hpp"

namespace osculate::batch::detail {

constexpr bool is_exponential(expr::Op op) {
  using expr::Op;
  return op == Op::exp || op == Op::exp_mul || op == Op::exp_line || op == Op::exp_bell;
}
template <class S, expr::Op op>
XSIMD_INLINE Pack<S> exponent(const Pack<S>& a, [[maybe_unused]] const Pack<S>& b,
                              [[maybe_unused]] const Pack<S>& c) {
  if constexpr (op == expr::Op::exp_mul) return a * b;
  if constexpr (op == expr::Op::exp_line) return (a - b) * c;
  if constexpr (op == expr::Op::exp_bell) return (a - b) * (a - b) * c;
  return a;
}

template <class S, expr::Op op>
XSIMD_INLINE Pack<S> operate(const Pack<S>& a, [[maybe_unused]] const Pack<S>& b = {},
                             [[maybe_unused]] const Pack<S>& c = {}) {
  using expr::Op;
  const Pack<S> zero(S(0)), one(S(1));
  const auto truth = [&](const PackMask<S>& mask) { return xsimd::select(mask, one, zero); };
  if constexpr (op == Op::constant) return a;
  if constexpr (op == Op::neg) return batch::neg(a);
  if constexpr (op == Op::abs) return batch::abs(a);
  if constexpr (op == Op::sign) return batch::sign(a);
  if constexpr (op == Op::floor) return batch::floor(a);
  if constexpr (op == Op::ceil) return batch::ceil(a);
  if constexpr (op == Op::sqrt) return batch::sqrt(a);
  if constexpr (op == Op::cbrt) return batch::cbrt(a);
  if constexpr (is_exponential(op)) return batch::exp(exponent<S, op>(a, b, c));
  if constexpr (op == Op::exp2) return batch::exp2(a);
  if constexpr (op == Op::expm1) return batch::expm1(a);
  if constexpr (op == Op::log) return batch::log(a);
  if constexpr (op == Op::log2) return batch::log2(a);
  if constexpr (op == Op::log10) return batch::log10(a);
  if constexpr (op == Op::log1p) return batch::log1p(a);
  if constexpr (op == Op::sin) return batch::sin(a);
  if constexpr (op == Op::cos) return batch::cos(a);
  if constexpr (op == Op::tan) return batch::tan(a);
  if constexpr (op == Op::asin) return batch::asin(a);
  if constexpr (op == Op::acos) return batch::acos(a);
  if constexpr (op == Op::atan) return batch::atan(a);
  if constexpr (op == Op::sinh) return batch::sinh(a);
  if constexpr (op == Op::cosh) return batch::cosh(a);
  if constexpr (op == Op::tanh) return batch::tanh(a);
  if constexpr (op == Op::asinh) return batch::asinh(a);
  if constexpr (op == Op::acosh) return batch::acosh(a);
  if constexpr (op == Op::atanh) return batch::atanh(a);
  if constexpr (op == Op::erf) return batch::erf(a);
  if constexpr (op == Op::erfc) return batch::erfc(a);
  if constexpr (op == Op::logical_not) return truth(a == zero);
  if constexpr (op == Op::add) return a + b;
  if constexpr (op == Op::sub) return a - b;
  if constexpr (op == Op::mul) return a * b;
  if constexpr (op == Op::div) return a / b;
  if constexpr (op == Op::pow) return batch::pow(a, b);
  if constexpr (op == Op::atan2) return batch::atan2(a, b);
  if constexpr (op == Op::hypot) return batch::hypot(a, b);
  if constexpr (op == Op::min) return batch::min(a, b);
  if constexpr (op == Op::max) return batch::max(a, b);
  if constexpr (op == Op::less) return truth(a < b);
  if constexpr (op == Op::less_equal) return truth(a <= b);
  if constexpr (op == Op::equal) return truth(a == b);
  if constexpr (op == Op::not_equal) return truth(a != b);
  if constexpr (op == Op::logical_and) return truth((a != zero) & (b != zero));
  if constexpr (op == Op::logical_or) return truth((a != zero) | (b != zero));
  if constexpr (op == Op::select) return xsimd::select(a != zero, b, c);
  if constexpr (op == Op::fma) return xsimd::fma(a, b, c);
  if constexpr (op == Op::fms) return xsimd::fms(a, b, c);
  if constexpr (op == Op::fnma) return xsimd::fnma(a, b, c);
}

}  // namespace osculate::batch::detail
