#pragma once
// log, pow and their kin. x = 2^k m, m from sqrt(1/2) to sqrt(2), and log(m) = 2 artanh(s), s = (m - 1) / (m
// + 1), by an economized series in s^2; log sums the parts as FreeBSD's e_log.c does, pow in numbers of twice
// the precision (Dekker 1971), since the error of log(x) is multiplied by y. A lane that is not a positive
// normal number calls the standard library: xsimd's log2, log10 and cbrt are wrong for denormal arguments.

#include "pack_exp.hpp"

namespace osculate::batch::pack_detail {

template <class S>
struct LogConstants {
  static constexpr bool single = std::is_same_v<S, float>;
  using Int = typename Layout<S>::Int;
  static constexpr Int one = Int(Layout<S>::bias) << Layout<S>::mantissa;
  static constexpr Int sqrt_half = single ? Int(0x3f3504f3) : Int(0x3fe6a09e667f3bcd);
  static constexpr Int mantissa = (Int(1) << Layout<S>::mantissa) - 1;
  /// Its lowest bits count ones.
  static constexpr S counter = S(std::int64_t(1) << Layout<S>::mantissa);

  static constexpr auto series(std::size_t first) {  // sum of 2 z^i / (2 i + first)
    std::array<long double, 20> c{};
    for (std::size_t i = 0; i < c.size(); ++i) c[i] = 2 / static_cast<long double>(2 * i + first);
    return c;
  }
  static constexpr long double widest = 0.02944L;  // s^2 at m = sqrt(2)
  static constexpr auto from_third = economized<S, single ? 4 : 7>(series(3), widest, true);
  static constexpr auto from_fifth = economized<S, single ? 3 : 7>(series(5), widest, true);
  // 2/3 = high + low
  static constexpr S third_high = single ? S(0x1.555556p-1) : S(0x1.5555555555555p-1);
  static constexpr S third_low = single ? S(-0x1.555556p-26) : S(0x1.5555555555555p-55);
};

/// x = 2^k (1 + f) for positive normal x.
template <class P>
struct Split {
  P k, f;
};
template <class P>
XSIMD_INLINE Split<P> split(const P& x) {
  using S = Scalar<P>;
  using C = LogConstants<S>;
  using U = std::make_unsigned_t<typename C::Int>;
  const Bits<P> shifted = bits(x) + Bits<P>(C::one - C::sqrt_half);
  const auto exponent = xsimd::bitwise_cast<U>(shifted) >> Layout<S>::mantissa;
  const P counted = xsimd::bitwise_cast<S>(exponent) | P(C::counter);
  const P m = from_bits<P>((shifted & Bits<P>(C::mantissa)) + Bits<P>(C::sqrt_half));
  return {counted - P(C::counter + S(Layout<S>::bias)), m - P(S(1))};
}

/// y with f(x) where x is not a positive normal number.
template <class P, class F>
XSIMD_INLINE P mend_abnormal(const P& y, const P& x, F f) {
  using limits = std::numeric_limits<Scalar<P>>;
  const auto normal = x >= P(limits::min()) && x <= P(limits::max());
  if (!xsimd::all(normal)) [[unlikely]]
    return mend_lanes(y, !normal, f, x);
  return y;
}

template <class P>
XSIMD_INLINE P log(const P& x) {
  using S = Scalar<P>;
  using C = LogConstants<S>;
  using E = ExpConstants<S>;
  const auto [k, f] = split(x);
  const P s = f / (f + P(S(2))), z = s * s, half_square = f * f * P(S(0.5));
  const P rest = xsimd::fma(s, xsimd::fma(z, horner(z, C::from_third), half_square), k * P(E::ln2_low));
  return mend_abnormal(xsimd::fma(k, P(E::ln2_high), f - (half_square - rest)), x,
                       [](S v) { return std::log(v); });
}

template <class P>
XSIMD_INLINE P log2(const P& x) {
  return mend_abnormal(xsimd::log2(x), x, [](Scalar<P> v) { return std::log2(v); });
}
template <class P>
XSIMD_INLINE P log10(const P& x) {
  return mend_abnormal(xsimd::log10(x), x, [](Scalar<P> v) { return std::log10(v); });
}
template <class P>
XSIMD_INLINE P cbrt(const P& x) {
  const P a = xsimd::abs(x);
  return with_sign_of(mend_abnormal(xsimd::cbrt(a), a, [](Scalar<P> v) { return std::cbrt(v); }), x);
}

template <class P>
XSIMD_INLINE P log1p(const P& x) {
  return tiny_is_itself(x, xsimd::log1p(x));  // xsimd's is 0 at -0
}
template <class P>
XSIMD_INLINE P acosh(const P& x) {
  using S = Scalar<P>;
  return xsimd::select(x < P(S(1)), P(std::numeric_limits<S>::quiet_NaN()), xsimd::acosh(x));
}

/// log1p(a + a^2 / (1 + sqrt(1 + a^2))) for a = |x|, log(a) + log(2) where a^2 would overflow.
template <class P>
XSIMD_INLINE P asinh(const P& x) {
  using S = Scalar<P>;
  const P a = xsimd::abs(x), one(S(1)), square = a * a;
  const auto large = a > P(S(1) / std::numeric_limits<S>::epsilon());
  const P argument = a + square / (one + xsimd::sqrt(one + square));
  const P y = xsimd::log1p(xsimd::select(large, a, argument));
  return with_sign_of(xsimd::select(large, y + P(ExpConstants<S>::ln2), y), x);
}

/// log(x) for positive normal x, in twice the precision.
template <class P>
XSIMD_INLINE Double<P> log_double(const P& x, const P& power) {
  using S = Scalar<P>;
  using C = LogConstants<S>;
  using E = ExpConstants<S>;
  const auto [exponent, f] = split(x);
  const P k = exponent - power, two(S(2));
  // s = f / (2 + f)
  const P sum = two + f, sum_low = f - (sum - two), inverse = P(S(1)) / sum;
  const P s = f * inverse;
  const auto back = product(s, sum);
  const P s_low = ((f - back.high) - back.low - s * sum_low) * inverse;
  // z = s^2, c = s z, t = 2/3 + 2 z / 5 + ...
  const auto z = product(s, s);
  const P z_low = xsimd::fma(s + s, s_low, z.low);
  const auto c = product(s, z.high);
  const P c_low = xsimd::fma(s, z_low, xsimd::fma(s_low, z.high, c.low));
  auto t = fast_sum(P(C::third_high), z.high * horner(z.high, C::from_fifth));
  t.low += P(C::third_low);
  const auto u = product(c.high, t.high);
  const P u_low = xsimd::fma(c.high, t.low, xsimd::fma(c_low, t.high, u.low));
  // k ln 2 + 2 s + u
  const auto first = fast_sum(k * P(E::ln2_high), s + s);
  const auto second = fast_sum(first.high, u.high);
  const P low = (first.low + second.low) + xsimd::fma(k, P(E::ln2_low), xsimd::fma(two, s_low, u_low));
  return fast_sum(second.high, low);
}

/// exp(y log|x|), signed for odd y and x < 0.
template <class P>
XSIMD_INLINE P pow(const P& x, const P& y) {
  using S = Scalar<P>;
  using limits = std::numeric_limits<S>;
  const P zero(S(0)), one(S(1)), a = xsimd::abs(x);
  const auto denormal = a < P(limits::min());
  const P power(S(limits::digits));
  const P scaled = xsimd::select(denormal, a * P(S(std::int64_t(1) << limits::digits)), a);
  const auto log_a = log_double(scaled, xsimd::select(denormal, power, zero));
  const P high = xsimd::select(a == zero, P(-limits::infinity()), log_a.high);
  const auto z = product(y, high);
  const auto moderate = xsimd::abs(z.high) < P(S(1000)) && z.high != zero;  // else z.low may be NaN
  const P z_low = xsimd::select(moderate, xsimd::fma(y, log_a.low, z.low), zero);
  P w = pack_detail::exp(z.high, z_low);
  w = xsimd::select(y == zero || x == one, one, w);
  const auto negative = (xsimd::bitofsign(x) | one) < zero;
  if (xsimd::any(negative)) {
    const P floor = xsimd::floor(y), half = y * P(S(0.5));
    const auto integer = floor == y, odd = integer && xsimd::floor(half) != half;
    w = xsimd::select(odd && negative, pack_detail::neg(w), w);
    w = xsimd::select(!integer && x < zero, P(limits::quiet_NaN()), w);
  }
  const auto finite = a <= P(limits::max()) && xsimd::abs(y) <= P(limits::max());
  if (!xsimd::all(finite)) [[unlikely]]
    return mend_lanes(w, !finite, [](S v, S e) { return std::pow(v, e); }, x, y);
  return w;
}

/// sqrt(x^2 + y^2), both scaled by a power of two where a square could overflow or underflow.
template <class P>
XSIMD_INLINE P hypot(const P& x, const P& y) {
  using S = Scalar<P>;
  using limits = std::numeric_limits<S>;
  constexpr int shift = limits::max_exponent / 2 + limits::digits;
  constexpr S up = power_constant<S>(shift), down = 1 / up;
  const P a = xsimd::abs(x), b = xsimd::abs(y), one(S(1)), large = xsimd::max(a, b);
  const auto high = large > P(power_constant<S>(limits::max_exponent / 2 - 1));
  const auto low = large < P(S(1) / power_constant<S>(limits::max_exponent / 2 - limits::digits));
  const P factor = xsimd::select(high, P(down), xsimd::select(low, P(up), one));
  const P back = xsimd::select(high, P(up), xsimd::select(low, P(down), one));
  const P u = a * factor, v = b * factor;
  const P root = xsimd::sqrt(xsimd::fma(u, u, v * v)) * back;
  const P infinity(limits::infinity());
  return xsimd::select(a == infinity || b == infinity, infinity, root);
}

}  // namespace osculate::batch::pack_detail
