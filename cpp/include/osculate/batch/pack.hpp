#pragma once
// W numbers in one SIMD register, W from the compiler's flags, and the functions that a tape may call on
// them. The register is xsimd's, and so are the functions it has right; the others are in pack_exp.hpp,
// pack_log.hpp, pack_trig.hpp and pack_erf.hpp. All are exact to 4 ulp, also at 0, inf, NaN and denormals,
// and give a lane the same bits whatever lies in the other lanes. They are not templates, so that in this
// namespace a call without it means ours; outside, write batch::exp, because exp alone would be xsimd's.

#include <xsimd/xsimd.hpp>

#include "pack_erf.hpp"
#include "pack_exp.hpp"
#include "pack_log.hpp"
#include "pack_trig.hpp"

namespace osculate::batch {

template <class S>
using Pack = xsimd::batch<S>;
template <class S>
using PackMask = xsimd::batch_bool<S>;
/// Lanes of a Pack<S>.
template <class S>
inline constexpr int width = static_cast<int>(Pack<S>::size);

#define OSCULATE_PACK_1(name, function)                          \
  inline Pack<float> name(Pack<float> x) { return function(x); } \
  inline Pack<double> name(Pack<double> x) { return function(x); }
#define OSCULATE_PACK_2(name, function)                                            \
  inline Pack<float> name(Pack<float> x, Pack<float> y) { return function(x, y); } \
  inline Pack<double> name(Pack<double> x, Pack<double> y) { return function(x, y); }
#define OSCULATE_PACK_COMPARE(name, op)                                        \
  inline PackMask<float> name(Pack<float> x, Pack<float> y) { return x op y; } \
  inline PackMask<double> name(Pack<double> x, Pack<double> y) { return x op y; }

OSCULATE_PACK_COMPARE(lt, <)
OSCULATE_PACK_COMPARE(le, <=)
OSCULATE_PACK_COMPARE(gt, >)
OSCULATE_PACK_COMPARE(ge, >=)
OSCULATE_PACK_COMPARE(eq, ==)
OSCULATE_PACK_COMPARE(ne, !=)

inline PackMask<float> isnan(Pack<float> x) { return x != x; }
inline PackMask<double> isnan(Pack<double> x) { return x != x; }
/// x where the mask is set, else y.
inline Pack<float> select(PackMask<float> mask, Pack<float> x, Pack<float> y) {
  return xsimd::select(mask, x, y);
}
inline Pack<double> select(PackMask<double> mask, Pack<double> x, Pack<double> y) {
  return xsimd::select(mask, x, y);
}
/// a b + c, rounded once where the processor can.
inline Pack<float> fma(Pack<float> a, Pack<float> b, Pack<float> c) { return xsimd::fma(a, b, c); }
inline Pack<double> fma(Pack<double> a, Pack<double> b, Pack<double> c) { return xsimd::fma(a, b, c); }

namespace pack_detail {
// A comparison with a NaN is false and selects y; the second one lets a NaN in x through, or a number beside
// a NaN in y.
template <class P>
XSIMD_INLINE P minimum(const P& x, const P& y) {
  return xsimd::select(x <= y || x != x, x, y);
}
template <class P>
XSIMD_INLINE P maximum(const P& x, const P& y) {
  return xsimd::select(x >= y || x != x, x, y);
}
template <class P>
XSIMD_INLINE P fmin(const P& x, const P& y) {
  return xsimd::select(x <= y || y != y, x, y);
}
template <class P>
XSIMD_INLINE P fmax(const P& x, const P& y) {
  return xsimd::select(x >= y || y != y, x, y);
}
}  // namespace pack_detail

/// NumPy's minimum and maximum: a NaN in either argument comes out.
OSCULATE_PACK_2(min, pack_detail::minimum)
OSCULATE_PACK_2(max, pack_detail::maximum)
/// A number, if there is one, before a NaN.
OSCULATE_PACK_2(fmin, pack_detail::fmin)
OSCULATE_PACK_2(fmax, pack_detail::fmax)
OSCULATE_PACK_1(neg, pack_detail::neg)
OSCULATE_PACK_1(abs, xsimd::abs)
OSCULATE_PACK_1(sign, xsimd::sign)
OSCULATE_PACK_1(floor, xsimd::floor)
OSCULATE_PACK_1(ceil, xsimd::ceil)
OSCULATE_PACK_1(sqrt, xsimd::sqrt)
OSCULATE_PACK_1(cbrt, pack_detail::cbrt)
OSCULATE_PACK_1(exp, pack_detail::exp)
OSCULATE_PACK_1(exp2, pack_detail::exp2)
OSCULATE_PACK_1(expm1, pack_detail::expm1)
OSCULATE_PACK_1(log, pack_detail::log)
OSCULATE_PACK_1(log2, pack_detail::log2)
OSCULATE_PACK_1(log10, pack_detail::log10)
OSCULATE_PACK_1(log1p, pack_detail::log1p)
OSCULATE_PACK_1(sin, pack_detail::sin)
OSCULATE_PACK_1(cos, pack_detail::cos)
OSCULATE_PACK_1(tan, pack_detail::tan)
OSCULATE_PACK_1(asin, xsimd::asin)
OSCULATE_PACK_1(acos, xsimd::acos)
OSCULATE_PACK_1(atan, xsimd::atan)
OSCULATE_PACK_1(sinh, pack_detail::sinh)
OSCULATE_PACK_1(cosh, pack_detail::cosh)
OSCULATE_PACK_1(tanh, pack_detail::tanh)
OSCULATE_PACK_1(asinh, pack_detail::asinh)
OSCULATE_PACK_1(acosh, pack_detail::acosh)
OSCULATE_PACK_1(atanh, xsimd::atanh)
OSCULATE_PACK_1(erf, pack_detail::erf)
OSCULATE_PACK_1(erfc, pack_detail::erfc)
OSCULATE_PACK_2(pow, pack_detail::pow)
OSCULATE_PACK_2(atan2, pack_detail::atan2)
OSCULATE_PACK_2(hypot, pack_detail::hypot)

#undef OSCULATE_PACK_1
#undef OSCULATE_PACK_2
#undef OSCULATE_PACK_COMPARE

}  // namespace osculate::batch
