#pragma once
// The trust-region step of a Hessian model: min g'z + z'Bz/2 over |z| <= radius, characterized by
// (B + lambda I) z = -g with B + lambda I positive semidefinite (More & Sorensen, SIAM J. Sci. Stat. Comput.
// 4, 1983; Conn, Gould & Toint, "Trust-Region Methods", 2000, section 7.3). Only Cholesky factors are made:
// lambda comes from Newton's method on the secular equation between safeguards, and in the hard case (g
// nearly orthogonal to the lowest eigenvectors) the step is filled up to the radius along a vector of nearly
// lowest curvature, which inverse iteration finds with the factor at hand.

#include <optional>

#include "hessian_factor.hpp"

namespace osculate {

template <class S, class Factor = DenseHessianFactor<S>>
class MoreSorensen {
 public:
  template <class Model>
  void prepare(const Model&) {}

  template <class Model>
  void restrict(const Model& q, const Mask& fixed, const Vector<S>& displacement) {
    factor_.restrict(q, fixed, displacement);
    spectrum_.reset();
    lower_ = std::max(S(0), -factor_.least_diagonal());
    definite_ = lower_ == 0 && factor_.factorize(0);
    fresh_ = definite_;
  }

  /// Within a tenth of the radius where that binds, as in the secular equation of least squares; at worst a
  /// tenth of the best reduction is missed.
  template <class Model>
  bool solve(const Model&, const Vector<S>&, Trial<S>& trial, Vector<S>& d) {
    if (!(std::isfinite(trial.radius) ? bounded(trial) : unbounded(trial))) return false;
    factor_.unscale(z_, d);
    return d.allFinite();
  }

 private:
  static constexpr S length_tolerance = S(0.1), hard_tolerance = S(0.1);
  static constexpr int most_attempts = 60;

  bool factorize(S lambda) {
    if (lambda == 0 && fresh_) return true;
    fresh_ = false;
    return factor_.factorize(lambda);
  }

  bool unbounded(const Trial<S>& trial) {
    if (!factorize(trial.damping)) return false;
    factor_.solve(z_);
    return true;
  }

  bool bounded(Trial<S>& trial) {
    const S radius = trial.radius, g = factor_.gradient_norm();
    S norm = 0;
    if (definite_ && factorize(0)) {
      factor_.solve(z_);
      norm = z_.norm();
      if (norm <= (1 + length_tolerance) * radius) {
        trial.damping = 0;
        return z_.allFinite();
      }
    }
    if (!spectrum_) spectrum_ = factor_.spectrum();
    // -lowest eigenvalue <= lambda, and |z(lambda)| = radius lies between these.
    S lower = std::max(lower_, g / radius - spectrum_->high),
      upper = std::max(S(0), g / radius - spectrum_->low);
    if (definite_) {
      const S newton = newton_step(norm, radius);
      if (std::isfinite(newton)) lower = std::max(lower, newton);
    }
    upper = std::max(upper, lower);
    if (!definite_) upper += S(1e-4) * spectrum_->size();
    S lambda = std::clamp(trial.damping, lower, upper);
    if (lambda <= lower && !definite_) lambda = between(lower, upper);
    bool solved = false;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      if (!factorize(lambda)) {
        lower = std::max(lower, lambda);
        lower_ = std::max(lower_, lambda);
        if (!(upper > lower)) upper = 2 * lower + std::numeric_limits<S>::epsilon() * spectrum_->size();
        lambda = between(lower, upper);
        continue;
      }
      factor_.solve(z_);
      norm = z_.norm();
      trial.damping = lambda;
      solved = true;
      const S excess = norm - radius;
      if (std::abs(excess) <= length_tolerance * radius) return z_.allFinite();
      if (excess > 0) {
        lower = std::max(lower, lambda);
      } else {
        if (lambda == 0) return z_.allFinite();
        upper = std::min(upper, lambda);
        if (fill_up(lambda, radius, lower)) return z_.allFinite();
      }
      const S next = lambda + newton_step(norm, radius);
      // From below the secular equation's Newton step never overshoots; from above it may leave the interval.
      lambda = next > lower && next < upper ? next : between(lower, upper);
      if (!(upper - lower > 4 * std::numeric_limits<S>::epsilon() * upper)) break;
    }
    // Rounding leaves no better lambda: the step is downhill all the same.
    if (norm > radius) z_ *= radius / norm;
    return solved && z_.allFinite();
  }

  /// Newton's correction of lambda for 1/|z| = 1/radius.
  S newton_step(S norm, S radius) const {
    if (norm == 0) return -std::numeric_limits<S>::infinity();
    return (norm - radius) / radius * (norm * norm / factor_.inverse_form(z_));
  }

  static S between(S lower, S upper) {
    return std::max(std::sqrt(lower) * std::sqrt(upper), lower + S(0.01) * (upper - lower));
  }

  /// The hard case: z + tau u of length radius, taken where that misses little of the reduction. u'(B +
  /// lambda I)u is an upper bound of the lowest eigenvalue, hence lambda less it one of -lambda's own.
  bool fill_up(S lambda, S radius, S& lower) {
    S theta = std::numeric_limits<S>::infinity();
    if (u_.size() != z_.size()) scatter(u_, z_.size());
    factor_.project(u_);
    for (int round = 0; round < 3; ++round) {
      w_ = u_;
      factor_.apply_inverse(w_);
      const S length = w_.norm();
      if (!(length > 0) || !std::isfinite(length)) return false;
      u_ = w_ / length;
      const S before = theta;
      theta = factor_.rayleigh_quotient(u_) + lambda;
      if (theta > S(0.9) * before) break;
    }
    lower = std::max(lower, lambda - theta);
    lower_ = std::max(lower_, lambda - theta);
    // |z + tau u| = radius; of the two roots the one that reduces more, which is the shorter.
    const S zu = z_.dot(u_), gap = radius * radius - z_.squaredNorm();
    if (!(gap > 0)) return false;
    const S root = std::sqrt(zu * zu + gap), tau = zu > 0 ? gap / (zu + root) : -gap / (root - zu);
    const S promise = -factor_.gradient_dot(z_) + lambda * radius * radius;  // z'(B + lambda I)z + ...
    if (tau * tau * theta > hard_tolerance * promise) return false;
    z_ += tau * u_;
    return true;
  }

  /// A fixed vector without structure that a Hessian might share.
  static void scatter(Vector<S>& u, Index n) {
    u.resize(n);
    std::uint32_t state = 1;
    for (Index i = 0; i < n; ++i) {
      state = state * 1664525u + 1013904223u;
      u[i] = static_cast<S>(static_cast<double>(state) / 4294967296.0 - 0.5);
    }
    if (n > 0) u /= u.norm();
  }

  Factor factor_;
  std::optional<typename Factor::Spectrum> spectrum_;  ///< looked at where a radius binds
  Vector<S> z_, u_, w_;
  S lower_ = 0;  ///< what lambda is known to exceed at this point
  bool definite_ = false, fresh_ = false;
};

}  // namespace osculate
