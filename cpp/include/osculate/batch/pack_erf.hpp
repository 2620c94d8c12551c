#pragma once
// erf and erfc. Below 1 (1/2 for erfc) erf(x) / x is an economized Maclaurin series (DLMF 7.6.1). Above,
// erfc(x) = exp(-x^2) R(x) up to 4 and exp(-x^2) (1/sqrt(pi) - R(1/x^2) / x^2) / x beyond, with the rational
// functions R of W. J. Cody (1969), Rational Chebyshev approximations for the error function, Math. Comp. 23,
// 631 (doi 10.1090/S0025-5718-1969-0247736-4), their coefficients as in his CALERF (SPECFUN, netlib). The
// rounding of x^2 is put right in erfc, where it would be an error of x^2 eps; to erf, 1 - erfc(x), it does
// not matter.

#include "pack_exp.hpp"

namespace osculate::batch::pack_detail {

template <class S>
struct ErfConstants {
  static constexpr bool single = std::is_same_v<S, float>;
  /// erf(x) / x - 1 = 2 / sqrt(pi) sum of (-x^2)^n / (n! (2 n + 1)) - 1
  static constexpr auto maclaurin = [] {
    std::array<long double, 24> c{};
    long double term = 1.12837916709551257389615890312154517169L;
    for (std::size_t n = 0; n < c.size(); ++n) {
      c[n] = term / static_cast<long double>(2 * n + 1);
      term /= -static_cast<long double>(n + 1);
    }
    c[0] -= 1;
    return economized<S, single ? 7 : 12>(c, 1.0L, true);
  }();
  static constexpr S inverse_sqrt_pi = static_cast<S>(0.564189583547756286948079451560772586L);
  /// Numerator and denominator from 0.46875 to 4, lowest power first.
  static constexpr std::array<S, 9> c{
      S(1.23033935479799725272e3), S(2.05107837782607146532e3),  S(1.71204761263407058314e3),
      S(8.81952221241769090411e2), S(2.98635138197400131132e2),  S(6.61191906371416294775e1),
      S(8.88314979438837594118e0), S(5.64188496988670089180e-1), S(2.15311535474403846343e-8)};
  static constexpr std::array<S, 9> d{
      S(1.23033935480374942043e3), S(3.43936767414372163696e3), S(4.36261909014324715820e3),
      S(3.29079923573345962678e3), S(1.62138957456669018874e3), S(5.37181101862009857509e2),
      S(1.17693950891312499305e2), S(1.57449261107098347253e1), S(1)};
  /// The same in 1/x^2 beyond 4.
  static constexpr std::array<S, 6> p{S(6.58749161529837803157e-4), S(1.60837851487422766278e-2),
                                      S(1.25781726111229246204e-1), S(3.60344899949804439429e-1),
                                      S(3.05326634961232344035e-1), S(1.63153871373020978498e-2)};
  static constexpr std::array<S, 6> q{S(2.33520497626869185443e-3), S(6.05183413124413191178e-2),
                                      S(5.27905102951428412248e-1), S(1.87295284992346047209e0),
                                      S(2.56852019228982242072e0),  S(1)};
};

template <class P>
XSIMD_INLINE P erf_below_1(const P& x) {
  return xsimd::fma(x, horner(x * x, ErfConstants<Scalar<P>>::maclaurin), x);
}

template <class P>
XSIMD_INLINE P erf(const P& x) {
  using S = Scalar<P>;
  using C = ErfConstants<S>;
  const P a = xsimd::abs(x), one(S(1));
  const auto small = a < one;
  const P near = erf_below_1(x);
  if (xsimd::all(small)) return near;
  const P b = xsimd::min(a, P(S(6)));  // erf rounds to 1 before, at 5.93
  const P far = xsimd::fnma(pack_detail::exp(-(b * b)), horner(b, C::c) / horner(b, C::d), one);
  return xsimd::select(small, near, with_sign_of(far, x));
}

/// The sum of c_i x^i, odd powers apart from even ones for less rounding, in twice the precision where they
/// meet.
template <class P, class S>
XSIMD_INLINE Double<P> by_parity(const P& x, const P& square, const std::array<S, 9>& c) {
  const std::array<S, 5> even{c[0], c[2], c[4], c[6], c[8]};
  const std::array<S, 4> odd{c[1], c[3], c[5], c[7]};
  const P a = horner(square, even);
  const auto b = product(x, horner(square, odd));
  const P high = a + b.high, part = high - a;  // Knuth's sum: either may be the larger
  return {high, ((a - (high - part)) + (b.high - part)) + b.low};
}

template <class P>
XSIMD_INLINE P erfc(const P& x) {
  using S = Scalar<P>;
  using C = ErfConstants<S>;
  const P one(S(1));
  const P a = xsimd::min(xsimd::abs(x), P(S(30)));  // erfc is 0 or 2 before, at 27.3
  const auto square = product(a, a);
  const P power = pack_detail::exp(-square.high, -square.low);
  const auto n = by_parity(a, square.high, C::c), d = by_parity(a, square.high, C::d);
  const P inverse = one / d.high, ratio = n.high * inverse;
  const auto back = product(ratio, d.high);
  const P rest = (((n.high - back.high) - back.low) + xsimd::fnma(ratio, d.low, n.low)) * inverse;
  P far = xsimd::fma(power, ratio, power * rest);
  const auto large = a > P(S(4));
  if (xsimd::any(large)) {
    const P z = one / square.high;
    const P tail = xsimd::fnma(z, horner(z, C::p) / horner(z, C::q), P(C::inverse_sqrt_pi));
    far = xsimd::select(large, power * tail / a, far);
  }
  far = xsimd::select(x < P(S(0)), P(S(2)) - far, far);
  return xsimd::select(a < P(S(0.5)), one - erf_below_1(x), far);
}

}  // namespace osculate::batch::pack_detail
