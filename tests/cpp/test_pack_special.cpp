// Arguments at which functions of packs are prone to fail, one table for all; and that a lane's bits depend
// on nothing but its own arguments.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

#include "pack_error.hpp"

using namespace pack_test;

namespace {

template <class S>
std::vector<S> special_values() {
  using limits = std::numeric_limits<S>;
  constexpr bool single = std::is_same_v<S, float>;
  const double exp_end = single ? 88.72283905206835 : 709.782712893384;       // log(max)
  const double exp_tiny = single ? -103.97207708399179 : -745.1332191019412;  // log(denorm_min / 2)
  const double exp_min = single ? -87.33654475055310 : -708.3964185322641;    // log(min)
  std::vector<double> values{0,     0.25,  0.5,   0.75,  1,     1.5,   2,     2.5,         3,     3.75,
                             4,     5.92,  6,     8,     9.19,  10.06, 10.2,  19.06,       20,    22,
                             26.54, 27.2,  27.3,  37.5,  40,    53,    64,    100,         127,   128,
                             149,   150,   1000,  1023,  1024,  1074,  1075,  9999,        10001, 99999999,
                             1e5,   1e6,   1.1e6, 1e9,   1e22,  1e30,  2e38,  2147483647., 1e-3,  1e-5,
                             1e-8,  1e-16, 1e-30, 1e-38, 2e-39, 1e-44, 1. / 3};
  for (const double end : {exp_end, exp_tiny, exp_min, exp_end + std::numbers::ln2}) {
    for (const double factor : {1 - 1e-6, 1., 1 + 1e-6, 1 / std::numbers::ln2})
      values.push_back(std::fabs(end * factor));
  }
  for (int k = 1; k < 9; ++k) values.push_back(k * std::numbers::pi / 4);
  for (const double k : {100., 6366., 636619., 1e8}) values.push_back(k * std::numbers::pi / 2);
  if (!single)
    values.insert(values.end(),
                  {1e150, 1e154, 1e155, 1e200, 1.7e308, 1e-150, 1e-160, 1e-300, 3e-308, 2e-308, 1e-310});
  std::vector<S> all;
  for (const double v : values) {
    const S x = static_cast<S>(v);
    for (const S y : {x, std::nextafter(x, S(0)), std::nextafter(x, limits::max())})
      all.insert(all.end(), {y, -y});
  }
  for (const S v : {limits::infinity(), limits::max(), limits::min(), limits::denorm_min(), limits::epsilon(),
                    std::nextafter(limits::min(), S(0))}) {
    all.insert(all.end(), {v, -v});
  }
  all.push_back(limits::quiet_NaN());
  while (all.size() % batch::width<S>) all.push_back(1);
  return all;
}

/// Some of them, for all pairs.
template <class S>
std::vector<S> fewer_special_values() {
  using limits = std::numeric_limits<S>;
  std::vector<S> all{0,
                     S(0.5),
                     1,
                     S(1.5),
                     2,
                     S(2.5),
                     3,
                     S(1e5),
                     S(1e-5),
                     S(1) / 3,
                     S(2147483647),
                     S(1e30),
                     S(1e-30),
                     S(std::int64_t(1) << (limits::digits - 1)) + 1,
                     limits::infinity(),
                     limits::max(),
                     limits::min(),
                     limits::denorm_min(),
                     std::sqrt(limits::max()),
                     std::sqrt(limits::min()),
                     std::nextafter(limits::min(), S(0)),
                     std::nextafter(S(1), S(0)),
                     std::nextafter(S(1), S(2))};
  for (std::size_t i = 0, n = all.size(); i < n; ++i) all.push_back(-all[i]);
  all.push_back(limits::quiet_NaN());
  return all;
}

template <class S>
bool right(S got, Wide<S> exact, bool sign_of_zero) {
  const bool zero_sign = !sign_of_zero || got != 0 || std::signbit(got) == std::signbit(exact);
  const bool infinite = !std::isinf(exact) || got == static_cast<S>(exact);
  return ulps<S>(got, exact) <= 4 && zero_sign && infinite;
}

template <class T>
std::string text(const char* before, T x) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%s%.17Lg", before, static_cast<long double>(x));
  return buffer;
}

template <class S>
bool same_bits(S a, S b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

TEST_CASE_TEMPLATE("special arguments of functions of one pack", S, float, double) {
  std::string wrong;
  for (const auto& f : unary_functions<S>()) {
    for (const S x : special_values<S>()) {
      const S got = f.pack(batch::Pack<S>(x)).get(0);
      if (right(got, f.exact(x), true)) continue;
      wrong += f.name + text("(", x) + text(") = ", got) + text(", not ", f.exact(x)) + "\n";
    }
  }
  CHECK(wrong == "");
}

TEST_CASE_TEMPLATE("special arguments of functions of two packs", S, float, double) {
  const auto values = fewer_special_values<S>();
  std::string wrong;
  for (const auto& f : binary_functions<S>()) {
    const bool extremum = std::string(f.name).ends_with("min") || std::string(f.name).ends_with("max");
    for (const S x : values) {
      for (const S y : values) {
        const S got = f.pack(batch::Pack<S>(x), batch::Pack<S>(y)).get(0);
        if (right(got, f.exact(x, y), !extremum)) continue;
        wrong +=
            f.name + text("(", x) + text(", ", y) + text(") = ", got) + text(", not ", f.exact(x, y)) + "\n";
      }
    }
  }
  CHECK(wrong == "");
}

TEST_CASE_TEMPLATE("a lane's bits do not depend on the lane or on the other lanes", S, float, double) {
  constexpr int w = batch::width<S>;
  auto values = special_values<S>();
  Draw<S> draw(7);
  for (int i = 0; i < 50 * w; ++i) values.push_back(draw.even(-30, 30));
  for (int i = 0; i < 50 * w; ++i) values.push_back(draw.even(-1, 1));
  alignas(64) S x[w], y[w], out[w];
  for (int shift = 0; shift < 3; ++shift) {
    std::shuffle(values.begin(), values.end(), std::mt19937_64(11 + shift));
    bool same = true;
    for (std::size_t i = 0; i < values.size(); i += w) {
      for (int j = 0; j < w; ++j) x[j] = values[i + j], y[j] = values[(i + 5 * j + 1) % values.size()];
      const auto px = batch::Pack<S>::load_aligned(x), py = batch::Pack<S>::load_aligned(y);
      for (const auto& f : unary_functions<S>()) {
        f.pack(px).store_aligned(out);
        for (int j = 0; j < w; ++j) same = same && same_bits(out[j], f.pack(batch::Pack<S>(x[j])).get(0));
      }
      for (const auto& f : binary_functions<S>()) {
        f.pack(px, py).store_aligned(out);
        for (int j = 0; j < w; ++j) {
          same = same && same_bits(out[j], f.pack(batch::Pack<S>(x[j]), batch::Pack<S>(y[j])).get(0));
        }
      }
    }
    CHECK(same);
  }
}

TEST_CASE_TEMPLATE("comparisons, select and fma", S, float, double) {
  using batch::Pack;
  const S nan = std::numeric_limits<S>::quiet_NaN();
  const S values[] = {-1, 0, 2, nan};
  const auto holds = [](batch::PackMask<S> mask) {
    CHECK(xsimd::all(mask) == xsimd::any(mask));
    return xsimd::any(mask);
  };
  for (const S x : values) {
    CHECK(holds(batch::isnan(Pack<S>(x))) == std::isnan(x));
    for (const S y : values) {
      const Pack<S> a(x), b(y);
      CHECK(holds(batch::lt(a, b)) == (x < y));
      CHECK(holds(batch::le(a, b)) == (x <= y));
      CHECK(holds(batch::gt(a, b)) == (x > y));
      CHECK(holds(batch::ge(a, b)) == (x >= y));
      CHECK(holds(batch::eq(a, b)) == (x == y));
      CHECK(holds(batch::ne(a, b)) == (x != y));
      CHECK(same_bits(batch::select(batch::lt(a, b), a, b).get(0), x < y ? x : y));
      CHECK(same_bits(batch::fma(a, b, Pack<S>(S(0.5))).get(0), x * y + S(0.5)));
    }
  }
}

TEST_CASE_TEMPLATE("exp_of_several_packs_or_of_arguments_known_to_be_normal_has_the_bits_of_exp", S, float,
                   double) {
  using P = batch::Pack<S>;
  constexpr std::size_t packs = 4, w = static_cast<std::size_t>(batch::width<S>);
  constexpr S special[] = {std::numeric_limits<S>::quiet_NaN(), std::numeric_limits<S>::infinity(), S(1e6),
                           S(-1e6), std::is_same_v<S, float> ? S(-100) : S(-740)};
  const auto bits_of = [](const P& x, std::size_t lane) {
    S values[w];
    x.store_unaligned(values);
    return std::bit_cast<std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>>(values[lane]);
  };
  std::mt19937_64 rng(3);
  std::uniform_real_distribution<double> draw(-87, 87);
  for (int round = 0; round < 2000; ++round) {
    S x[packs * w];
    for (S& v : x) v = static_cast<S>(draw(rng));
    if (round % 2) x[rng() % (packs * w)] = special[static_cast<std::size_t>(round / 2) % 5];
    std::array<P, packs> together;
    for (std::size_t i = 0; i < packs; ++i) together[i] = P::load_unaligned(x + i * w);
    const auto given = together;
    batch::pack_detail::exp_each(together);
    for (std::size_t i = 0; i < packs; ++i) {
      const P wanted = batch::exp(given[i]), normal = batch::pack_detail::exp_normal(given[i]);
      for (std::size_t lane = 0; lane < w; ++lane) {
        CHECK(bits_of(together[i], lane) == bits_of(wanted, lane));
        if (std::abs(x[i * w + lane]) <= 87) CHECK(bits_of(normal, lane) == bits_of(wanted, lane));
      }
    }
  }
}
