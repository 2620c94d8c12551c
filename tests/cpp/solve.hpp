#pragma once
// The dense double-precision solvers for problems behind std::function, compiled once in solve.cpp: the tests
// of behaviour need no other instantiation.

#include <functional>
#include <osculate/solve/gauss_newton.hpp>
#include <osculate/solve/levenberg_marquardt.hpp>
#include <osculate/solve/newton.hpp>

namespace tests {

using osculate::Index, osculate::Status;
using Vector = osculate::Vector<double>;
using Matrix = osculate::Matrix<double>;
using Fit = osculate::LeastSquaresResult<double>;
/// Shown every iteration and its point; false stops.
using Watch = std::function<bool(const osculate::Iteration<double>&, const Vector&)>;

/// r: R^n -> R^m with its Jacobian. Counts its calls.
struct Residuals {
  using Scalar = double;
  using Jacobian = Matrix;

  Index m = 0;
  std::function<void(const Vector& x, Vector& r)> r{};
  std::function<void(const Vector& x, Matrix& j)> j{};
  int residual_calls = 0, jacobian_calls = 0;

  void residual(const Vector& x, Vector& out) {
    ++residual_calls;
    out.resize(m);
    r(x, out);
  }
  void jacobian(const Vector& x, const Vector&, Matrix& out) {
    ++jacobian_calls;
    out.setZero(m, x.size());
    j(x, out);
  }
  double epsilon() const { return std::numeric_limits<double>::epsilon(); }
};

/// f: R^n -> R with gradient and Hessian.
struct Function {
  using Scalar = double;

  std::function<double(const Vector& x)> f{};
  std::function<void(const Vector& x, Vector& g, Matrix& h)> d{};

  double value(const Vector& x) { return f(x); }
  void derivatives(const Vector& x, Vector& g, Matrix& h) {
    g.setZero(x.size());
    h.setZero(x.size(), x.size());
    d(x, g, h);
  }
};

using LmOptions = osculate::LevenbergMarquardtOptions<double>;
using GnOptions = osculate::GaussNewtonOptions<double>;
using NewtonOptions = osculate::NewtonOptions<double>;
using Bounds = osculate::Bounds<double>;
using Loss = osculate::Loss<double>;

Fit run_levenberg_marquardt(Residuals& problem, const Vector& x0, const LmOptions& options = {},
                            const Bounds& bounds = {}, const Loss& loss = {}, const Watch& watch = {});
Fit run_gauss_newton(Residuals& problem, const Vector& x0, const GnOptions& options = {},
                     const Bounds& bounds = {}, const Loss& loss = {}, const Watch& watch = {});
osculate::Result<double> run_newton(Function& problem, const Vector& x0, const NewtonOptions& options = {},
                                    const Bounds& bounds = {}, const Watch& watch = {});

/// max_i |J_i.r| / (|J_i| |r|) over the free variables, computed here from the result alone.
double cosine(const Fit& fit);

/// Largest violation of the KKT conditions of min f in the box: the projected gradient x - P(x - g), in units
/// of the gradient, and whether x is inside.
double kkt_violation(const Vector& x, const Vector& gradient, const Bounds& bounds);

// Classic problems.
Residuals rosenbrock(double steepness = 10);  ///< zero residual at (1, 1); standard start (-1.2, 1)
Residuals box_bod();  ///< NIST's BoxBOD: certified 213.80940889, 0.54723748542, sum of squares 1168.0088766
Residuals
freudenstein();  ///< Freudenstein & Roth: minima of cost 0 at (5, 4) and 24.4921 at (11.41, -0.8968)
Residuals powell_singular();  ///< zero residual at 0, where J is singular
Function rosenbrock_function();

}  // namespace tests
