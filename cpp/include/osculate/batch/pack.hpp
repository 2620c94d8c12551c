#pragma once
// W numbers in one SIMD register, W from the compiler's flags, and the functions that a tape may call on
// them. The register is xsimd's; the functions are exact to 4 ulp, also at 0, inf, NaN and denormals. Every
// one is elementwise and gives a lane the same bits whatever lies in the other lanes. They are not templates,
// so that an unqualified call means ours and not xsimd's of the same name, which argument-dependent lookup
// finds too.

#include <cstddef>
#include <xsimd/xsimd.hpp>

namespace osculate::batch {

template <class S>
using Pack = xsimd::batch<S>;
template <class S>
using PackMask = xsimd::batch_bool<S>;
/// Lanes of a Pack<S>.
template <class S>
inline constexpr int width = static_cast<int>(Pack<S>::size);

#define OSCULATE_PACK_1(name, expression)                                 \
  inline Pack<float> name(const Pack<float>& x) { return expression(x); } \
  inline Pack<double> name(const Pack<double>& x) { return expression(x); }
#define OSCULATE_PACK_2(name, expression)                                                          \
  inline Pack<float> name(const Pack<float>& x, const Pack<float>& y) { return expression(x, y); } \
  inline Pack<double> name(const Pack<double>& x, const Pack<double>& y) { return expression(x, y); }
#define OSCULATE_PACK_COMPARE(name, op)                                                      \
  inline PackMask<float> name(const Pack<float>& x, const Pack<float>& y) { return x op y; } \
  inline PackMask<double> name(const Pack<double>& x, const Pack<double>& y) { return x op y; }

OSCULATE_PACK_COMPARE(lt, <)
OSCULATE_PACK_COMPARE(le, <=)
OSCULATE_PACK_COMPARE(gt, >)
OSCULATE_PACK_COMPARE(ge, >=)
OSCULATE_PACK_COMPARE(eq, ==)
OSCULATE_PACK_COMPARE(ne, !=)

inline PackMask<float> isnan(const Pack<float>& x) { return x != x; }
inline PackMask<double> isnan(const Pack<double>& x) { return x != x; }
/// x where the mask is set, else y.
inline Pack<float> select(const PackMask<float>& mask, const Pack<float>& x, const Pack<float>& y) {
  return xsimd::select(mask, x, y);
}
inline Pack<double> select(const PackMask<double>& mask, const Pack<double>& x, const Pack<double>& y) {
  return xsimd::select(mask, x, y);
}
/// a b + c, rounded once where the processor can.
inline Pack<float> fma(const Pack<float>& a, const Pack<float>& b, const Pack<float>& c) {
  return xsimd::fma(a, b, c);
}
inline Pack<double> fma(const Pack<double>& a, const Pack<double>& b, const Pack<double>& c) {
  return xsimd::fma(a, b, c);
}

namespace detail {
// The comparison decides, so that a NaN in x goes through; one in y goes through the inner select.
template <class P>
P minimum(const P& x, const P& y) {
  return xsimd::select(x <= y || x != x, x, y);
}
template <class P>
P maximum(const P& x, const P& y) {
  return xsimd::select(x >= y || x != x, x, y);
}
template <class P>
P fmin(const P& x, const P& y) {
  return xsimd::select(x <= y || y != y, x, y);
}
template <class P>
P fmax(const P& x, const P& y) {
  return xsimd::select(x >= y || y != y, x, y);
}
template <class P>
P neg(const P& x) {
  return -x;
}
}  // namespace detail

/// NumPy's minimum and maximum: a NaN in either argument comes out.
OSCULATE_PACK_2(min, detail::minimum)
OSCULATE_PACK_2(max, detail::maximum)
/// A number, if there is one, before a NaN.
OSCULATE_PACK_2(fmin, detail::fmin)
OSCULATE_PACK_2(fmax, detail::fmax)
OSCULATE_PACK_1(neg, detail::neg)
OSCULATE_PACK_1(abs, xsimd::abs)
OSCULATE_PACK_1(sign, xsimd::sign)
OSCULATE_PACK_1(floor, xsimd::floor)
OSCULATE_PACK_1(ceil, xsimd::ceil)
OSCULATE_PACK_1(sqrt, xsimd::sqrt)
OSCULATE_PACK_1(cbrt, xsimd::cbrt)
OSCULATE_PACK_1(exp, xsimd::exp)
OSCULATE_PACK_1(exp2, xsimd::exp2)
OSCULATE_PACK_1(expm1, xsimd::expm1)
OSCULATE_PACK_1(log, xsimd::log)
OSCULATE_PACK_1(log2, xsimd::log2)
OSCULATE_PACK_1(log10, xsimd::log10)
OSCULATE_PACK_1(log1p, xsimd::log1p)
OSCULATE_PACK_1(sin, xsimd::sin)
OSCULATE_PACK_1(cos, xsimd::cos)
OSCULATE_PACK_1(tan, xsimd::tan)
OSCULATE_PACK_1(asin, xsimd::asin)
OSCULATE_PACK_1(acos, xsimd::acos)
OSCULATE_PACK_1(atan, xsimd::atan)
OSCULATE_PACK_1(sinh, xsimd::sinh)
OSCULATE_PACK_1(cosh, xsimd::cosh)
OSCULATE_PACK_1(tanh, xsimd::tanh)
OSCULATE_PACK_1(asinh, xsimd::asinh)
OSCULATE_PACK_1(acosh, xsimd::acosh)
OSCULATE_PACK_1(atanh, xsimd::atanh)
OSCULATE_PACK_1(erf, xsimd::erf)
OSCULATE_PACK_1(erfc, xsimd::erfc)
OSCULATE_PACK_2(pow, xsimd::pow)
OSCULATE_PACK_2(atan2, xsimd::atan2)
OSCULATE_PACK_2(hypot, xsimd::hypot)

#undef OSCULATE_PACK_1
#undef OSCULATE_PACK_2
#undef OSCULATE_PACK_COMPARE

}  // namespace osculate::batch
