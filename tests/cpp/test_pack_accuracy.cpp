// Every function of batch/pack.hpp on 10^6 arguments: half of them even over the range where it varies, half
// even over the exponents, against the standard library in a wider type. 4 ulp is what architecture and
// documentation promise.
#include <doctest/doctest.h>

#include <string>

#include "pack_error.hpp"

using namespace pack_test;

namespace {

constexpr int points = 1'000'000;
constexpr double allowed = 4;

template <class S, std::size_t n>
struct Worst {
  double error = 0;
  std::array<S, n> at{};
  S got = 0;

  void see(double ulps_now, std::array<S, n> x, S y) {
    if (ulps_now > error) error = ulps_now, at = x, got = y;
  }
};

template <class S>
Worst<S, 1> worst(const Unary<S>& f) {
  constexpr int w = batch::width<S>;
  Draw<S> draw(20240607);
  Worst<S, 1> result;
  alignas(64) S x[w], y[w];
  for (int i = 0; i < points; i += w) {
    const bool spread = i / w % 2;
    for (S& v : x) v = spread ? draw.spread(f.tiny, f.huge, f.low < 0) : draw.even(f.low, f.high);
    f.pack(batch::Pack<S>::load_aligned(x)).store_aligned(y);
    for (int j = 0; j < w; ++j) result.see(ulps<S>(y[j], f.exact(x[j])), {x[j]}, y[j]);
  }
  return result;
}

/// Arguments of one size, of any size, of nearly the same size, and for pow with results of any size.
template <class S>
std::array<S, 2> arguments(Draw<S>& draw, bool power, int kind) {
  using limits = std::numeric_limits<S>;
  const auto any = [&] { return draw.spread(limits::denorm_min(), limits::max(), true); };
  std::array<S, 2> x{draw.even(-10, 10), draw.even(-10, 10)};
  if (kind == 1) x = {any(), any()};
  if (kind == 2 && !power) x[0] = any(), x[1] = x[0] * draw.even(-4, 4);
  if (kind == 2 && power) {
    x[0] = std::fabs(draw.even(0, 1) < 0.5 ? any() : draw.even(0.5, 2));
    x[1] = static_cast<S>(draw.even(limits::min_exponent * 0.7, limits::max_exponent * 0.7) / std::log(x[0]));
  }
  if (kind == 0 && power) x[0] = std::fabs(x[0]);
  return x;
}

template <class S>
Worst<S, 2> worst(const Binary<S>& f) {
  constexpr int w = batch::width<S>;
  Draw<S> draw(20240608);
  Worst<S, 2> result;
  alignas(64) S x[w], y[w], z[w];
  for (int i = 0; i < points; i += w) {
    for (int j = 0; j < w; ++j) {
      const auto drawn = arguments(draw, std::string(f.name) == "pow", i / w % 3);
      x[j] = drawn[0], y[j] = drawn[1];
    }
    f.pack(batch::Pack<S>::load_aligned(x), batch::Pack<S>::load_aligned(y)).store_aligned(z);
    for (int j = 0; j < w; ++j) result.see(ulps<S>(z[j], f.exact(x[j], y[j])), {x[j], y[j]}, z[j]);
  }
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("functions of one pack are exact to 4 ulp", S, float, double) {
  for (const auto& f : unary_functions<S>()) {
    const auto found = worst(f);
    CAPTURE(f.name);
    CAPTURE(found.at[0]);
    CAPTURE(found.got);
    CHECK(found.error <= allowed);
  }
}

TEST_CASE_TEMPLATE("functions of two packs are exact to 4 ulp", S, float, double) {
  for (const auto& f : binary_functions<S>()) {
    const auto found = worst(f);
    CAPTURE(f.name);
    CAPTURE(found.at[0]);
    CAPTURE(found.at[1]);
    CAPTURE(found.got);
    CHECK(found.error <= allowed);
  }
}
