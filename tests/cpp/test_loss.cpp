// curvature/loss.hpp: rho and its derivatives, and the correction of a Gauss-Newton model.

#include <doctest/doctest.h>

#include <osculate/curvature/loss.hpp>

#include "random.hpp"

using namespace osculate;
using tests::random_matrix, tests::random_vector;

namespace {

constexpr LossKind kinds[] = {LossKind::linear, LossKind::soft_l1, LossKind::huber, LossKind::cauchy,
                              LossKind::arctan};

struct Rho {
  double value, first, second;
};
Rho rho_at(LossKind kind, double z) {
  Vector<double> rho, rho1, rho2;
  evaluate(Loss<double>{.kind = kind}, Vector<double>{{z}}, rho, rho1, rho2);
  return {rho[0], rho1[0], rho2[0]};
}

/// Integral of g over [a, b] by Simpson's rule.
template <class G>
double integral(G g, double a, double b) {
  constexpr int halves = 1000;
  double sum = g(a) + g(b);
  for (int i = 1; i < 2 * halves; ++i) sum += (i % 2 ? 4 : 2) * g(a + (b - a) * i / (2 * halves));
  return sum * (b - a) / (6 * halves);
}

}  // namespace

TEST_CASE("rho_has_the_values_of_scipys_definitions") {
  for (const double z : {0.0, 0.3, 1.0, 2.5, 1e6}) {
    CHECK(rho_at(LossKind::linear, z).value == z);
    CHECK(rho_at(LossKind::soft_l1, z).value == doctest::Approx(2 * (std::sqrt(1 + z) - 1)).epsilon(1e-14));
    CHECK(rho_at(LossKind::huber, z).value ==
          doctest::Approx(z <= 1 ? z : 2 * std::sqrt(z) - 1).epsilon(1e-14));
    CHECK(rho_at(LossKind::cauchy, z).value == doctest::Approx(std::log(1 + z)).epsilon(1e-14));
    CHECK(rho_at(LossKind::arctan, z).value == doctest::Approx(std::atan(z)).epsilon(1e-14));
  }
}

TEST_CASE("rho_starts_like_the_square_every_kind") {
  for (const LossKind kind : kinds) {
    const Rho rho = rho_at(kind, 0);
    CHECK(rho.value == 0);
    CHECK(rho.first == 1);
    CHECK(rho_at(kind, 1e-20).value == doctest::Approx(1e-20).epsilon(1e-15));  // no cancellation
  }
}

TEST_CASE("rho_is_the_integral_of_its_derivative_and_that_of_the_second_every_kind") {
  for (const LossKind kind : kinds)
    for (const auto& [a, b] : {std::pair{0.0, 0.9}, std::pair{1.1, 4.0}}) {  // on either side of huber's kink
      CAPTURE(static_cast<int>(kind));
      const auto first = [&](double z) { return rho_at(kind, z).first; };
      const auto second = [&](double z) { return rho_at(kind, z).second; };
      // Simpson errs by (b - a) h^4 / 180 times a fourth derivative below 120: 1e-11 with h = 1.45e-3.
      CHECK(integral(first, a, b) ==
            doctest::Approx(rho_at(kind, b).value - rho_at(kind, a).value).epsilon(1e-11));
      CHECK(std::abs(integral(second, a, b) - (first(b) - first(a))) <= 1e-11);
    }
}

TEST_CASE("huber_is_smooth_to_first_order_at_the_kink") {
  const Rho below = rho_at(LossKind::huber, 1), above = rho_at(LossKind::huber, std::nextafter(1.0, 2.0));
  CHECK(above.value == doctest::Approx(below.value).epsilon(1e-15));
  CHECK(above.first == doctest::Approx(below.first).epsilon(1e-15));
}

TEST_CASE("rho_stays_finite_huge_residuals") {
  for (const LossKind kind : kinds) {
    const Rho rho = rho_at(kind, 1e300);
    CHECK(std::isfinite(rho.value));
    CHECK(rho.first >= 0);
    CHECK(std::isfinite(rho.second));
  }
}

TEST_CASE("cost_is_the_scaled_sum_of_rho") {
  const Vector<double> r = 5 * random_vector(20, 1);
  for (const LossKind kind : kinds) {
    LossEvaluator<double> evaluator({.kind = kind, .scale = 0.7});
    double sum = 0;
    for (Index i = 0; i < r.size(); ++i) sum += rho_at(kind, r[i] / 0.7 * (r[i] / 0.7)).value;
    CHECK(evaluator.cost(r) == doctest::Approx(0.49 * sum / 2).epsilon(1e-14));
    CHECK(evaluator.linear() == (kind == LossKind::linear));
  }
}

TEST_CASE("corrected_model_has_the_gradient_of_the_cost_every_kind") {
  const Matrix<double> j = random_matrix(20, 3, 2);
  const Vector<double> r0 = 3 * random_vector(20, 1), x = random_vector(3, 4);
  const auto residual = [&](const Vector<double>& at) { return Vector<double>(r0 + j * at); };
  for (const LossKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    LossEvaluator<double> evaluator({.kind = kind, .scale = 0.8});
    Vector<double> r = residual(x), irls, weight;
    evaluator.correct(r, irls, weight);
    const Vector<double> gradient = (weight.asDiagonal() * j).transpose() * r;
    for (Index k = 0; k < 3; ++k) {
      const double h = 1e-5;  // eps^(1/3): central differences err by h^2 and eps / h, about 1e-10
      const Vector<double> step = h * Vector<double>::Unit(3, k);
      const double slope =
          (evaluator.cost(residual(x + step)) - evaluator.cost(residual(x - step))) / (2 * h);
      CHECK(std::abs(gradient[k] - slope) <= 1e-8 * (1 + std::abs(slope)));
    }
  }
}

TEST_CASE("corrected_curvature_is_that_of_the_cost_where_the_loss_is_convex") {
  // d^2/dr^2 of rho(r^2) / 2 is rho' + 2 rho'' r^2, the square of the row's weight.
  for (const LossKind kind : {LossKind::linear, LossKind::soft_l1, LossKind::cauchy, LossKind::arctan}) {
    LossEvaluator<double> evaluator({.kind = kind});
    for (const double at : {0.0, 0.2, -0.5}) {
      Vector<double> r{{at}}, irls, weight;
      evaluator.correct(r, irls, weight);
      const double h = 1e-4;  // errs by h^2 and eps / h^2, about 1e-8
      const auto cost = [&](double value) { return evaluator.cost(Vector<double>{{value}}); };
      const double curvature = (cost(at + h) - 2 * cost(at) + cost(at - h)) / (h * h);
      CHECK(std::abs(weight[0] * weight[0] - curvature) <= 1e-6);
      CHECK(irls[0] * irls[0] == doctest::Approx(rho_at(kind, at * at).first).epsilon(1e-14));
    }
  }
}

TEST_CASE("corrected_model_stays_finite_and_semidefinite_beyond_the_inflection") {
  for (const LossKind kind : {LossKind::huber, LossKind::cauchy, LossKind::arctan}) {
    LossEvaluator<double> evaluator({.kind = kind});
    for (const double at : {1.5, -3.0, 1e3, 1e6}) {
      Vector<double> r{{at}}, irls, weight;
      evaluator.correct(r, irls, weight);
      CHECK(std::isfinite(r[0]));
      CHECK(weight[0] > 0);
      CHECK(weight[0] * r[0] == doctest::Approx(rho_at(kind, at * at).first * at).epsilon(1e-14));
    }
  }
}

TEST_CASE("custom_loss_is_called_with_the_scaled_squares") {
  Vector<double> seen;
  LossEvaluator<double> evaluator({.kind = LossKind::custom,
                                   .scale = 2,
                                   .custom = [&](const Vector<double>& z, Vector<double>& rho,
                                                 Vector<double>& rho1, Vector<double>& rho2) {
                                     seen = z;
                                     rho = z / 2, rho1.setConstant(z.size(), 0.5), rho2.setZero(z.size());
                                   }});
  const Vector<double> r{{2, -4, 6}};
  CHECK(evaluator.cost(r) == doctest::Approx(r.squaredNorm() / 4));
  CHECK(seen == Vector<double>{{1, 4, 9}});
  Vector<double> corrected = r, irls, weight;
  evaluator.correct(corrected, irls, weight);
  CHECK((corrected - std::sqrt(0.5) * r).norm() <= 1e-15 * r.norm());
}

TEST_CASE("rows_without_weight_are_dropped_a_loss_that_is_flat") {
  LossEvaluator<double> evaluator({.kind = LossKind::custom,
                                   .custom = [](const Vector<double>& z, Vector<double>& rho,
                                                Vector<double>& rho1, Vector<double>& rho2) {
                                     rho.setOnes(z.size()), rho1.setZero(z.size()), rho2.setZero(z.size());
                                   }});
  Vector<double> r{{3}}, irls, weight;
  evaluator.correct(r, irls, weight);
  CHECK(r[0] == 0);
  CHECK(weight[0] == 0);
  CHECK(irls[0] == 0);
}
