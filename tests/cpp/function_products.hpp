#pragma once
// Functions with gradient and Hessian-vector products, for the tests of the methods that need no more.

#include <cmath>
#include <functional>
#include <osculate/types.hpp>

namespace tests {

using osculate::Index, osculate::Matrix, osculate::Vector;

/// f in double, whatever the vectors are in.
template <class S>
struct FunctionProducts {
  using Scalar = S;
  std::function<double(const Vector<S>&)> f;
  std::function<void(const Vector<S>&, Vector<S>&)> g;
  std::function<void(const Vector<S>&, const Vector<S>&, Vector<S>&)> h;
  Index products = 0;

  S value(const Vector<S>& x) { return static_cast<S>(f(x)); }
  void gradient(const Vector<S>& x, Vector<S>& out) {
    out.resize(x.size());
    g(x, out);
  }
  void product(const Vector<S>& x, const Vector<S>& v, Vector<S>& out) {
    ++products;
    out.resize(x.size());
    h(x, v, out);
  }
};

/// x'Ax / 2 - b'x
template <class S>
FunctionProducts<S> quadratic(const Vector<S>& b, const Matrix<S>& a) {
  return {.f = [=](const Vector<S>& x) { return double(x.dot(a * x) / 2 - b.dot(x)); },
          .g = [=](const Vector<S>& x, Vector<S>& g) { g = a * x - b; },
          .h = [=](const Vector<S>&, const Vector<S>& v, Vector<S>& out) { out = a * v; }};
}

/// x^2 - y^2 + y^4: a saddle at 0, minima of value -1/4 at (0, +-1/sqrt 2).
inline FunctionProducts<double> saddle() {
  return {.f = [](const Vector<double>& x) { return x[0] * x[0] - x[1] * x[1] + std::pow(x[1], 4); },
          .g = [](const Vector<double>& x,
                  Vector<double>& g) { g << 2 * x[0], -2 * x[1] + 4 * std::pow(x[1], 3); },
          .h = [](const Vector<double>& x, const Vector<double>& v,
                  Vector<double>& out) { out << 2 * v[0], (-2 + 12 * x[1] * x[1]) * v[1]; }};
}

/// sum 100 a_i^2 + (1 - x_i)^2 with a_i = x_{i+1} - x_i^2; the Gauss-Newton matrix leaves out what a_i
/// weighs.
template <class S>
FunctionProducts<S> rosenbrock(bool gauss_newton = false) {
  const S weight = gauss_newton ? S(0) : S(1);
  return {.f =
              [](const Vector<S>& x) {
                double sum = 0;
                for (Index i = 0; i + 1 < x.size(); ++i) {
                  const double a = double(x[i + 1]) - double(x[i]) * double(x[i]), b = 1 - double(x[i]);
                  sum += 100 * a * a + b * b;
                }
                return sum;
              },
          .g =
              [](const Vector<S>& x, Vector<S>& g) {
                g.setZero();
                for (Index i = 0; i + 1 < x.size(); ++i) {
                  const S a = x[i + 1] - x[i] * x[i];
                  g[i] += -400 * a * x[i] - 2 * (1 - x[i]);
                  g[i + 1] += 200 * a;
                }
              },
          .h =
              [=](const Vector<S>& x, const Vector<S>& v, Vector<S>& out) {
                out.setZero();
                for (Index i = 0; i + 1 < x.size(); ++i) {
                  const S a = x[i + 1] - x[i] * x[i], along = v[i + 1] - 2 * x[i] * v[i];
                  out[i] += -400 * x[i] * along + (2 - weight * 400 * a) * v[i];
                  out[i + 1] += 200 * along;
                }
              }};
}

}  // namespace tests
