#pragma once
// What the Krylov methods (cg.hpp, minres.hpp) share: why they end, and how they ask for products.

#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <type_traits>

#include "sweep.hpp"

namespace osculate {

/// Why a Krylov method ended. x is the last iterate, which is always finite. Positive: as it was asked to.
enum class KrylovExit : std::int8_t {
  /// |r| <= max(rtol |b|, atol).
  residual = 1,
  /// The model phi(x) = x'Ax/2 - b'x hardly falls: i > k, phi_i < 0 and (phi_i - phi_(i-k)) / phi_i < k eps
  /// with
  /// k = max(10, i / 10) (Martens 2010, section 4.4).
  progress = 2,
  /// The next iterate lies outside the radius; x is on the boundary, on the way there.
  boundary = 3,
  /// p'Ap <= 0, and a radius bounds the step: x is on the boundary, along p.
  negative_curvature_boundary = 4,
  /// MINRES, singular A: |A r| <= max(rtol^2, sqrt(eps)) |A| |r|, so that no x has a smaller residual. The
  /// square, because |A r| is as small as |A| |r| / condition also on the way to a solution; the root,
  /// because
  /// soon after it rounding makes x grow without bound along the null space.
  least_squares = 5,
  /// Iterations are used up.
  max_iterations = -1,
  /// A product, or a sum of the method, is NaN or infinite.
  nonfinite = -2,
  /// p'Ap <= 0, and nothing bounds the step; the direction p is given out.
  negative_curvature = -3,
  /// r'M^-1 r <= 0 for some r that is not zero: the preconditioner is not positive definite.
  preconditioner = -4,
  /// An observer (callback) asked to stop.
  user_stop = -5,
};

/// True where the method ended as it was asked to.
constexpr bool is_success(KrylovExit exit) { return static_cast<std::int8_t>(exit) > 0; }

/// Cause and remedy in one sentence.
constexpr const char* sentence(KrylovExit exit) {
  switch (exit) {
    case KrylovExit::residual:
      return "Converged: the residual is within the tolerance.";
    case KrylovExit::progress:
      return "Converged: the quadratic falls by less than progress_tolerance an iteration.";
    case KrylovExit::boundary:
      return "The step ends on the boundary of the trust region.";
    case KrylovExit::negative_curvature_boundary:
      return "The step ends on the boundary of the trust region, along a direction of negative curvature.";
    case KrylovExit::least_squares:
      return "Converged to the least residual: the matrix is singular, or nearly so, and there is no "
             "solution.";
    case KrylovExit::max_iterations:
      return "The limit of iterations was reached; raise it, or use a preconditioner or a larger tolerance.";
    case KrylovExit::nonfinite:
      return "A product is NaN or infinite; check the matrix and the preconditioner.";
    case KrylovExit::negative_curvature:
      return "The matrix is not positive definite; use more damping, a radius, or minres.";
    case KrylovExit::preconditioner:
      return "The preconditioner is not positive definite; use another one, or none.";
    case KrylovExit::user_stop:
      return "The callback asked to stop.";
  }
  return "Unknown exit.";
}

/// M = I.
struct NoPreconditioner {};

/// M^-1 as a diagonal: positive numbers, for example 1 / A_ii.
template <class S>
struct DiagonalPreconditioner {
  Vector<S> inverse;
};

/// The state after an iteration, for observers `bool observe(iteration, x)`; false ends the solve.
struct KrylovIteration {
  Index iteration = 0;       ///< from 1
  double model = 0;          ///< phi(x) = x'(A + damping I)x/2 - b'x; NaN in MINRES
  double residual_norm = 0;  ///< as the method's test measures it
};

/// An observer that watches nothing.
struct NoKrylovObserver {};

namespace detail {

/// Refuses an option.
template <class T>
void require(bool holds, const char* name, const char* expected, T got) {
  if (holds) return;
  std::ostringstream message;
  message << name << " must be " << expected << ", got " << got;
  throw std::invalid_argument(message.str());
}

/// A product v -> A v or r -> M^-1 r. The function writes `out`, or returns a pointer to n numbers of its own
/// that stay until its next call.
template <class S, class Function>
const S* product(Function& function, const Vector<S>& v, Vector<S>& out) {
  if constexpr (std::is_void_v<decltype(function(v, out))>) {
    function(v, out);
    return out.data();
  } else {
    return function(v, out);
  }
}

template <class Observe>
constexpr bool observes = !std::is_same_v<std::remove_cvref_t<Observe>, NoKrylovObserver>;
template <class Precondition>
constexpr bool no_preconditioner = std::is_same_v<std::remove_cvref_t<Precondition>, NoPreconditioner>;
template <class S, class Precondition>
constexpr bool diagonal_preconditioner =
    std::is_same_v<std::remove_cvref_t<Precondition>, DiagonalPreconditioner<S>>;

/// A power of two that brings b to where squares neither overflow nor vanish; `square` is b'b. 0: b is zero;
/// NaN: it is not finite.
template <class S>
double safe_scale(const S* b, Index n, double square) {
  if (square > 1e-200 && square < 1e200) return 1;
  double largest = 0;
  for (Index i = 0; i < n; ++i) {
    if (!std::isfinite(b[i])) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return largest > 0 ? std::ldexp(1.0, std::clamp(-std::ilogb(largest), -1000, 1000)) : 0;
}

}  // namespace detail
}  // namespace osculate
