#pragma once
// sin, cos and tan. x = n pi/2 + r with pi/2 in parts, so that what cancels is exact (Cody & Waite 1980,
// chapter 8; with a fused product whole numbers serve as parts), and economized Taylor series of sin and cos
// in r^2. sin takes even n and cos odd n, |r| <= pi/2, so that each needs one series. The parts serve until
// |x| passes a limit; beyond it, where hardly any argument lies, each lane calls the standard library, which
// reduces exactly.

#include "pack_core.hpp"

namespace osculate::batch::pack_detail {

template <class S>
struct TrigConstants {
  static constexpr bool single = std::is_same_v<S, float>;
  static constexpr S limit = single ? S(1e4) : S(1e6);
  static constexpr S two_over_pi = static_cast<S>(0.636619772367581343075535053490057448L);
  static constexpr S one_over_pi = static_cast<S>(0.318309886183790671537767526745028724L);
  // The bits of pi/2 in turn: as many a part as S holds with fma, else so few (33; 11 in float) that n times
  // one is exact.
  static constexpr auto pi_over_two = [] {
    if constexpr (fused && !single)
      return std::array<S, 3>{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
    else if constexpr (fused)
      return std::array<S, 3>{0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
    else if constexpr (!single)
      return std::array<S, 4>{0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104};
    else
      return std::array<S, 4>{0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f, 0x1.68c234p-39f};
  }();

  static constexpr auto taylor(std::size_t first) {  // sum of (-1)^i x^i / (2 i + first)!
    std::array<long double, 16> c{};
    long double term = 1;
    for (std::size_t i = 1; i <= first; ++i) term /= static_cast<long double>(i);
    for (std::size_t i = 0; i < c.size(); ++i) {
      c[i] = term;
      term /= -static_cast<long double>((2 * i + first + 1) * (2 * i + first + 2));
    }
    return c;
  }
  /// (sin(r) / r - 1) / r^2 = -sum of (-r^2)^i / (2 i + 3)! for |r| <= pi/2, and for |r| <= pi/4.
  static constexpr auto sine = economized<S, single ? 5 : 9>(taylor(3), 2.4675L, true);
  static constexpr auto short_sine = economized<S, single ? 4 : 7>(taylor(3), 0.6169L, true);
  /// (cos(r) - 1 + r^2/2) / r^4 = sum of (-r^2)^i / (2 i + 4)! for |r| <= pi/4.
  static constexpr auto short_cosine = economized<S, single ? 3 : 6>(taylor(4), 0.6169L, true);
};

/// x - n pi/2.
template <class P>
XSIMD_INLINE P trig_reduce(const P& x, const P& n) {
  P r = x;
  for (const auto part : TrigConstants<Scalar<P>>::pi_over_two) r = xsimd::fnma(n, P(part), r);
  return r;
}

/// The sign bit where the lowest bit is set.
template <class P>
XSIMD_INLINE P odd_sign(const P& rounded) {
  return from_bits<P>(bits(rounded) << static_cast<int>(8 * sizeof(Scalar<P>) - 1));
}

template <class P>
XSIMD_INLINE P sine_kernel(const P& r) {
  const P z = r * r;
  return xsimd::fnma(z * r, horner(z, TrigConstants<Scalar<P>>::sine), r);
}

template <class P, class F>
XSIMD_INLINE P mend_huge(const P& y, const P& x, F f) {
  const auto huge = !(xsimd::abs(x) <= P(TrigConstants<Scalar<P>>::limit));
  if (xsimd::any(huge)) [[unlikely]]
    return mend_lanes(y, huge, f, x);
  return y;
}

template <class P>
XSIMD_INLINE P sin(const P& x) {
  using C = TrigConstants<Scalar<P>>;
  const P rounder(Layout<Scalar<P>>::rounder), a = xsimd::abs(x);
  const P rounded = xsimd::fma(a, P(C::one_over_pi), rounder), k = rounded - rounder;
  const P y = sine_kernel(trig_reduce(a, k + k)) ^ odd_sign(rounded) ^ xsimd::bitofsign(x);
  return mend_huge(y, x, [](Scalar<P> v) { return std::sin(v); });
}

/// cos(x) = -(-1)^k sin(x - (2 k + 1) pi/2).
template <class P>
XSIMD_INLINE P cos(const P& x) {
  using S = Scalar<P>;
  using C = TrigConstants<S>;
  const P rounder(Layout<S>::rounder), a = xsimd::abs(x);
  const P rounded = xsimd::fma(a, P(C::one_over_pi), P(S(-0.5))) + rounder, k = rounded - rounder;
  const P r = trig_reduce(a, k + k + P(S(1)));
  const P y = pack_detail::neg(sine_kernel(r) ^ odd_sign(rounded));
  return mend_huge(y, x, [](S v) { return std::cos(v); });
}

/// tan(r), or -1 / tan(r) for odd n.
template <class P>
XSIMD_INLINE P tan(const P& x) {
  using S = Scalar<P>;
  using C = TrigConstants<S>;
  const P rounder(Layout<S>::rounder), a = xsimd::abs(x);
  const P rounded = xsimd::fma(a, P(C::two_over_pi), rounder), n = rounded - rounder;
  const P r = trig_reduce(a, n), z = r * r;
  const P sine = xsimd::fnma(z * r, horner(z, C::short_sine), r);
  const P half_z = z * P(S(0.5)), head = P(S(1)) - half_z;  // 1 - z/2 and what it loses
  const P cosine = head + xsimd::fma(z * z, horner(z, C::short_cosine), (P(S(1)) - head) - half_z);
  const P sign = odd_sign(rounded);
  const auto odd = (sign | P(S(1))) < P(S(0));
  const P y = xsimd::select(odd, cosine, sine) / xsimd::select(odd, sine, cosine);
  return mend_huge(y ^ sign ^ xsimd::bitofsign(x), x, [](S v) { return std::tan(v); });
}

/// xsimd's, which is NaN where y and x are both 0 or both infinite.
template <class P>
XSIMD_INLINE P atan2(const P& y, const P& x) {
  using S = Scalar<P>;
  const P result = xsimd::atan2(y, x), ratio = y / x;
  const auto undefined = ratio != ratio;
  if (xsimd::any(undefined)) [[unlikely]]
    return mend_lanes(result, undefined, [](S a, S b) { return std::atan2(a, b); }, y, x);
  return result;
}

}  // namespace osculate::batch::pack_detail
