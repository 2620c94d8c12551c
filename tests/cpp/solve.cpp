#include "solve.hpp"

namespace tests {
namespace {

auto observer(const Watch& watch) {
  return [&watch](const osculate::Iteration<double>& it, const Vector& x, const auto&) {
    return !watch || watch(it, x);
  };
}

}  // namespace

Fit run_levenberg_marquardt(Residuals& problem, const Vector& x0, const LmOptions& options,
                            const Bounds& bounds, const Loss& loss, const Watch& watch) {
  return osculate::levenberg_marquardt(problem, x0, options, bounds, loss, observer(watch));
}

Fit run_gauss_newton(Residuals& problem, const Vector& x0, const GnOptions& options, const Bounds& bounds,
                     const Loss& loss, const Watch& watch) {
  return osculate::gauss_newton(problem, x0, options, bounds, loss, observer(watch));
}

osculate::Result<double> run_newton(Function& problem, const Vector& x0, const NewtonOptions& options,
                                    const Bounds& bounds, const Watch& watch) {
  return osculate::newton(problem, x0, options, bounds, observer(watch));
}

double cosine(const Fit& fit) {
  double largest = 0;
  const double r = fit.residual.norm();
  for (Index k = 0; k < fit.x.size(); ++k)
    if (!fit.fixed[k] && r > 0)
      largest =
          std::max(largest, std::abs(fit.jacobian.col(k).dot(fit.residual)) / fit.jacobian.col(k).norm() / r);
  return largest;
}

double kkt_violation(const Vector& x, const Vector& gradient, const Bounds& bounds) {
  double largest = 0;
  for (Index i = 0; i < x.size(); ++i) {
    if (!(x[i] >= bounds.lower[i] && x[i] <= bounds.upper[i])) return std::numeric_limits<double>::infinity();
    const bool held =
        (x[i] == bounds.lower[i] && gradient[i] >= 0) || (x[i] == bounds.upper[i] && gradient[i] <= 0);
    if (!held) largest = std::max(largest, std::abs(gradient[i]));
  }
  return largest;
}

Residuals rosenbrock(double steepness) {
  return {.m = 2,
          .r = [=](const Vector& x, Vector& r) { r << steepness * (x[1] - x[0] * x[0]), 1 - x[0]; },
          .j = [=](const Vector& x, Matrix& j) { j << -2 * steepness * x[0], steepness, -1, 0; }};
}

Residuals box_bod() {
  static const Vector t{{1, 2, 3, 5, 7, 10}}, y{{109, 149, 149, 191, 213, 224}};
  return {.m = 6,
          .r = [](const Vector& b, Vector& r) { r = b[0] * (1 - (-b[1] * t.array()).exp()) - y.array(); },
          .j =
              [](const Vector& b, Matrix& j) {
                j.col(0) = 1 - (-b[1] * t.array()).exp();
                j.col(1) = b[0] * t.array() * (-b[1] * t.array()).exp();
              }};
}

Residuals freudenstein() {
  return {.m = 2,
          .r =
              [](const Vector& x, Vector& r) {
                r << -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
                    -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1];
              },
          .j = [](const Vector& x,
                  Matrix& j) { j << 1, (10 - 3 * x[1]) * x[1] - 2, 1, (3 * x[1] + 2) * x[1] - 14; }};
}

Residuals powell_singular() {
  return {.m = 4,
          .r =
              [](const Vector& x, Vector& r) {
                const double a = x[1] - 2 * x[2], b = x[0] - x[3];
                r << x[0] + 10 * x[1], std::sqrt(5.0) * (x[2] - x[3]), a * a, std::sqrt(10.0) * b * b;
              },
          .j =
              [](const Vector& x, Matrix& j) {
                const double a = 2 * (x[1] - 2 * x[2]), b = 2 * std::sqrt(10.0) * (x[0] - x[3]);
                j << 1, 10, 0, 0, 0, 0, std::sqrt(5.0), -std::sqrt(5.0), 0, a, -2 * a, 0, b, 0, 0, -b;
              }};
}

Function rosenbrock_function() {
  return {.f =
              [](const Vector& x) {
                const double a = x[1] - x[0] * x[0], b = 1 - x[0];
                return 100 * a * a + b * b;
              },
          .d =
              [](const Vector& x, Vector& g, Matrix& h) {
                const double a = x[1] - x[0] * x[0];
                g << -400 * a * x[0] - 2 * (1 - x[0]), 200 * a;
                h << 1200 * x[0] * x[0] - 400 * x[1] + 2, -400 * x[0], -400 * x[0], 200;
              }};
}

}  // namespace tests
