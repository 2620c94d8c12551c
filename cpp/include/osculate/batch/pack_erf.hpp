#pragma once
// erf and erfc. Below 1 (3/4 for erfc) erf(x) / x is an economized Maclaurin series (DLMF 7.6.1). Above, erf
// is 1 - erfc(x) with the rational function of W. J. Cody (1969), Rational Chebyshev approximations for the
// error function, Math. Comp. 23, 631 (doi 10.1090/S0025-5718-1969-0247736-4), coefficients as in his CALERF
// (SPECFUN, netlib), and erfc is exp(-x^2) f(t) / (1 + 2 x), f a Chebyshev series in t = (x - 3) / (x + 3),
// after M. M. Shepherd and J. G. Laframboise (1981), Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in
// 0 <= x < inf, Math. Comp. 36, 249 (doi 10.1090/S0025-5718-1981-0595058-X). The rounding of x^2, which would
// be an error of x^2 eps, and that of 1 + 2 x are put right.

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
  /// erfc(x) = exp(-x^2) c(x) / d(x) from 0.46875 to 4 to 1e-18, and well enough for erf beyond.
  static constexpr std::array<S, 9> c{
      S(1.23033935479799725272e3), S(2.05107837782607146532e3),  S(1.71204761263407058314e3),
      S(8.81952221241769090411e2), S(2.98635138197400131132e2),  S(6.61191906371416294775e1),
      S(8.88314979438837594118e0), S(5.64188496988670089180e-1), S(2.15311535474403846343e-8)};
  static constexpr std::array<S, 9> d{
      S(1.23033935480374942043e3), S(3.43936767414372163696e3), S(4.36261909014324715820e3),
      S(3.29079923573345962678e3), S(1.62138957456669018874e3), S(5.37181101862009857509e2),
      S(1.17693950891312499305e2), S(1.57449261107098347253e1), S(1)};
  /// (1 + 2 x) exp(x^2) erfc(x) = sum of c_j T_j(t): with N = 120 points t_k = cos(pi (k + 1/2) / N),
  /// c_j = 2/N sum of f(t_k) cos(pi j (k + 1/2) / N), half of it for j = 0, in 60 digits.
  static constexpr auto scaled_erfc = powers<S, single ? 12 : 26>(std::array<long double, 26>{
      1.17756257419656004628L,         0.005353904539615676769415L,   -0.09377550342284209052199L,
      0.05436652555744322049533L,      -0.01897659670784520738562L,   0.004453426061462711569504L,
      -0.0006335531710553146939758L,   0.00001766171952317159185069L, 0.00001284153286405667073399L,
      -0.000002007228565905991443765L, -1.807522790414837102404e-7L,  7.549828343825092827773e-8L,
      1.885668523838602790507e-9L,     -2.699519049798363997456e-9L,  -1.460079119939104940759e-11L,
      1.036160744596948967586e-10L,    1.475715976623473008746e-12L,  -4.277340064396910824835e-12L,
      -2.079224928597989977827e-13L,   1.813450200317696242167e-13L,  1.97342557454473883351e-14L,
      -7.2879437375926731568e-15L,     -1.516987869022811568192e-15L, 2.351411225878140352473e-16L,
      1.000611169182166761116e-16L,    -2.0572528169538546196e-18L,
  });
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

template <class P>
XSIMD_INLINE P erfc(const P& x) {
  using S = Scalar<P>;
  const P one(S(1)), three(S(3));
  const P a = xsimd::min(xsimd::abs(x), P(S(30)));  // erfc is 0 or 2 before, at 27.3
  const P f = horner((a - three) / (a + three), ErfConstants<S>::scaled_erfc);
  const auto divisor = fast_sum(a + a, one), square = product(a, a);
  const P ratio = f / divisor.high;
  const P correction = xsimd::fma(divisor.low * P(S(0.9)), ratio, square.low);  // f is near 1.1
  P far = pack_detail::exp(-square.high, -correction) * ratio;
  far = xsimd::select(x < P(S(0)), P(S(2)) - far, far);
  return xsimd::select(a < P(S(0.75)), one - erf_below_1(x), far);
}

}  // namespace osculate::batch::pack_detail
