#pragma once
// The trust-region subproblem min g'd + d'Bd/2 over |d| <= radius for a dense B, to working precision: (B +
// lambda I) d = -g with B + lambda I positive semidefinite and lambda (radius - |d|) = 0 (More & Sorensen,
// SIAM J. Sci. Stat. Comput. 4, 1983). Where B is positive definite, by Cholesky and Newton's method on
// 1/radius - 1/|d(lambda)|, which from lambda = 0 converges monotonically; where it is not, the same in the
// eigenbasis. more_sorensen.hpp is the solver's, which does no more than a step needs.

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>

#include "../types.hpp"

namespace osculate {

template <class S>
struct Subproblem {
  Vector<S> d;             ///< the minimizer; one of two or more in the hard case
  S lambda = 0;            ///< the multiplier of the radius
  S reduction = 0;         ///< -(g'd + d'Bd/2), not negative
  bool at_radius = false;  ///< |d| is the radius
  bool hard_case = false;  ///< g has no part in the lowest eigenspace, and d is filled up along it
};

namespace detail {

/// Newton's method on the secular equation between `low` and `high`; length(lambda, slope) gives |d| and d'(B
/// + lambda I)^-1 d.
template <class S, class Length>
S secular_root(S low, S high, S lambda, S radius, const Length& length) {
  constexpr int most = 200;  // bisections that a double has bits for, some times
  for (int i = 0; i < most; ++i) {
    S form = 0;
    const S norm = length(lambda, form);
    if (std::abs(norm - radius) <= 4 * std::numeric_limits<S>::epsilon() * radius) break;
    (norm > radius ? low : high) = lambda;
    S next = lambda + (norm - radius) / radius * (norm * norm / form);
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    if (next == lambda || !(next > low && next < high)) break;
    lambda = next;
  }
  return lambda;
}

}  // namespace detail

/// `b`: its lower triangle. g and b are finite, and the radius is positive.
template <class S>
Subproblem<S> solve_subproblem(const Vector<S>& g, const Matrix<S>& b, S radius) {
  Subproblem<S> out;
  const Index n = g.size();
  const auto symmetric = b.template selfadjointView<Eigen::Lower>();
  const auto finish = [&] {
    // The root is as exact as |d| is, which condition times eps may be far from; the radius is kept all the
    // same.
    if (out.at_radius) out.d *= radius / out.d.stableNorm();
    out.reduction = -(g.dot(out.d) + out.d.dot(symmetric * out.d) / 2);
    return out;
  };
  out.d.setZero(n);
  if (n == 0) return out;
  constexpr S eps = std::numeric_limits<S>::epsilon();
  const S size = b.diagonal().cwiseAbs().maxCoeff(), gradient = g.stableNorm();

  Eigen::LLT<Matrix<S>, Eigen::Lower> factor(b);
  const auto diagonal = [&] { return factor.matrixLLT().diagonal().array(); };
  if (factor.info() == Eigen::Success && diagonal().minCoeff() > std::sqrt(4 * eps) * diagonal().maxCoeff()) {
    out.d = factor.solve(-g);
    if (out.d.stableNorm() <= radius) return finish();
    Matrix<S> shifted;
    const auto length = [&](S lambda, S& form) {
      shifted = b;
      shifted.diagonal().array() += lambda;
      factor.compute(shifted);
      out.d = factor.solve(-g);
      form = factor.matrixL().solve(out.d).squaredNorm();
      return out.d.stableNorm();
    };
    out.lambda = detail::secular_root<S>(0, gradient / radius, 0, radius, length);
    out.at_radius = true;
    return finish();
  }

  const Eigen::SelfAdjointEigenSolver<Matrix<S>> eigen(b);
  const Vector<S>& values = eigen.eigenvalues();
  const Vector<S> along = eigen.eigenvectors().transpose() * g;
  const S flat = static_cast<S>(n) * eps, rounding = flat * std::max(size, values.cwiseAbs().maxCoeff());
  // lambda is counted from where B + lambda I becomes semidefinite, so that the lowest gap has no rounding.
  // What rounding leaves of g in the lowest eigenspace counts as nothing.
  const S least = values[0] < -rounding ? -values[0] : S(0);
  const Vector<S> gap = (values.array() + least).cwiseMax(S(0));
  Vector<S> y(n);
  const auto length = [&](S extra, S& form) {
    form = 0;
    for (Index i = 0; i < n; ++i) {
      const bool nothing = along[i] == 0 || (std::abs(along[i]) <= flat * gradient && gap[i] <= rounding);
      y[i] = nothing ? S(0) : -along[i] / (gap[i] + extra);
      if (!nothing) form += y[i] * y[i] / (gap[i] + extra);
    }
    return y.stableNorm();
  };
  S form = 0;
  const S shortest = length(0, form);  // infinite where g reaches the lowest eigenspace
  out.at_radius = !(shortest <= radius) || least > 0;
  out.hard_case = shortest <= radius && least > 0;
  S extra = 0;
  if (!(shortest <= radius)) {
    const S most = gradient / radius;
    extra = detail::secular_root<S>(0, 2 * most, most, radius, length);
    length(extra, form);
  }
  if (out.hard_case) y[0] = std::sqrt((radius - shortest) * (radius + shortest));
  out.lambda = least + extra;
  out.d.noalias() = eigen.eigenvectors() * y;
  return finish();
}

}  // namespace osculate
