// Exponentials of lines and parabolas at equally spaced points, against long double.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <osculate/batch/spaced_exp.hpp>
#include <random>
#include <vector>

using namespace osculate::batch;

namespace {

std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

/// Points, and a row of lanes of shifts and rates.
template <class S>
struct Case {
  std::vector<S> x{};
  Rows<S> shift{1}, rate{1};

  std::ptrdiff_t points() const { return std::ssize(x); }

  /// Values of the points [first, last), a row of lanes each.
  std::vector<S> operator()(bool bell, std::ptrdiff_t first, std::ptrdiff_t last) const {
    return values(bell ? Exponent::bell : Exponent::line, first, last);
  }
  std::vector<S> values(Exponent form, std::ptrdiff_t first, std::ptrdiff_t last) const {
    const auto distance = spacing(x.data(), points());
    REQUIRE(distance);
    SpacedExp<S> e(form, x.data(), *distance, shift.data(), rate.data());
    e.prepare();
    Rows<S> out(size(last - first));
    e(first, last - first, out.data());
    return {out.data(), out.data() + (last - first) * lanes<S>};
  }

  long double exact(bool bell, std::ptrdiff_t i, int lane) const {
    const long double d = static_cast<long double>(x[size(i)]) - static_cast<long double>(shift[0][lane]);
    return std::exp((bell ? d * d : d) * static_cast<long double>(rate[0][lane]));
  }
};

template <class S>
std::vector<S> grid(double first, double last, std::ptrdiff_t n) {
  std::vector<S> x(size(n));
  for (std::ptrdiff_t i = 0; i < n; ++i)
    x[size(i)] = static_cast<S>(first + (last - first) / double(n - 1) * double(i));
  return x;
}

template <class S>
bool same(S a, S b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// The largest error in units of epsilon, beside what roundings of the argument's size and of the coordinates
/// make of it.
template <class S>
double worst_error(const Case<S>& c, bool bell) {
  const std::vector<S> values = c(bell, 0, c.points());
  const double eps = std::numeric_limits<S>::epsilon(),
               reach = std::max(std::abs(double(c.x.front())), std::abs(double(c.x.back())));
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < c.points(); ++i)
    for (int l = 0; l < lanes<S>; ++l) {
      const long double wanted = c.exact(bell, i, l);
      if (wanted < std::numeric_limits<S>::min() || wanted > std::numeric_limits<S>::max()) continue;
      const double d = std::abs(double(c.x[size(i)]) - double(c.shift[0][l])),
                   rate = std::abs(double(c.rate[0][l])), spread = double(c.x[1]) - double(c.x[0]);
      const double argument = (bell ? d * d : d) * rate,
                   argument_slope = bell ? 2 * (d + 8 * std::abs(spread)) * rate : rate;
      const double rounding =
          1.5 * argument + argument_slope * (1.5 * reach + 0.5 * d + (bell ? 8 * std::abs(spread) : 0));
      const double error = double(std::abs(values[size(i * lanes<S> + l)] - wanted) / wanted) / eps;
      worst = std::max(worst, error - rounding);
    }
  return worst;
}

}  // namespace

TEST_CASE_TEMPLATE("spacing_is_found_where_points_are_equally_spaced_up_to_rounding", S, float, double) {
  const std::pair<double, double> ends[] = {{0, 10.2}, {-3, 5.5}, {1000, 1007}, {5, -2}};
  for (const auto& [first, last] : ends) {
    std::vector<S> x = grid<S>(first, last, 52);
    const auto found = spacing(x.data(), 52);
    REQUIRE(found);
    CHECK(*found == doctest::Approx((last - first) / 51).epsilon(1e-2 * (sizeof(S) == 4) + 1e-9));
    x[20] +=
        static_cast<S>(0.01 * (last - first) / 51 + 4 * std::numeric_limits<S>::epsilon() * std::abs(last));
    CHECK(!spacing(x.data(), 52));
    x[20] = std::numeric_limits<S>::quiet_NaN();
    CHECK(!spacing(x.data(), 52));
  }
  const std::vector<S> infinite(10, std::numeric_limits<S>::infinity()), few = grid<S>(0, 1, 5);
  CHECK(!spacing(infinite.data(), 10));
  CHECK(!spacing(few.data(), 5));
  CHECK(!spacing(few.data(), 0));
}

TEST_CASE_TEMPLATE("spaced_exponentials_are_exact_to_twelve_epsilon", S, float, double) {
  std::mt19937_64 rng(5);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (const std::ptrdiff_t n : {8, 16, 25, 64, 100, 203})
    for (const bool bell : {false, true})
      for (int round = 0; round < 60; ++round) {
        Case<S> c{.x = grid<S>(20 * unit(rng), 20 * unit(rng), n)};
        const double width = std::abs(double(c.x.back()) - double(c.x.front()));
        for (int l = 0; l < lanes<S>; ++l) {  // from flat to as steep as ends the products
          const double per_width = std::exp(8 * unit(rng));
          c.shift[0][l] = static_cast<S>(l % 3 ? double(c.x[size(n / 3)]) + width * unit(rng) : 0);
          c.rate[0][l] = static_cast<S>((bell ? -per_width / width : unit(rng) * per_width) / width);
        }
        CAPTURE(n);
        CAPTURE(bell);
        CAPTURE(round);
        CHECK(worst_error(c, bell) < 12);
      }
}

TEST_CASE_TEMPLATE("spaced_exponentials_of_grids_from_zero_err_by_their_arguments_rounding", S, float,
                   double) {
  Case<S> c{.x = grid<S>(0, 10.2, 256)};
  for (int l = 0; l < lanes<S>; ++l) c.rate[0][l] = static_cast<S>(-0.1 * l);
  const std::vector<S> values = c(false, 0, 256);
  for (std::ptrdiff_t i = 0; i < 256; ++i)
    for (int l = 0; l < lanes<S>; ++l) {
      const double wanted = double(c.exact(false, i, l)), argument = 0.1 * l * double(c.x[size(i)]);
      CHECK(std::abs(double(values[size(i * lanes<S> + l)]) - wanted) <=
            (8 + 2 * argument) * std::numeric_limits<S>::epsilon() * wanted);
    }
}

TEST_CASE_TEMPLATE("spaced_exponentials_are_those_of_the_points_where_they_leave_the_normal_numbers", S,
                   float, double) {
  constexpr S inf = std::numeric_limits<S>::infinity(), nan = std::numeric_limits<S>::quiet_NaN();
  Case<S> c{.x = grid<S>(-40, 40, 81)};
  const S rates[] = {0, -0.0, 1, -1, 30, -30, 2e5, -2e5, inf, -inf, nan, S(1e-30), 9, -9, S(0.01), 3};
  for (int l = 0; l < lanes<S>; ++l) {
    c.rate[0][l] = rates[l % 16];
    c.shift[0][l] = l % 5 == 4 ? S(38) : l % 5 == 3 ? S(1e4) : S(0);
  }
  for (const bool bell : {false, true}) {
    const std::vector<S> values = c(bell, 0, c.points());
    for (std::ptrdiff_t i = 0; i < c.points(); ++i)
      for (int l = 0; l < lanes<S>; ++l) {
        const S d = c.x[size(i)] - c.shift[0][l], argument = (bell ? d * d : d) * c.rate[0][l],
                value = values[size(i * lanes<S> + l)];
        CAPTURE(bell);
        CAPTURE(i);
        CAPTURE(l);
        if (std::isnan(argument)) {
          CHECK(std::isnan(value));
          continue;
        }
        const double wanted = std::exp(double(argument));
        if (wanted > double(std::numeric_limits<S>::max()))
          CHECK(value == inf);
        else  // in float 1e4 * 60 * eps is the argument's rounding
          CHECK(double(value) == doctest::Approx(wanted).epsilon(sizeof(S) == 4 ? 1e-3 : 1e-12));
      }
  }
}

TEST_CASE_TEMPLATE("spaced_exponentials_have_the_same_bits_whatever_other_lanes_and_tiles_do", S, float,
                   double) {
  Case<S> alone{.x = grid<S>(-8, 12, 91)}, beside{.x = alone.x};
  for (int l = 0; l < lanes<S>; ++l) {
    alone.rate[0][l] = beside.rate[0][l] = static_cast<S>(-0.02 * (l + 1));
    alone.shift[0][l] = beside.shift[0][l] = static_cast<S>(0.3 * l);
    if (l % 2) beside.rate[0][l] = l % 4 == 1 ? std::numeric_limits<S>::quiet_NaN() : S(1e6);
  }
  const std::pair<int, int> tiles[] = {{0, 5}, {3, 6}, {3, 91}, {8, 24}, {13, 40}, {90, 91}, {7, 7}};
  for (const bool bell : {false, true}) {
    const std::vector<S> all = alone(bell, 0, 91), others = beside(bell, 0, 91);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (i % size(lanes<S>) % 2 == 0) CHECK(same(all[i], others[i]));
    for (const auto& [first, last] : tiles) {
      const std::vector<S> part = alone(bell, first, last);
      REQUIRE(part.size() == size((last - first) * lanes<S>));
      for (std::size_t i = 0; i < part.size(); ++i) CHECK(same(part[i], all[i + size(first * lanes<S>)]));
    }
  }
}

TEST_CASE_TEMPLATE("spaced_exponentials_of_a_turned_line_are_those_of_the_opposite_rate", S, float, double) {
  Case<S> c{.x = grid<S>(-2, 3, 43)}, opposite{.x = c.x};
  for (int l = 0; l < lanes<S>; ++l) {
    c.shift[0][l] = opposite.shift[0][l] = static_cast<S>(0.1 * l);
    c.rate[0][l] = static_cast<S>(0.7 * l - 2);
    opposite.rate[0][l] = -c.rate[0][l];
  }
  const std::vector<S> turned = c.values(Exponent::turned, 0, 43), wanted = opposite(false, 0, 43);
  for (std::size_t i = 0; i < turned.size(); ++i) CHECK(same(turned[i], wanted[i]));
}
