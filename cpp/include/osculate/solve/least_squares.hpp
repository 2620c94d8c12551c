#pragma once
// What the least-squares solvers share: the result, problems from lambdas, and the adapter that turns a
// residual problem into what the loop asks for (a value, with a one-point cache for the model).

#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

#include "../concepts.hpp"
#include "../curvature/finite_difference.hpp"
#include "../curvature/gauss_newton.hpp"
#include "../linsolve/least_squares_step.hpp"
#include "loop.hpp"

namespace osculate {

template <class S, class J = Matrix<S>>
struct LeastSquaresResult : Result<S> {
  Vector<S> residual;  ///< r(x), without the loss
  J jacobian;       ///< at x; with a robust loss its rows are corrected, so that J'J is the cost's curvature
  Vector<S> scale;  ///< D
  Mask fixed;       ///< parameters that cannot move at x: at a bound, held, or without influence
  /// What solved the linear systems; `automatic` has been resolved.
  LinearSolver linear_solver = LinearSolver::automatic;
};

/// A problem made of m residuals r(x) given by `f(x, r)` (r has size m) and, where given, the Jacobian
/// `df(x, J)` (J is m x n); without it, forward differences.
template <class S, class F, class DF = std::nullptr_t>
class ResidualProblem {
 public:
  using Scalar = S;
  using Jacobian = Matrix<S>;

  ResidualProblem(Index m, F f, DF df) : m_(m), f_(std::move(f)), df_(std::move(df)) {}

  DifferenceOptions<S> difference{};  ///< used without a Jacobian

  void residual(const Vector<S>& x, Vector<S>& r) {
    r.resize(m_);
    f_(x, r);
  }
  void jacobian(const Vector<S>& x, const Vector<S>& r, Matrix<S>& j) {
    if constexpr (std::is_same_v<DF, std::nullptr_t>) {
      const auto evaluate = [&](const Matrix<S>& points, Matrix<S>& residuals) {
        for (Index k = 0; k < points.cols(); ++k) {
          point_ = points.col(k);
          residual(point_, value_);
          residuals.col(k) = value_;
        }
      };
      difference_jacobian(evaluate, difference, x, r, j);
    } else {
      j.resize(m_, x.size());
      df_(x, j);
    }
  }
  S epsilon() const { return difference.epsilon; }
  DifferenceOptions<S>* differences() { return std::is_same_v<DF, std::nullptr_t> ? &difference : nullptr; }

 private:
  Index m_;
  F f_;
  DF df_;
  Vector<S> point_, value_;
};

template <class S, class F, class DF = std::nullptr_t>
ResidualProblem<S, F, DF> residual_problem(Index m, F f, DF df = nullptr) {
  return ResidualProblem<S, F, DF>(m, std::move(f), std::move(df));
}

/// The loop's view of a residual problem: value(x) is the cost, whose residual is kept for the model.
template <LeastSquaresProblem P>
class CostOfResiduals {
 public:
  using Scalar = typename P::Scalar;

  CostOfResiduals(P& problem, LossEvaluator<Scalar>& loss) : problem_(problem), loss_(loss) {
    if (auto* d = differences()) d->sizes.resize(0);  // of another solve
  }

  Scalar value(const Vector<Scalar>& x) {
    ++evaluations_;
    problem_.residual(x, residual_);
    return value_ = loss_.cost(residual_);
  }
  void jacobian(const Vector<Scalar>& x, typename P::Jacobian& j) {
    ++derivatives_;
    if (auto* d = differences(); d && !d->relative_step.size()) remember_sizes(*d, x);
    problem_.jacobian(x, residual_, j);
  }
  /// A residual at a point that is not the loop's next one.
  void residual_aside(const Vector<Scalar>& x, Vector<Scalar>& r) {
    ++evaluations_;
    problem_.residual(x, r);
  }

  const Vector<Scalar>& last_residual() const { return residual_; }
  Scalar last_value() const { return value_; }
  Index evaluations() const { return evaluations_; }
  Index derivative_evaluations() const { return derivatives_; }
  Scalar epsilon() const { return problem_.epsilon(); }
  /// How the problem differences; nullptr: its derivatives are exact.
  DifferenceOptions<Scalar>* differences() const {
    if constexpr (requires { problem_.differences(); })
      return problem_.differences();
    else
      return nullptr;
  }

 private:
  P& problem_;
  LossEvaluator<Scalar>& loss_;
  Vector<Scalar> residual_;
  Scalar value_ = 0;
  Index evaluations_ = 0, derivatives_ = 0;
};

/// Moves what the loop left in the model into a least-squares result.
template <class S, class J>
LeastSquaresResult<S, J> finish(Result<S>&& ended, GaussNewtonModel<S, J>& q, LinearSolver used) {
  LeastSquaresResult<S, J> result;
  static_cast<Result<S>&>(result) = std::move(ended);
  result.residual = std::move(q.uncorrected.size() ? q.uncorrected : q.residual);
  result.jacobian = std::move(q.jacobian);
  result.scale = std::move(q.scale);
  result.fixed = std::move(q.fixed);
  result.linear_solver = used;
  return result;
}

}  // namespace osculate
