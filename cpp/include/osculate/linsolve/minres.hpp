#pragma once
// MINRES (Paige & Saunders, SIAM J. Numer. Anal. 12, 1975) for (A - shift I) x = b with a symmetric A,
// definite or not, singular or not, from products A v alone: Lanczos' tridiagonal matrix by QR, so that every
// iterate has the least residual of a growing space, in the preconditioner's norm. An iteration takes four
// passes over 15 n numbers.

#include <utility>

#include "krylov.hpp"
#include "minres_passes.hpp"

namespace osculate {

template <class S>
struct MinresOptions {
  S rtol = S(1e-5);                    ///< see KrylovExit::residual and least_squares
  S atol = 0;                          ///< see KrylovExit::residual
  Index max_iterations = 0;            ///< 0: 5 n, as in SciPy
  S shift = 0;                         ///< in the unit of A
  bool warm_start = false;             ///< start at the workspace's x instead of zero
  int threads = 1;                     ///< for vectors longer than Sweep::chunk
  const Executor* executor = nullptr;  ///< see parallel.hpp
};

template <class S>
void check(const MinresOptions<S>& o) {
  detail::require(o.rtol >= 0 && std::isfinite(o.rtol), "rtol", "finite and at least 0", o.rtol);
  detail::require(o.atol >= 0 && std::isfinite(o.atol), "atol", "finite and at least 0", o.atol);
  detail::require(std::isfinite(o.shift), "shift", "finite", o.shift);
  detail::require(o.max_iterations >= 0, "max_iterations", "at least 0", o.max_iterations);
}

struct MinresOutcome {
  KrylovExit exit = KrylovExit::residual;
  Index iterations = 0;
  Index products = 0;        ///< with A
  double residual_norm = 0;  ///< sqrt(r'M^-1 r) for r = b - (A - shift I) x, by its recurrence
  double matrix_norm = 0;    ///< Frobenius norm of Lanczos' matrix: about the norm of M^-1 (A - shift I)
};

namespace detail {

template <class S, class Apply, class Precondition, class Observe>
struct Minres {
  Apply& apply;
  Precondition& precondition;
  Observe& observe;
  const MinresOptions<S>& options;
  MinresWorkspace<S>& work;
  MinresPasses<S>& pass;
  Index limit;
  MinresOutcome out{};
  const S* z = nullptr;  // M^-1 y, where a function makes it
  // Everything is computed for scale b; steps of x are divided by scale. The names are those of Lanczos'
  // matrix (alpha, beta) and of its QR factors; bars are suffixes.
  double scale = 1, enough = 0, beta = 0, beta_before = 0, phi_bar = 0;
  double delta_bar = 0, epsilon = 0, cosine = -1, sine = 0, squares = 0;

  MinresOutcome run(const S* b) {
    if (!start(b)) return finish();
    constexpr double rounding = std::numeric_limits<S>::epsilon();
    const double rtol = static_cast<double>(options.rtol), flat = std::max(rtol * rtol, std::sqrt(rounding));
    for (;;) {
      if (out.iterations == limit) return end(KrylovExit::max_iterations);
      const S* q = product<S>(apply, work.v, work.product);
      ++out.products;
      const S coupling = static_cast<S>(beta_before > 0 ? beta / beta_before : 0);
      const double alpha = pass.quotient(q, coupling);
      if (!std::isfinite(alpha)) return end(KrylovExit::nonfinite);
      if (!condition(pass.lanczos(q, static_cast<S>(alpha / beta), coupling))) return finish();
      squares += alpha * alpha + beta * beta + (out.iterations > 0 ? beta_before * beta_before : 0);
      out.matrix_norm = std::sqrt(squares);
      // The last rotation acts on the new column of Lanczos' matrix; what is left gives the next one.
      const double epsilon_before = epsilon, delta = cosine * delta_bar + sine * alpha;
      const double gamma_bar = sine * delta_bar - cosine * alpha;
      epsilon = sine * beta, delta_bar = -cosine * beta;
      // |A r| of the iterate so far is phi_bar times this.
      if (std::hypot(gamma_bar, delta_bar) <= flat * out.matrix_norm) return end(KrylovExit::least_squares);
      const double gamma = std::max(std::hypot(gamma_bar, beta), rounding * out.matrix_norm);
      cosine = gamma_bar / gamma, sine = beta / gamma;
      pass.advance(z, unit(), static_cast<S>(1 / gamma), static_cast<S>(epsilon_before),
                   static_cast<S>(delta), static_cast<S>(cosine * phi_bar / scale));
      phi_bar *= sine;
      ++out.iterations;
      if (!show()) return finish();
      if (phi_bar <= enough) return end(KrylovExit::residual);
    }
  }

  /// The first Lanczos vector, from the residual; false where there is nothing to do.
  bool start(const S* b) {
    const Index n = work.x.size();
    scale = safe_scale(b, n, pass.dot(b, b));
    if (scale == 0 || n == 0) {
      work.x.setZero();
      return stop(KrylovExit::residual);
    }
    if (std::isnan(scale)) return stop(KrylovExit::nonfinite);
    for (Vector<S>* v : {&work.y_before, &work.w, &work.w_before}) v->setZero(n);
    pass.residual(b, static_cast<S>(scale), nullptr);
    if (!condition(pass.squared_y())) return false;
    enough = std::max(static_cast<double>(options.rtol) * beta, static_cast<double>(options.atol) * scale);
    if (options.warm_start) {
      work.v = work.x;  // the function always sees v
      const S* q = product<S>(apply, work.v, work.product);
      ++out.products;
      pass.residual(b, static_cast<S>(scale), q);
      if (!condition(pass.squared_y())) return false;
    }
    phi_bar = beta;
    if (phi_bar <= enough) return stop(KrylovExit::residual);
    pass.first_vector(z, unit());
    return true;
  }

  /// beta = sqrt(y'M^-1 y), where `square` is y'y, or that already for a diagonal preconditioner.
  bool condition(double square) {
    if constexpr (!no_preconditioner<Precondition> && !diagonal_preconditioner<S, Precondition>) {
      z = product<S>(precondition, work.y, work.z);
      const bool zero = square == 0;
      square = pass.dot(work.y.data(), z);
      if (square == 0 && !zero) return stop(KrylovExit::preconditioner);
    }
    if (!std::isfinite(square)) return stop(KrylovExit::nonfinite);
    if (square < 0) return stop(KrylovExit::preconditioner);
    beta_before = std::exchange(beta, std::sqrt(square));
    return true;
  }

  S unit() const { return static_cast<S>(beta > 0 ? 1 / beta : 0); }

  /// Shows the iterate; false where the observer wants no more.
  bool show() {
    if constexpr (observes<Observe>)
      return observe(
                 KrylovIteration{out.iterations, std::numeric_limits<double>::quiet_NaN(), phi_bar / scale},
                 static_cast<const Vector<S>&>(work.x)) ||
             stop(KrylovExit::user_stop);
    return true;
  }
  bool stop(KrylovExit exit) {
    out.exit = exit;
    return false;
  }
  MinresOutcome end(KrylovExit exit) {
    stop(exit);
    return finish();
  }
  MinresOutcome finish() {
    out.residual_norm = scale > 0 ? phi_bar / scale : 0;
    return out;
  }
};

}  // namespace detail

/// Solves for work.x; a singular system that has a solution too, and where there is none x has the least
/// residual. `apply(v, out)` writes A v, or returns a pointer to it; v is always work.v. `precondition`:
/// NoPreconditioner, DiagonalPreconditioner, or a function like `apply` that gives M^-1 v.
/// `observe(iteration, x)` sees every iterate. A must be symmetric, which is not tested. Exceptions of the
/// functions pass through.
template <class S, class Apply, class Precondition = const NoPreconditioner,
          class Observe = const NoKrylovObserver>
MinresOutcome minres(Apply&& apply, const Eigen::Ref<const Vector<S>>& b, const MinresOptions<S>& options,
                     MinresWorkspace<S>& work, Precondition&& precondition = {}, Observe&& observe = {}) {
  check(options);
  const Index n = b.size();
  if (!options.warm_start) work.x.setZero(n);
  for (Vector<S>* v : {&work.v, &work.y, &work.y_before, &work.w, &work.w_before, &work.product, &work.z})
    v->resize(n);
  detail::MinresPasses<S> pass{
      .work = work, .shift = options.shift, .sweep = Sweep<S>(n, options.threads, options.executor)};
  if constexpr (detail::diagonal_preconditioner<S, Precondition>) pass.inverse = precondition.inverse.data();
  return detail::Minres<S, std::remove_reference_t<Apply>, std::remove_reference_t<Precondition>,
                        std::remove_reference_t<Observe>>{
      apply,
      precondition,
      observe,
      options,
      work,
      pass,
      options.max_iterations > 0 ? options.max_iterations : 5 * n}
      .run(b.data());
}

}  // namespace osculate
