#pragma once
// MINRES (Paige & Saunders, SIAM J. Numer. Anal. 12, 1975) for (A - shift I) x = b with a symmetric A,
// definite or not, singular or not, from products A v alone: Lanczos' tridiagonal matrix by QR, so that every
// iterate has the least residual of a growing space, in the preconditioner's norm. An iteration takes three
// passes over 15 n numbers.

#include <utility>

#include "krylov.hpp"

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

/// The vectors of a solve. Kept from one solve to the next they are not allocated again.
template <class S>
struct MinresWorkspace {
  Vector<S> x;            ///< the start where it is warm, and the solution
  Vector<S> v;            ///< Lanczos' vector, whose product is asked for
  Vector<S> y, y_before;  ///< beta v in the paper, whose M^-1 is asked for: the two change places
  Vector<S> w, w_before;  ///< directions
  Vector<S> product, z;
};

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
  Index limit;
  Sweep<S> sweep;
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
      const double alpha = quotient(q);
      if (!std::isfinite(alpha)) return end(KrylovExit::nonfinite);
      if (!lanczos(q, alpha)) return finish();
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
      const double length = cosine * phi_bar / scale;
      phi_bar *= sine;
      advance(1 / gamma, epsilon_before, delta, length);
      ++out.iterations;
      if (!show()) return finish();
      if (phi_bar <= enough) return end(KrylovExit::residual);
    }
  }

  /// The first Lanczos vector, from the residual; false where there is nothing to do.
  bool start(const S* b) {
    const Index n = work.x.size();
    const double square = sweep.template operator()<1>([=](const auto& at) {
      const Lanes<S> v = at.load(b);
      at.template add<0>(v, v);
    })[0];
    scale = safe_scale(b, n, square);
    if (scale == 0 || n == 0) {
      work.x.setZero();
      return stop(KrylovExit::residual);
    }
    if (std::isnan(scale)) return stop(KrylovExit::nonfinite);
    for (Vector<S>* v : {&work.y_before, &work.w, &work.w_before}) v->setZero(n);
    residual(b, nullptr);
    if (!condition(squared_y())) return false;
    enough = std::max(static_cast<double>(options.rtol) * beta, static_cast<double>(options.atol) * scale);
    if (options.warm_start) {
      work.v = work.x;  // the function always sees v
      const S* q = product<S>(apply, work.v, work.product);
      ++out.products;
      residual(b, q);
      if (!condition(squared_y())) return false;
    }
    phi_bar = beta;
    if (phi_bar <= enough) return stop(KrylovExit::residual);
    advance(0, 0, 0, 0);
    return true;
  }

  /// y = scale (b - (A - shift I) x), without a product x is zero.
  void residual(const S* b, const S* q) {
    const S *x = work.x.data(), unit = static_cast<S>(scale), shift = options.shift;
    S* y = work.y.data();
    sweep([=](const auto& at) {
      Lanes<S> left = at.load(b);
      if (q) left -= at.load(q) - shift * at.load(x);
      at.store(y, unit * left);
    });
  }

  /// y'y, or y'M^-1 y for a diagonal preconditioner.
  double squared_y() {
    const S *y = work.y.data(), *d = inverse();
    return sweep.template operator()<1>([=](const auto& at) {
      const Lanes<S> v = at.load(y);
      at.template add<0>(v, d ? Lanes<S>(v * at.load(d)) : v);
    })[0];
  }

  /// beta = sqrt(y'M^-1 y), where `square` is squared_y().
  bool condition(double square) {
    if constexpr (!no_preconditioner<Precondition> && !diagonal_preconditioner<S, Precondition>) {
      const S *y = work.y.data(), *made = z = product<S>(precondition, work.y, work.z);
      const bool zero = square == 0;
      square = sweep.template operator()<1>(
          [=](const auto& at) { at.template add<0>(at.load(y), at.load(made)); })[0];
      if (square == 0 && !zero) return stop(KrylovExit::preconditioner);
    }
    if (!std::isfinite(square)) return stop(KrylovExit::nonfinite);
    if (square < 0) return stop(KrylovExit::preconditioner);
    beta_before = std::exchange(beta, std::sqrt(square));
    return true;
  }

  /// v'(A - shift I)v, less what rounding leaves of v'y_before. Reads 3 n numbers.
  double quotient(const S* q) {
    const S *v = work.v.data(), *y = work.y_before.data(), shift = options.shift;
    const S coupling = lanczos_coupling();
    return sweep.template operator()<1>([=](const auto& at) {
      const Lanes<S> left = at.load(v);
      at.template add<0>(left, at.load(q) - shift * left - coupling * at.load(y));
    })[0];
  }

  /// y for the next vector: (A - shift I)v less its parts along the last two. Reads and writes 4 n.
  bool lanczos(const S* q, double alpha) {
    const S *v = work.v.data(), *y = work.y.data(), *d = inverse(), shift = options.shift;
    const S along = static_cast<S>(alpha / beta), coupling = lanczos_coupling();
    S* next = work.y_before.data();
    const double square = sweep.template operator()<1>([=](const auto& at) {
      Lanes<S> left = at.load(q) - coupling * at.load(next) - along * at.load(y);
      if (shift != 0) left -= shift * at.load(v);
      at.store(next, left);
      at.template add<0>(left, d ? Lanes<S>(left * at.load(d)) : left);
    })[0];
    work.y.swap(work.y_before);
    return condition(square);
  }

  /// w = inverse_gamma (v - epsilon w_before - delta w), x += length w, v = M^-1 y / beta. Reads and writes 8
  /// n.
  void advance(double inverse_gamma, double epsilon_before, double delta, double length) {
    const S *w = work.w.data(), *y = z ? z : work.y.data(), *d = inverse();
    S *v = work.v.data(), *next = work.w_before.data(), *x = work.x.data();
    const S g = static_cast<S>(inverse_gamma), e = static_cast<S>(epsilon_before), f = static_cast<S>(delta),
            l = static_cast<S>(length), unit = static_cast<S>(beta > 0 ? 1 / beta : 0);
    const bool first = inverse_gamma == 0;
    sweep([=](const auto& at) {
      Lanes<S> u = unit * at.load(y);
      if (d) u *= at.load(d);
      if (!first) {
        const Lanes<S> direction = g * (at.load(v) - e * at.load(next) - f * at.load(w));
        at.store(next, direction);
        at.store(x, at.load(x) + l * direction);
      }
      at.store(v, u);
    });
    if (!first) work.w.swap(work.w_before);
  }

  S lanczos_coupling() const { return static_cast<S>(beta_before > 0 ? beta / beta_before : 0); }
  const S* inverse() const {
    if constexpr (diagonal_preconditioner<S, Precondition>) return precondition.inverse.data();
    return nullptr;
  }

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
  return detail::Minres<S, std::remove_reference_t<Apply>, std::remove_reference_t<Precondition>,
                        std::remove_reference_t<Observe>>{
      apply,
      precondition,
      observe,
      options,
      work,
      options.max_iterations > 0 ? options.max_iterations : 5 * n,
      Sweep<S>(n, options.threads, options.executor)}
      .run(b.data());
}

}  // namespace osculate
