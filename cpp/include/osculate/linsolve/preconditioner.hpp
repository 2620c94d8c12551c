#pragma once
// What preconditions the conjugate gradients of Newton-CG: M, an approximation of the Hessian's inverse, as a
// diagonal, as a function, from the pairs of the step before, or as the inverse of a diagonal that is
// estimated from products with vectors of random signs, E[z_i (B z)_i] = B_ii (Bekas, Kokiopoulou & Saad, "An
// estimator for the diagonal of a matrix", Appl. Numer. Math. 57, 2007).

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "../types.hpp"

namespace osculate {

template <class S>
struct Preconditioner {
  Vector<S> diagonal{};  ///< of M, positive
  /// out = M r at the point x; M symmetric positive definite.
  std::function<void(const Vector<S>& x, const Vector<S>& r, Vector<S>& out)> function{};
  /// Products of an estimate of the Hessian's diagonal, which is made where CG takes twice as many iterations
  /// in a step, and renewed after ten times as many. 0: no estimate.
  Index probes = 0;
  /// Directions of a step's CG that the next step's M is made of, see lbfgs_preconditioner.hpp; at least 2.
  /// 0: none.
  Index pairs = 0;

  bool given() const { return diagonal.size() > 0 || function; }
  void apply(const Vector<S>& x, const Vector<S>& r, Vector<S>& out) const {
    if (function)
      function(x, r, out);
    else
      out = diagonal.cwiseProduct(r);
  }
};

/// Estimates the diagonal of B from `probes` >= 2 products apply(v, out). Elements below their standard
/// error, as where B has negative curvature, become what is known of their size: that error. False where
/// nothing is known of half of the elements but their size, since what is beside the diagonal outweighs it,
/// or a product is not finite.
template <class S, class Apply>
bool estimate_diagonal(Apply&& apply, Index n, Index probes, Vector<S>& diagonal, unsigned seed = 1) {
  std::mt19937 random(seed);
  Vector<S> signs(n), product, squares = Vector<S>::Zero(n);
  diagonal.setZero(n);
  std::uint32_t bits = 0;
  for (Index k = 0; k < probes; ++k) {
    for (Index i = 0; i < n; ++i) {
      if (i % 32 == 0) bits = static_cast<std::uint32_t>(random());
      signs[i] = bits & 1 ? S(1) : S(-1);
      bits >>= 1;
    }
    apply(signs, product);
    if (!product.allFinite()) return false;
    product = product.cwiseProduct(signs);
    diagonal += product, squares += product.cwiseAbs2();
  }
  const S count = static_cast<S>(probes);
  diagonal /= count;
  squares = ((squares / count - diagonal.cwiseAbs2()).cwiseMax(S(0)) / (count - 1)).cwiseSqrt();
  constexpr S known = 1;
  if (2 * (squares.array() <= known * diagonal.array()).count() < n) return false;
  diagonal = diagonal.cwiseMax(squares);
  // Where nothing at all curves the largest step is that of the least curvature known.
  const S least = (diagonal.array() > 0).select(diagonal, diagonal.maxCoeff()).minCoeff();
  diagonal = diagonal.cwiseMax(least);
  return least > 0;
}

}  // namespace osculate
