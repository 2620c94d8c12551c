#pragma once
// How a solve ended. Positive values are convergence, negative ones are not; each value states its formula.
// The tests themselves are in stop.hpp, and nowhere else.

#include <cstdint>

namespace osculate {

enum class Status : std::int8_t {
  /// Least squares: max_i |J_i . r| / (|J_i| |r|) <= gtol over the free variables (MINPACK's cosine).
  /// Newton: the projected gradient max_i |g_i| <= gtol, or gtol_relative times that of the start, and the
  /// Hessian is not indefinite.
  /// x is the tested point.
  gradient = 1,
  /// Predicted and actual reduction of the last trial are both at most ftol * f, and actual <= 2 predicted.
  /// In least squares, if that trial was accepted, the cosine is also at most max(ftol^(3/4), sqrt(eps)).
  /// Newton, also without ftol: both are within the rounding error of f, and the gradient does not halve.
  cost = 2,
  /// |D s| <= xtol * |D x| for the last trial step s. In least squares this and Status::cost need a cosine of
  /// at most 1e-2, or one whose promise is below the rounding error of f.
  step = 3,
  /// |r_i| <= eps * sum_j |J_ij x_j| for every i: the residuals are at the rounding level of their own terms.
  /// Or no step reduces f, and f is at most its own rounding error eps (f + sum_ij |r_i J_ij x_j|) + m u, u
  /// being the smallest positive number: they are twice that on the average at most, or their squares
  /// underflow.
  residual = 5,
  /// Iterations or evaluations are used up. x is the best accepted point.
  max_iterations = -1,
  /// f or its derivatives are NaN or infinite: at the start, at an accepted point, or at every trial point.
  nonfinite = -2,
  /// The linear solve asked for has no solution: the matrix is singular and nothing damps it.
  singular = -3,
  /// No step reduces f although the model predicts a reduction well above rounding (and above the errors
  /// of difference derivatives), or x + s equals x.
  no_progress = -4,
  /// An observer (callback) asked to stop.
  user_stop = -5,
  /// The gradient is within gtol, the Hessian has negative curvature, and no step along it reduces f.
  saddle = -6,
  /// The solve has not begun (batch results that were interrupted).
  not_run = -100,
};

/// True for the statuses that mean convergence.
constexpr bool is_success(Status status) { return static_cast<std::int8_t>(status) > 0; }

/// Cause and remedy in one sentence.
constexpr const char* sentence(Status status) {
  switch (status) {
    case Status::gradient:
      return "Converged: the gradient is within gtol.";
    case Status::cost:
      return "Converged: the cost can be reduced by no more than ftol.";
    case Status::step:
      return "Converged: the step is within xtol of the parameters.";
    case Status::residual:
      return "Converged: every residual is at the rounding level of its terms.";
    case Status::max_iterations:
      return "The limit of evaluations or iterations was reached; raise it or start closer to the solution.";
    case Status::nonfinite:
      return "The function or its derivative is NaN or infinite; bound the parameters or start elsewhere.";
    case Status::singular:
      return "The linear system is singular and undamped; use damping, a QR solver or fewer parameters.";
    case Status::no_progress:
      return "No step reduces the cost although the derivatives promise one; check the derivatives.";
    case Status::user_stop:
      return "The callback asked to stop.";
    case Status::saddle:
      return "The point is a saddle or a maximum, and no step leads away from it; start elsewhere.";
    case Status::not_run:
      return "Not run.";
  }
  return "Unknown status.";
}

}  // namespace osculate
