#pragma once
// lambda >= 0 such that z(lambda) = -(A + lambda I)^-1 g has |z| = radius, within 10%, or lambda = 0 where
// |z(0)| is not longer. Newton's method on the secular equation 1/|z| = 1/radius with safeguards (Hebden
// 1973; More 1978, section 5). Usually one or two factorizations.

#include <algorithm>
#include <cmath>
#include <limits>

#include "../quadratic.hpp"

namespace osculate {

/// Solves for trial.radius, or with trial.damping where the radius is infinite. `Factor` has
///   factorize(lambda)   factors A + lambda I; false where that is singular
///   full_rank()         whether the matrix last factored is nonsingular: lambda = 0 may be solved in the
///                       least-norm sense
///   solve(z)            z = -(A + lambda I)^-1 g
///   inverse_form(z)     z'(A + lambda I)^-1 z
///   gradient_norm()     |g|, zero only where g is
///   size()              the length of z
///   magnitude()         the largest diagonal element of A
/// False when no admissible lambda gives a factorization.
template <class S, class Factor>
bool solve_secular(Factor& factor, Trial<S>& trial, Vector<S>& z) {
  constexpr S tolerance = S(0.1);    // MINPACK's
  constexpr int most_attempts = 60;  // reached only when A is not finite
  const S radius = trial.radius;
  if (!std::isfinite(radius)) {
    if (!factor.factorize(trial.damping)) return false;
    factor.solve(z);
    return z.allFinite();
  }
  const S gradient_norm = factor.gradient_norm();
  if (gradient_norm == 0) {
    trial.damping = 0;
    z.setZero(factor.size());
    return true;
  }
  S lower = 0, upper = gradient_norm / radius, norm = 0;
  if (factor.factorize(0)) {
    factor.solve(z);
    norm = z.norm();
    if (norm <= (1 + tolerance) * radius) {
      trial.damping = 0;
      return true;
    }
    if (factor.full_rank()) {
      // Newton's step from lambda = 0 is a lower bound: the function is convex.
      lower = (norm - radius) / radius * (norm * norm / factor.inverse_form(z));
      if (!std::isfinite(lower)) lower = 0;
    }
  }
  upper = std::max(upper, lower);
  S lambda = std::clamp(trial.damping, lower, upper);
  if (!(lambda > 0)) lambda = norm > 0 && std::isfinite(norm) ? gradient_norm / norm : S(0.001) * upper;
  S previous = norm - radius;
  bool solved = false;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    if (!(lambda > 0)) lambda = std::max(std::numeric_limits<S>::min(), S(0.001) * upper);
    if (!factor.factorize(lambda)) {  // too small beside the rounding of A
      lower = std::max(lower, lambda);
      lambda = std::max(4 * lambda, std::numeric_limits<S>::epsilon() * factor.magnitude());
      upper = std::max(upper, lambda);
      continue;
    }
    factor.solve(z);
    solved = true;
    trial.damping = lambda;
    norm = z.norm();
    const S excess = norm - radius;
    if (std::abs(excess) <= tolerance * radius) return true;
    // The hard case of a singular A: |z| stays below the radius however small lambda is.
    if (lower == 0 && excess < 0 && previous < 0 && excess <= previous) return true;
    if (attempt >= 10 && excess < 0) return true;
    if (excess > 0)
      lower = std::max(lower, lambda);
    else
      upper = std::min(upper, lambda);
    const S newton = excess / radius * (norm * norm / factor.inverse_form(z));
    lambda = std::max(lower, lambda + newton);
    previous = excess;
  }
  return solved && z.allFinite();
}

}  // namespace osculate
