#pragma once
// What the functions of pack_*.hpp are made of: bits of floating-point lanes, polynomials, products and sums
// without error, and the way out for a rare lane. Coefficients are computed by the compiler: a Taylor series
// is cut by Chebyshev polynomials, whose error is nearly the least of any polynomial of that degree
// (economization, Lanczos 1956, Applied Analysis, chapter 7). Products and sums without error are Dekker's
// (1971, Numer. Math. 18, 224, doi 10.1007/BF01397083).

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <xsimd/xsimd.hpp>

namespace osculate::batch::pack_detail {

#if defined(__FMA__) || defined(__AVX512F__) || defined(__ARM_FEATURE_FMA)
inline constexpr bool fused = true;  // a b + c is rounded once
#else
inline constexpr bool fused = false;
#endif

template <class P>
using Scalar = typename P::value_type;
template <class P>
using Bits = xsimd::as_integer_t<P>;
template <class P>
using Mask = typename P::batch_bool_type;

/// The integer type of S's size, its mantissa and the numbers that select an exponent.
template <class S>
struct Layout {
  using Int = std::conditional_t<std::is_same_v<S, float>, std::int32_t, std::int64_t>;
  static constexpr int mantissa = std::numeric_limits<S>::digits - 1;
  static constexpr int bias = std::numeric_limits<S>::max_exponent - 1;
  /// Added to |x| < 2^(mantissa - 1), it leaves x rounded to an integer in the lowest bits.
  static constexpr S rounder = S(1.5) * S(std::int64_t(1) << mantissa);
};

template <class P>
XSIMD_INLINE Bits<P> bits(const P& x) {
  return xsimd::bitwise_cast<typename Bits<P>::value_type>(x);
}
template <class P>
XSIMD_INLINE P from_bits(const Bits<P>& x) {
  return xsimd::bitwise_cast<Scalar<P>>(x);
}

/// -x also for x = 0, where xsimd's 0 - x is 0.
template <class P>
XSIMD_INLINE P neg(const P& x) {
  return x ^ P(Scalar<P>(-0.0));
}
template <class P>
XSIMD_INLINE P with_sign_of(const P& magnitude, const P& x) {
  return magnitude ^ xsimd::bitofsign(x);
}
template <class P>
XSIMD_INLINE P tiny_is_itself(const P& x, const P& y) {
  return xsimd::select(xsimd::abs(x) < P(std::numeric_limits<Scalar<P>>::epsilon() / 4), x, y);
}

template <class S>
constexpr S power_constant(int k) {
  S p = 1;
  for (int i = 0; i < k; ++i) p *= 2;
  return p;
}

/// 2^k of the integer that a number plus Layout::rounder has in its lowest bits, within the exponents of
/// normal numbers.
template <class P>
XSIMD_INLINE P power_of_two(const P& rounded) {
  using L = Layout<Scalar<P>>;
  return from_bits<P>((bits(rounded) << L::mantissa) + Bits<P>(typename L::Int(L::bias) << L::mantissa));
}

template <class P, class S, std::size_t n>
XSIMD_INLINE P horner(const P& x, const std::array<S, n>& c) {
  P sum(c[n - 1]);
  for (std::size_t i = n - 1; i > 0; --i) sum = xsimd::fma(sum, x, P(c[i - 1]));
  return sum;
}

/// T_degree(x) by powers of x.
template <std::size_t size>
constexpr std::array<long double, size> chebyshev(std::size_t degree) {
  std::array<long double, size> last{}, now{};
  last[0] = 1;
  now[1] = 1;
  if (degree == 0) return last;
  for (std::size_t n = 1; n < degree; ++n) {
    std::array<long double, size> next{};
    for (std::size_t i = 0; i + 1 < size; ++i) next[i + 1] = 2 * now[i];
    for (std::size_t i = 0; i < size; ++i) next[i] -= last[i];
    last = now;
    now = next;
  }
  return now;
}

/// The first n coefficients of a polynomial that equals sum of c_i x^i, i < m, on [-width, width] but for the
/// least error; if one_sided on [0, width].
template <class S, std::size_t n, std::size_t m>
constexpr std::array<S, n> economized(std::array<long double, m> c, long double width, bool one_sided) {
  for (std::size_t degree = m - 1; degree >= n; --degree) {
    // On [0, 1], T_degree(2 x - 1) = T_2degree(sqrt x), whose odd powers are zero.
    const auto t = chebyshev<2 * m>(one_sided ? 2 * degree : degree);
    const auto at = [&](std::size_t i) { return t[one_sided ? 2 * i : i]; };
    long double scale = c[degree] / at(degree);
    c[degree] = 0;
    for (std::size_t i = degree; i > 0; --i) c[i - 1] -= (scale *= width) * at(i - 1);
  }
  std::array<S, n> out{};
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<S>(c[i]);
  return out;
}

/// The coefficients by powers of x of the first n terms of sum of c_j T_j(x).
template <class S, std::size_t n, std::size_t m>
constexpr std::array<S, n> powers(const std::array<long double, m>& c) {
  std::array<long double, n> sum{};
  for (std::size_t j = 0; j < n; ++j) {
    const auto t = chebyshev<n + 1>(j);
    for (std::size_t i = 0; i < n; ++i) sum[i] += c[j] * t[i];
  }
  std::array<S, n> out{};
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<S>(sum[i]);
  return out;
}

/// A number as an unevaluated sum, |low| <= ulp(high) / 2.
template <class P>
struct Double {
  P high, low;
};

/// a + b without error, for |a| >= |b| or a = 0.
template <class P>
XSIMD_INLINE Double<P> fast_sum(const P& a, const P& b) {
  const P high = a + b;
  return {high, (a - high) + b};
}

/// a b without error, of which high is given.
template <class P>
XSIMD_INLINE P product_error(const P& a, const P& b, const P& high) {
  if constexpr (fused) {
    return xsimd::fms(a, b, high);
  } else {
    const P splitter(static_cast<Scalar<P>>((std::int64_t(1) << (Layout<Scalar<P>>::mantissa / 2 + 1)) + 1));
    const P wide_a = a * splitter, wide_b = b * splitter;
    const P a1 = wide_a - (wide_a - a), b1 = wide_b - (wide_b - b), a2 = a - a1, b2 = b - b1;
    return ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2;
  }
}
template <class P>
XSIMD_INLINE Double<P> product(const P& a, const P& b) {
  P high = a * b;  // as fma(a, b, -0), the compiler cannot fuse it with a sum that comes later
  if constexpr (fused) high = xsimd::fma(a, b, P(Scalar<P>(-0.0)));
  return {high, product_error(a, b, high)};
}

/// y with f(x...) in the rare lanes that the mask selects.
template <class P, class F, class... X>
#if defined(__GNUC__)
__attribute__((noinline, cold))
#endif
P mend_lanes(const P& y, const Mask<P>& rare, F f, const X&... x) {
  alignas(P) Scalar<P> out[P::size];
  alignas(P) Scalar<P> in[sizeof...(X)][P::size];
  y.store_aligned(out);
  std::size_t k = 0;
  (x.store_aligned(in[k++]), ...);
  const auto lanes = rare.mask();
  for (std::size_t i = 0; i < P::size; ++i) {
    if (!(lanes >> i & 1)) continue;
    if constexpr (sizeof...(X) == 1) out[i] = f(in[0][i]);
    if constexpr (sizeof...(X) == 2) out[i] = f(in[0][i], in[1][i]);
  }
  return P::load_aligned(out);
}

}  // namespace osculate::batch::pack_detail
