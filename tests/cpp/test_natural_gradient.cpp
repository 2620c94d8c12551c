// solve/natural_gradient.hpp, globalize/kl_step.hpp: Fisher scoring of a logistic regression, and where it
// ends.

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <osculate/solve/natural_gradient.hpp>

#include "random.hpp"

using namespace osculate;

namespace {

/// Mean negative log-likelihood of labels by logits X b, F = X' diag(p (1 - p)) X / N.
struct Logistic {
  using Scalar = double;
  Matrix<double> x;
  Vector<double> labels;
  double damping = 0;
  int solves = 0;

  Vector<double> probability(const Vector<double>& b) const {
    return (1 / (1 + (-(x * b).array()).exp())).matrix();
  }
  double value(const Vector<double>& b) const {
    const Eigen::ArrayXd z = (x * b).array();
    return (z.max(0.0) + (-z.abs()).exp().log1p() - labels.array() * z).mean();
  }
  void gradient(const Vector<double>& b, Vector<double>& g) const {
    g = x.transpose() * (probability(b) - labels) / double(x.rows());
  }
  Status natural(const Vector<double>& b, const Vector<double>& g, Vector<double>& d) {
    ++solves;
    const Eigen::ArrayXd p = probability(b).array();
    Matrix<double> fisher = x.transpose() * (p * (1 - p)).matrix().asDiagonal() * x / double(x.rows());
    fisher.diagonal().array() += damping;
    const Eigen::LLT<Matrix<double>> factor(fisher);
    if (factor.info() != Eigen::Success) return Status::singular;
    d = factor.solve(g);
    return Status::gradient;
  }
};

Logistic example() {
  Logistic problem{.x = tests::random_matrix(200, 4, 5), .labels = Vector<double>::Zero(200)};
  const Vector<double> truth = Vector<double>::LinSpaced(4, -1, 1), noise = tests::random_vector(200, 6);
  for (Index i = 0; i < 200; ++i) problem.labels[i] = problem.x.row(i).dot(truth) + noise[i] > 0;
  return problem;
}

double largest_gradient(const Logistic& problem, const Vector<double>& b) {
  Vector<double> g;
  problem.gradient(b, g);
  return g.lpNorm<Eigen::Infinity>();
}

}  // namespace

TEST_CASE("natural_gradient_of_a_logistic_regression_converges_like_newton") {
  Logistic problem = example();
  const auto result = natural_gradient(problem, Vector<double>::Zero(4).eval());
  CHECK(result.status == Status::gradient);
  CHECK(largest_gradient(problem, result.x) <= 1e-8);
  CHECK(result.iterations <= 8);
  CHECK(problem.solves == result.iterations);
  CHECK(result.evaluations == result.iterations + 1);
}

TEST_CASE("natural_gradient_arrives_at_the_same_point_by_every_control") {
  Logistic problem = example();
  const auto best = natural_gradient(problem, Vector<double>::Zero(4).eval());
  for (const KlKind step : {KlKind::fixed, KlKind::line_search, KlKind::trust_region})
    for (const double rate : {1.0, 0.3}) {
      CAPTURE(static_cast<int>(step));
      CAPTURE(rate);
      const auto result = natural_gradient(
          problem, Vector<double>::Zero(4).eval(),
          NaturalGradientOptions<double>{.step = step, .learning_rate = rate, .kl_radius = 0.01});
      CHECK(result.status == Status::gradient);
      CHECK((result.x - best.x).lpNorm<Eigen::Infinity>() < 1e-6);
    }
}

TEST_CASE("natural_gradient_diverges_by_no_more_than_radius_or_clip") {
  Logistic problem = example();
  for (const bool clip : {false, true}) {
    NaturalGradientOptions<double> options{.step = clip ? KlKind::fixed : KlKind::trust_region};
    options.tolerances.max_iterations = 1;
    (clip ? options.kl_clip : options.kl_radius) = 1e-3;
    const auto result = natural_gradient(problem, Vector<double>::Zero(4).eval(), options);
    CHECK(result.status == Status::max_iterations);
    const Vector<double> s = result.x;
    const Matrix<double> fisher = problem.x.transpose() * problem.x / (4.0 * double(problem.x.rows()));
    CHECK(s.dot(fisher * s) / 2 == doctest::Approx(1e-3).epsilon(1e-9));
  }
}

TEST_CASE("natural_gradient_with_damping_converges_linearly") {
  Logistic problem = example();
  problem.damping = 0.1;
  NaturalGradientOptions<double> options{.damping = 0.1};
  const auto result = natural_gradient(problem, Vector<double>::Zero(4).eval(), options);
  CHECK(result.status == Status::gradient);
  CHECK(result.iterations > 8);  // linear convergence
}

TEST_CASE("natural_gradient_where_there_is_no_direction") {
  Logistic problem = example();
  problem.x.col(3) = problem.x.col(2);
  problem.x.col(1).setZero();
  CHECK(natural_gradient(problem, Vector<double>::Zero(4).eval()).status == Status::singular);

  Logistic flat = example();
  flat.x.setZero();
  const NaturalGradientOptions<double> untested{.tolerances = {.ftol = 0, .xtol = 0, .gtol = 0}};
  const auto ended = natural_gradient(flat, Vector<double>::Zero(4).eval(), untested);
  CHECK(ended.status == Status::gradient);
  CHECK(ended.iterations == 0);

  Logistic broken = example();
  broken.x(0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK(natural_gradient(broken, Vector<double>::Zero(4).eval()).status == Status::nonfinite);
}

TEST_CASE("natural_gradient_refuses_options_that_make_no_sense") {
  Logistic problem = example();
  const Vector<double> start = Vector<double>::Zero(4);
  CHECK_THROWS_AS(natural_gradient(problem, start, NaturalGradientOptions<double>{.damping = -1}),
                  std::invalid_argument);
  CHECK_THROWS_AS(natural_gradient(problem, start, NaturalGradientOptions<double>{.learning_rate = 0}),
                  std::invalid_argument);
}
