// expr/expr.hpp: functors traced with Expr give what they give with double, and derivatives that equal those
// by complex steps (Squire & Trapp, SIAM Review 40, 1998), which have no difference to round.

#include <doctest/doctest.h>

#include <complex>
#include <osculate/expr/derive.hpp>
#include <osculate/expr/expr.hpp>

using namespace osculate::expr;

namespace {

const double x[] = {0.8, -0.3}, p[] = {1.3, 0.4, 0.7, 0.9};

/// A functor with Expr, double and complex numbers.
template <class F>
void check_model(const F& f) {
  Model m = model(2, 4, f);
  const double value = f(std::span(x), std::span(p));
  CHECK(m(x, p) == doctest::Approx(value).epsilon(1e-15));
  const std::vector<Id> gradient = Derivatives(m.graph, 4).gradient(m.root);
  for (std::size_t k = 0; k < 4; ++k) {
    using Complex = std::complex<double>;
    constexpr double h = 1e-30;
    Complex at[4], point[2] = {x[0], x[1]};
    for (std::size_t i = 0; i < 4; ++i) at[i] = Complex(p[i], i == k ? h : 0);
    const double wanted = std::imag(f(std::span<const Complex>(point), std::span<const Complex>(at))) / h;
    m.root = gradient[k] == none ? m.graph.constant(0) : gradient[k];
    CHECK(m(x, p) == doctest::Approx(wanted).epsilon(1e-13));
  }
}

}  // namespace

TEST_CASE("model_of_a_functor_has_the_values_and_derivatives_of_the_functor") {
  check_model([](const auto& t, const auto& b) {
    return b[0] * exp(-(square(t[0] - b[1]) + square(t[1] - b[2])) / (2.0 * square(b[3]))) + b[2];
  });
  check_model(
      [](const auto& t, const auto& b) { return b[0] * exp(-b[1] * t[0]) + b[2] * exp(-b[3] * t[0]); });
  check_model(
      [](const auto& t, const auto& b) { return b[0] * cos(b[1] * t[0] + b[2]) / (b[3] + t[1]) - b[3]; });
  check_model([](const auto& t, const auto& b) { return pow(b[0] + t[0], b[1]) * sqrt(b[2]) + log(b[3]); });
  check_model([](const auto& t, const auto& b) {
    return sinh(b[0] * t[1]) + cosh(b[1]) * tanh(b[2]) + atan(b[3] * t[0]) + asin(b[1]) + acos(b[2]) +
           tan(b[3]);
  });
  check_model([](const auto&, const auto& b) {
    return asinh(b[0]) + acosh(b[0]) + atanh(b[1]) + log10(b[2]) * sin(b[3]);
  });
  check_model([](const auto& t, const auto& b) {
    auto sum = b[0];
    for (int k = 1; k < 4; ++k) sum = sum * t[0] + b[static_cast<std::size_t>(k)];
    sum += b[1], sum -= 2.0 * b[2], sum *= b[3], sum /= b[0];
    return +sum;
  });
}

TEST_CASE("model_of_a_functor_with_conditions_is_that_with_numbers") {
  const auto f = [](const auto& t, const auto& b) {
    const auto chosen = where(t[0] > b[0] || !(t[1] < b[1]), log(b[2]), b[3] * abs(t[0]));
    const auto both = where(t[0] >= 0 && t[1] <= 0, 1, -1) + where(t[0] == 1, 2, 0) + where(t[1] != 0, 4, 0);
    return chosen + both + min(t[0], b[1]) - max(t[1], b[2]) + sign(t[1]) + floor(3 * t[0]) * ceil(t[1]) +
           hypot(b[0], t[0]) + atan2(b[1], t[1]) + expm1(b[2]) + log1p(b[3]) + exp2(t[0]) + log2(b[0]) +
           cbrt(b[1]) + erf(b[2]) - erfc(t[1]);
  };
  const Model m = model(2, 4, f);
  for (const double u : {-1.0, 0.0, 1.0, 2.5})
    for (const double v : {-2.0, 0.0, 0.3, 4.0}) {
      const double at[] = {u, v};
      CHECK(m(at, p) == doctest::Approx(f(std::span(at), std::span(p))).epsilon(1e-14));
    }
}

TEST_CASE("model_of_plain_numbers_folds_them_and_meets_the_graph_when_it_must") {
  const Model three = model(0, 1, [](const auto&, const auto&) { return 1.0 + 2; });
  CHECK(three(std::span<const double>(), std::span(p, 1)) == 3);
  const Model mixed =
      model(1, 1, [](const auto& t, const auto& b) { return 2 * (Expr(1) + 2) * b[0] + 1 - t[0]; });
  CHECK(mixed(std::span(x, 1), std::span(p, 1)) == doctest::Approx(6 * p[0] + 1 - x[0]));
}

TEST_CASE("model_refuses_wrong_counts_and_numbers_of_another_model") {
  const auto f = [](const auto&, const auto& b) { return b[0]; };
  CHECK_THROWS_AS(model(-1, 1, f), std::invalid_argument);
  CHECK_THROWS_AS(model(1, 0, f), std::invalid_argument);
  CHECK_THROWS_AS(model(1, 1, f)(std::span(x, 2), std::span(p, 1)), std::invalid_argument);
  Expr outside;
  Graph other;
  outside = Expr(other, other.parameter(0));
  CHECK_THROWS_WITH_AS(model(1, 1, [&](const auto&, const auto& b) { return b[0] + outside; }),
                       "an expression mixes numbers of two models", std::invalid_argument);
}
