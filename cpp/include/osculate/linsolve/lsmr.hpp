#pragma once
// LSMR (Fong & Saunders, SIAM J. Sci. Comput. 33, 2011): least squares min |J d + r|^2 + damping |d|^2 from
// the products J v and J'u alone. |d| grows with every iteration, so that the path is followed until it
// leaves the trust region, as Steihaug (1983) does with CG.

#include <cmath>
#include <functional>
#include <limits>

#include "../quadratic.hpp"

namespace osculate {

template <class S>
struct LsmrOptions {
  S tolerance = S(1e-2);                          ///< on |J'(J d + r)|, relative to its value at d = 0
  S damping = 0;                                  ///< lambda
  S radius = std::numeric_limits<S>::infinity();  ///< largest |d|
  Index max_iterations = 0;                       ///< 0: the smaller of twice the number of columns and 1000
  const std::function<void()>* poll = nullptr;    ///< called every iteration; an exception ends the solve
};

template <class S>
struct LsmrOutcome {
  Index iterations = 0;
  bool at_radius = false;
};

/// Solves for d from products; `apply(v, out)`, `apply_transposed(u, out)`.
template <class S, class Apply, class ApplyTransposed>
LsmrOutcome<S> lsmr(Apply&& apply, ApplyTransposed&& apply_transposed, const Vector<S>& r, Index columns,
                    const LsmrOptions<S>& options, Vector<S>& d) {
  LsmrOutcome<S> outcome;
  const Index limit =
      options.max_iterations > 0 ? options.max_iterations : std::min<Index>(2 * columns, 1000);
  const S root = std::sqrt(options.damping);
  d.setZero(columns);
  Vector<S> u = -r, v(columns), work_u(r.size()), work_v(columns), before;
  S beta = u.norm();
  if (beta == 0 || columns == 0) return outcome;
  u /= beta;
  apply_transposed(u, v);
  S alpha = v.norm();
  if (alpha == 0) return outcome;
  v /= alpha;

  // The notation is the paper's, section 2.8; bars are suffixes.
  const S enough = options.tolerance * alpha * beta;
  S zeta_bar = alpha * beta, alpha_bar = alpha, rho = 1, rho_bar = 1, c_bar = 1, s_bar = 0;
  Vector<S> h = v, h_bar = Vector<S>::Zero(columns);
  // |J d + r| for the stopping rule, section 5.
  S beta_hat_dd = beta, beta_d = 0, rho_d_old = 1, tau_tilde_old = 0, theta_tilde = 0, zeta = 0, sum = 0;
  S frobenius = alpha * alpha;
  while (outcome.iterations < limit) {
    ++outcome.iterations;
    if (options.poll && *options.poll) (*options.poll)();
    apply(v, work_u);
    u = work_u - alpha * u;
    beta = u.norm();
    if (beta > 0) u /= beta;
    apply_transposed(u, work_v);
    v = work_v - beta * v;
    alpha = v.norm();
    if (alpha > 0) v /= alpha;

    const S alpha_hat = std::hypot(alpha_bar, root), c_hat = alpha_bar / alpha_hat, s_hat = root / alpha_hat;
    const S rho_old = rho;
    rho = std::hypot(alpha_hat, beta);
    const S c = alpha_hat / rho, s = beta / rho;
    const S theta_new = s * alpha;
    alpha_bar = c * alpha;
    const S rho_bar_old = rho_bar, zeta_old = zeta, theta_bar = s_bar * rho;
    const S rho_temporary = c_bar * rho;
    rho_bar = std::hypot(rho_temporary, theta_new);
    c_bar = rho_temporary / rho_bar, s_bar = theta_new / rho_bar;
    zeta = c_bar * zeta_bar;
    zeta_bar = -s_bar * zeta_bar;

    h_bar = h - (theta_bar * rho / (rho_old * rho_bar_old)) * h_bar;
    before = d;
    d += (zeta / (rho * rho_bar)) * h_bar;
    h = v - (theta_new / rho) * h;

    if (std::isfinite(options.radius) && !(d.norm() < options.radius)) {
      // The point between the last two iterates where |d| = radius.
      const Vector<S> p = d - before;
      const S a = p.squaredNorm(), b = before.dot(p),
              e = before.squaredNorm() - options.radius * options.radius;
      const S t = a > 0 ? (-b + std::sqrt(std::max(S(0), b * b - a * e))) / a : S(0);
      d = before + t * p;
      outcome.at_radius = true;
      return outcome;
    }

    const S beta_acute = c_hat * beta_hat_dd, beta_check = -s_hat * beta_hat_dd, beta_hat = c * beta_acute;
    beta_hat_dd = -s * beta_acute;
    const S theta_tilde_old = theta_tilde, rho_tilde_old = std::hypot(rho_d_old, theta_bar);
    const S c_tilde = rho_d_old / rho_tilde_old, s_tilde = theta_bar / rho_tilde_old;
    theta_tilde = s_tilde * rho_bar;
    rho_d_old = c_tilde * rho_bar;
    beta_d = -s_tilde * beta_d + c_tilde * beta_hat;
    tau_tilde_old = (zeta_old - theta_tilde_old * tau_tilde_old) / rho_tilde_old;
    const S tau_d = (zeta - theta_tilde * tau_tilde_old) / rho_d_old;
    sum += beta_check * beta_check;
    const S residual = std::sqrt(sum + (beta_d - tau_d) * (beta_d - tau_d) + beta_hat_dd * beta_hat_dd);
    frobenius += beta * beta;
    const S norm = std::sqrt(frobenius);
    frobenius += alpha * alpha;
    // |zeta_bar| is |J'(J d + r)|, and eps |J| |J d + r| its rounding error.
    constexpr S epsilon = std::numeric_limits<S>::epsilon();
    if (!std::isfinite(zeta_bar) || alpha == 0 ||
        std::abs(zeta_bar) <= std::max(enough, epsilon * norm * residual))
      return outcome;
  }
  return outcome;
}

/// The linear solve of a Gauss-Newton model by LSMR in the variables z = D d, preconditioned by that scaling.
template <class S>
struct LsmrStep {
  /// See LsmrOptions; 0: the smaller of the gradient's cosine |D^-1 g| / |r| and |r| / |r(x0)|, at most 0.1.
  S tolerance = 0;
  Index max_iterations = 0;      ///< products J v a solve; 0: LSMR's default
  std::function<void()> poll{};  ///< see LsmrOptions
  Index products = 0;            ///< J v and J'u so far
  S first_residual = 0;          ///< |r(x0)|
  Vector<S> inverse_scale{}, held{}, shifted{}, scaled{}, z{};
  Mask fixed{};

  template <class Model>
  void prepare(const Model& q) {
    inverse_scale = (q.scale.array() > 0).select(q.scale.cwiseInverse(), S(0));
    if (first_residual == 0) first_residual = q.residual.norm();
  }

  template <class Model>
  void restrict(const Model& q, const Mask& fixed_variables, const Vector<S>& displacement) {
    fixed = fixed_variables;
    held = displacement;
    shifted = q.residual;
    if (held.isZero(0)) return;
    multiply(q.jacobian, held, scaled);
    shifted += scaled;
    ++products;
  }

  template <class Model>
  bool solve(const Model& q, const Vector<S>&, Trial<S>& trial, Vector<S>& d) {
    const Vector<S> free_scale = fixed.select(S(0), inverse_scale);
    // An inexact Newton method: the relative error of the linear solve goes to zero with the gradient, or
    // with the residual where that vanishes, which keeps the convergence superlinear (Dembo, Eisenstat &
    // Steihaug 1982).
    const S residual = shifted.norm();
    const S cosine = residual > 0 ? q.gradient.cwiseProduct(free_scale).norm() / residual : S(0);
    const S measure = first_residual > 0 ? std::min(cosine, q.residual.norm() / first_residual) : cosine;
    LsmrOptions<S> options{.tolerance = tolerance > 0 ? tolerance : std::min(S(0.1), measure),
                           .damping = trial.damping,
                           .radius = trial.radius,
                           .max_iterations = max_iterations,
                           .poll = &poll};
    if (std::isfinite(trial.radius)) options.damping = trial.damping = 0;
    const auto apply = [&](const Vector<S>& v, Vector<S>& out) {
      scaled = v.cwiseProduct(free_scale);
      multiply(q.jacobian, scaled, out);
    };
    const auto apply_transposed = [&](const Vector<S>& u, Vector<S>& out) {
      multiply_transposed(q.jacobian, u, out);
      out = out.cwiseProduct(free_scale);
    };
    products += 2 * lsmr<S>(apply, apply_transposed, shifted, fixed.size(), options, z).iterations + 1;
    d = fixed.select(held, z.cwiseProduct(free_scale));
    return d.allFinite();
  }
};

}  // namespace osculate
