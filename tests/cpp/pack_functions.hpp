#pragma once
// The functions of batch/pack.hpp with what they are tested against: the same function of the standard
// library in a wider type, and the arguments that are drawn.

#include <cmath>
#include <limits>
#include <numbers>
#include <osculate/batch/pack.hpp>
#include <type_traits>
#include <vector>

namespace pack_test {

namespace batch = osculate::batch;
template <class S>
using Wide = std::conditional_t<std::is_same_v<S, float>, double, long double>;

/// Arguments are drawn evenly from [low, high] and evenly in log|x| from [tiny, huge], with both signs if low
/// < 0.
template <class S>
struct Unary {
  const char* name;
  batch::Pack<S> (*pack)(batch::Pack<S>);
  Wide<S> (*exact)(Wide<S>);
  double low, high;
  S tiny = std::numeric_limits<S>::denorm_min(), huge = std::numeric_limits<S>::max();
};

template <class S>
struct Binary {
  const char* name;
  batch::Pack<S> (*pack)(batch::Pack<S>, batch::Pack<S>);
  Wide<S> (*exact)(Wide<S>, Wide<S>);
};

template <class W>
W sign_of(W x) {
  return std::isnan(x) ? x : W((x > 0) - (x < 0));
}

template <class S>
const std::vector<Unary<S>>& unary_functions() {
  using W = Wide<S>;
  constexpr double top = std::is_same_v<S, float> ? 89 : 710;  // exp overflows here
  constexpr double bottom = std::is_same_v<S, float> ? -104 : -746;
  constexpr S one = 1;
#define OSCULATE_TEST_UNARY(name, ...)                                      \
  {                                                                         \
    #name, &batch::name, [](W x) -> W { return std::name(x); }, __VA_ARGS__ \
  }
  static const std::vector<Unary<S>> functions{
      {"neg", &batch::neg, [](W x) -> W { return -x; }, -10, 10},
      {"sign", &batch::sign, [](W x) -> W { return sign_of(x); }, -10, 10},
      OSCULATE_TEST_UNARY(abs, -10, 10),
      OSCULATE_TEST_UNARY(floor, -1000, 1000),
      OSCULATE_TEST_UNARY(ceil, -1000, 1000),
      OSCULATE_TEST_UNARY(sqrt, 0, 100),
      OSCULATE_TEST_UNARY(cbrt, -100, 100),
      OSCULATE_TEST_UNARY(exp, bottom, top),
      OSCULATE_TEST_UNARY(exp2, bottom / std::numbers::ln2, top / std::numbers::ln2),
      OSCULATE_TEST_UNARY(expm1, -60, top),
      OSCULATE_TEST_UNARY(log, 0, 4),
      OSCULATE_TEST_UNARY(log2, 0, 4),
      OSCULATE_TEST_UNARY(log10, 0, 4),
      OSCULATE_TEST_UNARY(log1p, -1, 4, one * std::numeric_limits<S>::denorm_min(), one),
      OSCULATE_TEST_UNARY(sin, -100, 100),
      OSCULATE_TEST_UNARY(cos, -100, 100),
      OSCULATE_TEST_UNARY(tan, -100, 100),
      OSCULATE_TEST_UNARY(asin, -1, 1, one * std::numeric_limits<S>::denorm_min(), one),
      OSCULATE_TEST_UNARY(acos, -1, 1, one * std::numeric_limits<S>::denorm_min(), one),
      OSCULATE_TEST_UNARY(atan, -10, 10),
      OSCULATE_TEST_UNARY(sinh, -top - 1, top + 1),
      OSCULATE_TEST_UNARY(cosh, -top - 1, top + 1),
      OSCULATE_TEST_UNARY(tanh, -20, 20),
      OSCULATE_TEST_UNARY(asinh, -10, 10),
      OSCULATE_TEST_UNARY(acosh, 1, 10, one),
      OSCULATE_TEST_UNARY(atanh, -1, 1, one * std::numeric_limits<S>::denorm_min(), one),
      OSCULATE_TEST_UNARY(erf, -6, 6),
      OSCULATE_TEST_UNARY(erfc, -6, 28),
  };
#undef OSCULATE_TEST_UNARY
  return functions;
}

template <class W>
W minimum(W x, W y) {
  return std::isnan(x) ? x : std::isnan(y) ? y : std::fmin(x, y);
}
template <class W>
W maximum(W x, W y) {
  return std::isnan(x) ? x : std::isnan(y) ? y : std::fmax(x, y);
}

template <class S>
const std::vector<Binary<S>>& binary_functions() {
  using W = Wide<S>;
  static const std::vector<Binary<S>> functions{
      {"min", &batch::min, [](W x, W y) { return minimum(x, y); }},
      {"max", &batch::max, [](W x, W y) { return maximum(x, y); }},
      {"fmin", &batch::fmin, [](W x, W y) -> W { return std::fmin(x, y); }},
      {"fmax", &batch::fmax, [](W x, W y) -> W { return std::fmax(x, y); }},
      {"hypot", &batch::hypot, [](W x, W y) -> W { return std::hypot(x, y); }},
      {"atan2", &batch::atan2, [](W x, W y) -> W { return std::atan2(x, y); }},
      {"pow", &batch::pow, [](W x, W y) -> W { return std::pow(x, y); }},
  };
  return functions;
}

}  // namespace pack_test
