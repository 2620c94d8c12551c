#pragma once
// The error of a Pack's lane in units of the last place of the exact result's type, and random arguments.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "pack_functions.hpp"

namespace pack_test {

/// |got - exact| in ulps of S at the exact value; an infinity counts as 2^(the largest exponent + 1), so that
/// one beside the largest number is an error of one ulp. 0 where both are NaN, infinity where one is.
template <class S>
double ulps(S got, Wide<S> exact) {
  using W = Wide<S>;
  using limits = std::numeric_limits<S>;
  if (std::isnan(got) || std::isnan(exact)) {
    return std::isnan(got) == std::isnan(exact) ? 0 : std::numeric_limits<double>::infinity();
  }
  const W beyond = std::ldexp(W(1), limits::max_exponent);
  W wide = std::isinf(got) ? std::copysign(beyond, W(got)) : W(got);
  exact = std::fmax(-beyond, std::fmin(beyond, exact));
  int exponent = 0;
  std::frexp(std::fmin(std::fabs(exact), W(limits::max())), &exponent);
  exponent = std::max(exponent, limits::min_exponent) - limits::digits;
  return static_cast<double>(std::ldexp(std::fabs(wide - exact), -exponent));
}

/// Even in [low, high], and even in log|x| over [tiny, huge] with a random sign if asked.
template <class S>
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  S even(double low, double high) {
    const double u = static_cast<double>(random_() >> 11) * 0x1p-53;
    return static_cast<S>(low + (high - low) * u);
  }
  S spread(S tiny, S huge, bool both_signs) {  // also even over the denormals
    using Bits = std::conditional_t<std::is_same_v<S, float>, std::uint32_t, std::uint64_t>;
    const auto low = std::bit_cast<Bits>(tiny), high = std::bit_cast<Bits>(huge);
    const std::uint64_t word = random_();
    const S x = std::bit_cast<S>(static_cast<Bits>(low + word % (std::uint64_t(high) - low + 1)));
    return both_signs && random_() & 1 ? -x : x;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace pack_test
