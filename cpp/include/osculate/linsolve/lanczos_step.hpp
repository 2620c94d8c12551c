#pragma once
// The minimizer of g's + s'Bs/2 over |s| <= radius in the Krylov space of B and g (Gould, Lucidi, Roma &
// Toint, "Solving the trust-region subproblem using the Lanczos method", SIAM J. Optim. 9, 1999). Truncated
// CG stops where its path leaves the radius; this goes on in the space, whose basis is kept, so that a
// smaller radius needs no further product.

#include <cmath>
#include <limits>
#include <vector>

#include "../status.hpp"
#include "krylov.hpp"
#include "subproblem.hpp"

namespace osculate {

template <class S>
class LanczosStep {
 public:
  Vector<S> step;
  S slope = 0, curvature = 0;  ///< g's and s'Bs
  Index products = 0;

  /// Grows the space until the step's residual (B + lambda I) s + g, with the radius' multiplier, is below
  /// rtol |g|, or it has `most` dimensions. KrylovExit::nonfinite without a single product that is finite.
  template <class Multiply>
  KrylovExit solve(Multiply&& multiply, const Vector<S>& g, S radius, S rtol, Index most) {
    basis_.clear(), diagonal_.clear(), beside_.clear();
    length_ = g.stableNorm(), products = 0;
    KrylovExit exit = KrylovExit::max_iterations;
    Vector<S> next = -g / length_;
    for (Index looked_at = 0; Index(basis_.size()) < most;) {
      if (!grow(multiply, next)) {
        exit = KrylovExit::nonfinite;
        break;
      }
      const Index k = Index(basis_.size());
      const S left = next.norm(), size = std::abs(diagonal_.back()) + (k > 1 ? beside_.back() : S(0));
      const bool closed = !(left > 10 * std::numeric_limits<S>::epsilon() * size);
      // A look takes k^3 operations.
      if (closed || k <= 10 || k >= looked_at + looked_at / 8 || k == most) {
        looked_at = k;
        minimize(radius);
        const bool done = left * std::abs(along_[k - 1]) <= rtol * length_;
        if (done || closed) {
          exit = at_radius_ ? KrylovExit::boundary : KrylovExit::residual;
          break;
        }
      }
      beside_.push_back(left);
      next /= left;
    }
    if (basis_.empty()) return exit;
    beside_.resize(basis_.size() - 1);
    shorten(radius);
    return exit;
  }

  /// The minimizer in the same space with another radius.
  void shorten(S radius) {
    minimize(radius);
    step.setZero(basis_.front().size());
    for (std::size_t k = 0; k < basis_.size(); ++k) step += along_[Index(k)] * basis_[k];
    const Index n = along_.size();
    slope = -length_ * along_[0];
    curvature = 0;
    for (Index k = 0; k < n; ++k) {
      const std::size_t j = static_cast<std::size_t>(k);
      curvature += along_[k] * along_[k] * diagonal_[j];
      if (k + 1 < n) curvature += 2 * along_[k] * along_[k + 1] * beside_[j];
    }
  }

 private:
  /// Adds `next` to the basis; `next` becomes what B makes of it beyond the space.
  template <class Multiply>
  bool grow(Multiply& multiply, Vector<S>& next) {
    multiply(next, product_);
    if (!product_.allFinite()) return false;
    ++products;
    basis_.push_back(next);
    diagonal_.push_back(next.dot(product_));
    next = product_;
    for (int twice = 0; twice < 2; ++twice)  // against rounding, all of the basis
      for (const Vector<S>& v : basis_) next -= v.dot(next) * v;
    return true;
  }

  /// The coefficients of the minimizer in the basis, from the tridiagonal matrix of B; in double, as it is
  /// small.
  void minimize(S radius) {
    const Index k = Index(basis_.size());
    Matrix<double> t = Matrix<double>::Zero(k, k);
    for (Index i = 0; i < k; ++i) {
      t(i, i) = double(diagonal_[static_cast<std::size_t>(i)]);
      if (i + 1 < k) t(i + 1, i) = double(beside_[static_cast<std::size_t>(i)]);
    }
    Vector<double> gradient = Vector<double>::Zero(k);
    gradient[0] = -double(length_);
    const Subproblem<double> found = solve_subproblem<double>(gradient, t, double(radius));
    along_ = found.d.template cast<S>(), at_radius_ = found.at_radius;
  }

  std::vector<Vector<S>> basis_;
  std::vector<S> diagonal_, beside_;
  Vector<S> along_, product_;
  S length_ = 0;  ///< |g|
  bool at_radius_ = false;
};

}  // namespace osculate
