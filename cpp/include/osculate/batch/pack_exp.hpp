#pragma once
// exp and what follows from it. x = k ln 2 + r with |r| <= ln(2) / 2, ln 2 in two parts of which k times the
// first is exact (Cody & Waite 1980, Software Manual for the Elementary Functions, chapter 6), exp(r) by its
// economized Taylor series, and 2^k into the exponent. expm1(x) = 2^k (exp(r) - 1) + (2^k - 1); the
// hyperbolic functions are quotients of these.

#include "pack_core.hpp"

namespace osculate::batch::pack_detail {

template <class S>
struct ExpConstants {
  static constexpr bool single = std::is_same_v<S, float>;
  static constexpr S log2_e = static_cast<S>(1.442695040888963407359924681001892137L);
  // ln 2 = high + low, high being its first 32 bits (15 in float).
  static constexpr S ln2_high = single ? S(0x1.62e4p-1) : S(0x1.62e42feep-1);
  static constexpr S ln2_low = single ? S(0x1.7f7d1cp-20) : S(0x1.a39ef35793c76p-33);
  static constexpr S ln2 = static_cast<S>(0.693147180559945309417232121458176568L);
  // exp is 0 below and infinite above; up to `normal` in size, 2^k and exp(r) 2^k are normal numbers.
  static constexpr S lowest = single ? S(-104) : S(-745.2), highest = single ? S(88.8) : S(709.8);
  static constexpr S normal = single ? S(87) : S(708);
  static constexpr S lowest2 = single ? S(-150) : S(-1075), highest2 = single ? S(128) : S(1024);
  static constexpr S normal2 = single ? S(125) : S(1021);
  static constexpr S expm1_lowest = single ? S(-20) : S(-40);  // expm1 is -1 below

  /// (exp(r) - 1 - r) / r^2 = sum of r^i / (i + 2)!
  static constexpr auto coefficients = [] {
    std::array<long double, 20> c{};
    long double factorial = 1;
    for (std::size_t i = 0; i < c.size(); ++i) c[i] = 1 / (factorial *= static_cast<long double>(i + 2));
    return economized<S, single ? 5 : 10>(c, 0.3466L, false);
  }();
};

/// x between limits that do not stop a NaN.
template <class P>
XSIMD_INLINE P clamp(const P& x, Scalar<P> low, Scalar<P> high) {
  return xsimd::max(xsimd::min(x, P(high)), P(low));
}

/// x = k ln 2 + r; rounded holds k in its lowest bits.
template <class P>
struct ExpReduced {
  P k, r, rounded;
};
template <class P>
XSIMD_INLINE ExpReduced<P> exp_reduce(const P& x) {
  using C = ExpConstants<Scalar<P>>;
  const P rounder(Layout<Scalar<P>>::rounder);
  const P rounded = xsimd::fma(x, P(C::log2_e), rounder);
  const P k = rounded - rounder;
  const P r = xsimd::fnma(k, P(C::ln2_low), xsimd::fnma(k, P(C::ln2_high), x));
  return {k, r, rounded};
}

/// p 2^k for p near 1, also where that overflows or is denormal.
template <class P>
XSIMD_INLINE P scale_any(const P& p, const P& k) {
  const P rounder(Layout<Scalar<P>>::rounder);
  const P half = xsimd::fma(k, P(Scalar<P>(0.5)), rounder), rest = (k - (half - rounder)) + rounder;
  return p * power_of_two(half) * power_of_two(rest);
}
#if defined(__AVX512F__)
template <class A>
XSIMD_INLINE xsimd::batch<double, A> scale(const xsimd::batch<double, A>& p,
                                           const xsimd::batch<double, A>& k) {
  return _mm512_scalef_pd(p, k);
}
template <class A>
XSIMD_INLINE xsimd::batch<float, A> scale(const xsimd::batch<float, A>& p, const xsimd::batch<float, A>& k) {
  return _mm512_scalef_ps(p, k);
}
#endif

/// p 2^k where that is a normal number; rounded holds k in its lowest bits.
template <class P>
XSIMD_INLINE P scale_normal(const P& p, const P& rounded) {
  return from_bits<P>(bits(p) + (bits(rounded) << Layout<Scalar<P>>::mantissa));
}

/// exp(r) 2^k, where |x| is at most `normal` without a look at its size.
template <class P>
XSIMD_INLINE P exp_finish(const P& p, const P& k, [[maybe_unused]] const P& rounded,
                          [[maybe_unused]] const P& x, [[maybe_unused]] Scalar<P> normal) {
#if defined(__AVX512F__)
  if constexpr (sizeof(P) == 64) return scale(p, k);
#endif
  if (!xsimd::all(xsimd::abs(x) <= P(normal))) [[unlikely]]
    return scale_any(p, k);  // NaN too
  return scale_normal(p, rounded);
}

template <class P>
XSIMD_INLINE P exp_kernel(const P& r) {
  const P one(Scalar<P>(1));
  return xsimd::fma(xsimd::fma(horner(r, ExpConstants<Scalar<P>>::coefficients), r, one), r, one);
}

template <class P>
XSIMD_INLINE P exp_by_series(const P& x) {
  using C = ExpConstants<Scalar<P>>;
  const P in = clamp(x, C::lowest, C::highest);
  const auto q = exp_reduce(in);
  return exp_finish(exp_kernel(q.r), q.k, q.rounded, in, C::normal);
}

#if defined(__AVX512F__)
/// As above with k in steps of 1 / 16: 2^k is an element of a table that two registers hold times a power of
/// two, and the series for |r| <= ln(2) / 32 is short (Tang, ACM Trans. Math. Softw. 15, 1989).
struct ExpTable {
  static constexpr auto powers = [] {  // 2^(i / 16), by four square roots of 2
    std::array<double, 16> t{};
    long double root = 2;
    for (int halvings = 0; halvings < 4; ++halvings) {
      long double y = root / 2 + 0.5L;
      for (int step = 0; step < 12; ++step) y = (y + root / y) / 2;  // Newton's method
      root = y;
    }
    long double power = 1;
    for (double& element : t) element = static_cast<double>(power), power *= root;
    return t;
  }();
  static constexpr auto coefficients = [] {
    std::array<long double, 20> c{};
    long double factorial = 1;
    for (std::size_t i = 0; i < c.size(); ++i) c[i] = 1 / (factorial *= static_cast<long double>(i + 2));
    return economized<double, 5>(c, 0.02167L, false);
  }();
};
template <class A>
XSIMD_INLINE xsimd::batch<double, A> exp_by_table(const xsimd::batch<double, A>& in) {
  using P = xsimd::batch<double, A>;
  using C = ExpConstants<double>;
  const P rounder(Layout<double>::rounder / 16);
  const P rounded = xsimd::fma(in, P(C::log2_e), rounder), k = rounded - rounder;  // in steps of 1 / 16
  const P r = xsimd::fnma(k, P(C::ln2_low), xsimd::fnma(k, P(C::ln2_high), in));
  const P low = P::load_unaligned(ExpTable::powers.data()),
          high = P::load_unaligned(ExpTable::powers.data() + 8);
  const P power =
      _mm512_permutex2var_pd(low, _mm512_castpd_si512(rounded), high);  // by the bits of k's fraction
  const P e = xsimd::fma(horner(r, ExpTable::coefficients) * r, r, r);
  return _mm512_scalef_pd(xsimd::fma(power, e, power), k);  // which takes the floor of k
}
#endif

template <class P>
XSIMD_INLINE P exp(const P& x) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<Scalar<P>, double> && sizeof(P) == 64)
    return exp_by_table(clamp(x, ExpConstants<double>::lowest, ExpConstants<double>::highest));
#endif
  return exp_by_series(x);
}

/// exp(x) where |x| is at most ExpConstants::normal.
template <class P>
XSIMD_INLINE P exp_normal(const P& x) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<Scalar<P>, double> && sizeof(P) == 64) return exp_by_table(x);
#endif
  const auto q = exp_reduce(x);
  return scale_normal(exp_kernel(q.r), q.rounded);
}

/// exp of several packs, with the same bits: worked on in turns, their operations do not wait for each other.
template <class P, std::size_t n>
XSIMD_INLINE void exp_each(std::array<P, n>& x) {
  using C = ExpConstants<Scalar<P>>;
  auto normal = xsimd::abs(x[0]) <= P(C::normal);
  for (std::size_t i = 1; i < n; ++i) normal = normal & (xsimd::abs(x[i]) <= P(C::normal));
  if (!xsimd::all(normal)) [[unlikely]] {
    for (P& v : x) v = pack_detail::exp(v);
    return;
  }
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<Scalar<P>, double> && sizeof(P) == 64) {
    for (P& v : x) v = exp_by_table(v);
    return;
  }
#endif
  std::array<ExpReduced<P>, n> q;
  std::array<P, n> p;
  for (std::size_t i = 0; i < n; ++i) q[i] = exp_reduce(x[i]), p[i] = P(C::coefficients.back());
  for (std::size_t k = C::coefficients.size() - 1; k > 0; --k)
    for (std::size_t i = 0; i < n; ++i) p[i] = xsimd::fma(p[i], q[i].r, P(C::coefficients[k - 1]));
  for (int twice = 0; twice < 2; ++twice)
    for (std::size_t i = 0; i < n; ++i) p[i] = xsimd::fma(p[i], q[i].r, P(Scalar<P>(1)));
  for (std::size_t i = 0; i < n; ++i) x[i] = scale_normal(p[i], q[i].rounded);
}

/// exp(x + low), |low| far below 1.
template <class P>
XSIMD_INLINE P exp(const P& x, const P& low) {
  using C = ExpConstants<Scalar<P>>;
  const P in = clamp(x, C::lowest, C::highest);
  const auto q = exp_reduce(in);
  return exp_finish(exp_kernel(q.r + low), q.k, q.rounded, in, C::normal);
}

template <class P>
XSIMD_INLINE P exp2(const P& x) {
  using C = ExpConstants<Scalar<P>>;
  const P rounder(Layout<Scalar<P>>::rounder);
  const P in = clamp(x, C::lowest2, C::highest2);
  const P rounded = in + rounder, k = rounded - rounder;
  return exp_finish(exp_kernel((in - k) * P(C::ln2)), k, rounded, in, C::normal2);
}

/// (exp(x) - 1) / 4, exact but for tiny x, and finite beyond where exp(x) / 2 overflows.
template <class P>
XSIMD_INLINE P quarter_expm1(const P& x) {
  using S = Scalar<P>;
  using C = ExpConstants<S>;
  const auto q = exp_reduce(clamp(x, C::expm1_lowest, C::highest + S(0.8)));
  const P e = xsimd::fma(horner(q.r, C::coefficients) * q.r, q.r, q.r);
  const P power = power_of_two(q.rounded - P(S(2)));  // 2^k / 4
  return xsimd::fma(power, e, power - P(S(0.25)));
}

template <class P>
XSIMD_INLINE P expm1(const P& x) {
  return tiny_is_itself(x, quarter_expm1(x) * P(Scalar<P>(4)));
}

/// h + h / (2 h + 1) with h = (exp|x| - 1) / 2.
template <class P>
XSIMD_INLINE P sinh(const P& x) {
  const P quarter = quarter_expm1(xsimd::abs(x)), h = quarter + quarter;
  const P large(Scalar<P>(1) / std::numeric_limits<Scalar<P>>::epsilon());
  const P y = xsimd::select(h > large, h, h + h / (h + h + P(Scalar<P>(1))));
  return tiny_is_itself(x, with_sign_of(y, x));
}

/// e + 1 / (4 e) with e = exp|x| / 2.
template <class P>
XSIMD_INLINE P cosh(const P& x) {
  const P quarter = quarter_expm1(xsimd::abs(x)), e = (quarter + quarter) + P(Scalar<P>(0.5));
  return e + P(Scalar<P>(0.25)) / e;
}

/// q / (q + 1/2) with q = (exp|2 x| - 1) / 4.
template <class P>
XSIMD_INLINE P tanh(const P& x) {
  using S = Scalar<P>;
  const P a = xsimd::min(xsimd::abs(x), P(std::is_same_v<S, float> ? S(10) : S(20)));  // tanh is 1 above
  const P q = quarter_expm1(a + a);
  return tiny_is_itself(x, with_sign_of(q / (q + P(S(0.5))), x));
}

}  // namespace osculate::batch::pack_detail
