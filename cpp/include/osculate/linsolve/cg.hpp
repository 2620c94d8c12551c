#pragma once
// Preconditioned conjugate gradients for (A + damping I) x = b from products A v alone (Hestenes & Stiefel
// 1952). Every iterate minimizes phi(x) = x'(A + damping I)x/2 - b'x over a growing space, and x grows in the
// preconditioner's norm, so that the path is followed until it leaves a trust region or meets negative
// curvature (Steihaug, SIAM J. Numer. Anal. 20, 1983; Toint 1981). An iteration takes three passes over 10 n
// numbers, 12 n with a diagonal preconditioner: x moves in the pass that makes the next direction.

#include <cmath>
#include <limits>

#include "cg_passes.hpp"
#include "krylov.hpp"

namespace osculate {

template <class S>
struct CgOptions {
  S rtol = S(1e-5);                               ///< see KrylovExit::residual; SciPy's default
  S atol = 0;                                     ///< see KrylovExit::residual; in the unit of b
  Index max_iterations = 0;                       ///< 0: 10 n, as in SciPy
  S damping = 0;                                  ///< at least 0, in the unit of A
  S radius = std::numeric_limits<S>::infinity();  ///< largest sqrt(x'M x); x then starts at zero
  S progress_tolerance = 0;            ///< eps of KrylovExit::progress, Martens: 5e-4; 0: no such test
  bool warm_start = false;             ///< start at the workspace's x instead of zero
  Index ritz = 0;                      ///< how many rows of Lanczos' matrix are kept
  int threads = 1;                     ///< for vectors longer than Sweep::chunk
  const Executor* executor = nullptr;  ///< see parallel.hpp
};

template <class S>
void check(const CgOptions<S>& o) {
  using detail::require;
  const auto at_least_zero = [&](const char* name, S value) {
    require(value >= 0 && std::isfinite(value), name, "finite and at least 0", value);
  };
  at_least_zero("rtol", o.rtol), at_least_zero("atol", o.atol), at_least_zero("damping", o.damping);
  at_least_zero("progress_tolerance", o.progress_tolerance);
  require(o.radius > 0, "radius", "positive", o.radius);
  require(o.max_iterations >= 0, "max_iterations", "at least 0", o.max_iterations);
  require(!o.warm_start || std::isinf(o.radius), "radius", "infinite where the start is not zero", o.radius);
}

struct CgOutcome {
  KrylovExit exit = KrylovExit::residual;
  Index iterations = 0;      ///< steps taken, the one to the boundary included
  Index products = 0;        ///< with A
  double residual_norm = 0;  ///< |b - (A + damping I) x|, by its recurrence
  double model = 0;          ///< phi(x)
  /// sqrt(x'M x); NaN after a warm start. Without a radius by a recurrence that lost orthogonality spoils.
  double step_norm = 0;
  /// Extremes of p'(A + damping I)p / p'M p over the directions; NaN without any.
  double least_curvature = std::numeric_limits<double>::quiet_NaN();
  double largest_curvature = std::numeric_limits<double>::quiet_NaN();
};

namespace detail {

template <class S, class Apply, class Precondition, class Observe>
struct Cg {
  Apply& apply;
  Precondition& precondition;
  Observe& observe;
  const CgOptions<S>& options;
  CgWorkspace<S>& work;
  CgPasses<S>& pass;
  Index limit;
  CgOutcome out{};
  const S* z = nullptr;  // M^-1 r, where a function makes it
  // Everything is computed for scale b: r, p, z and the products. Steps of x are divided by scale.
  double scale = 1, enough = 0, rr = 0, rz = 0, model = 0, alpha = 0, beta = 0;
  double xMx = 0, xMp = 0, pMp = 0;

  CgOutcome run(const S* b) {
    if (!start(b)) return finish();
    const double radius = static_cast<double>(options.radius) * scale;
    for (;;) {
      if (out.iterations == limit) return end(KrylovExit::max_iterations);
      const S* q = product<S>(apply, work.p, work.q);
      ++out.products;
      const double curvature = pass.curvature(q);
      if (!std::isfinite(curvature)) return end(KrylovExit::nonfinite);
      note(curvature);
      alpha = rz / curvature;
      const bool negative = !(curvature > 0) || !std::isfinite(alpha);
      if (negative && std::isinf(radius)) return end(KrylovExit::negative_curvature);
      const double next = xMx + alpha * (2 * xMp + alpha * pMp);
      if (negative || next >= radius * radius) {
        to_boundary(q, radius, curvature, negative);
        return finish();
      }
      xMx = next;
      if (!step(q) || !show()) return finish();
    }
  }

  /// r = b - (A + damping I) x, and the first direction; false where there is nothing to do.
  bool start(const S* b) {
    const Index n = work.r.size();
    scale = safe_scale(b, n, pass.dot(b, b));
    if (scale == 0 || n == 0) {
      work.x.setZero();
      return stop(KrylovExit::residual);
    }
    if (std::isnan(scale)) return stop(KrylovExit::nonfinite);
    const S* product_x = nullptr;
    if (options.warm_start) {
      pass.copy(work.x.data(), work.p.data());  // the function always sees p
      product_x = product<S>(apply, work.p, work.q);
      ++out.products;
    }
    const auto sums = pass.residual(b, static_cast<S>(scale), product_x);
    rr = sums[0], model = -sums[1] / 2;
    enough = std::max(static_cast<double>(options.rtol) * std::sqrt(sums[2]),
                      static_cast<double>(options.atol) * scale);
    if (!std::isfinite(rr)) return stop(KrylovExit::nonfinite);
    if (std::sqrt(rr) <= enough) return stop(KrylovExit::residual);
    if constexpr (diagonal_preconditioner<S, Precondition>) rz = pass.weighted_square();
    if (!condition()) return false;
    pass.first_direction(z);
    pMp = rz;
    if (options.progress_tolerance > 0)
      work.models.assign(static_cast<std::size_t>(std::max<Index>(10, limit / 10) + 1), model);
    return true;
  }

  /// z = M^-1 r and r'z, which the pass over r has made for a diagonal preconditioner.
  bool condition() {
    if constexpr (no_preconditioner<Precondition>) {
      rz = rr;
    } else if constexpr (!diagonal_preconditioner<S, Precondition>) {
      z = product<S>(precondition, work.r, work.z);
      rz = pass.dot(work.r.data(), z);
    }
    if (!std::isfinite(rz)) return stop(KrylovExit::nonfinite);
    return rz > 0 || stop(KrylovExit::preconditioner);
  }

  /// A step of length alpha and the next direction; false after the last one.
  bool step(const S* q) {
    const double before = rz;
    if (!reduce(q)) return false;
    model -= alpha * before / 2;
    if (std::sqrt(rr) <= enough) return last(KrylovExit::residual);
    if (!progresses()) return last(KrylovExit::progress);
    if (!condition()) return last(out.exit);
    beta = rz / before;
    // In exact arithmetic r is orthogonal to x and to the old p. What rounding makes of that is measured
    // where a radius is to be kept: with it the lengths in M's norm stay right, and M itself is not needed.
    const S keep = static_cast<S>(beta);
    const auto [xr, pr] = std::isinf(options.radius) ? pass.template turn<false>(z, length(), keep)
                                                     : pass.template turn<true>(z, length(), keep);
    xMp = beta * (xMp + alpha * pMp) + xr * scale;
    pMp = rz + beta * (2 * pr + beta * pMp);
    return true;
  }

  /// To where sqrt(x'M x) is the radius, along p.
  void to_boundary(const S* q, double radius, double curvature, bool negative) {
    const double room = std::max(0.0, (radius - std::sqrt(xMx)) * (radius + std::sqrt(xMx))), slope = -rz;
    alpha = room / (xMp + std::sqrt(xMp * xMp + pMp * room));
    if (!reduce(q)) return;
    model += alpha * (slope + alpha * curvature / 2);
    xMx = radius * radius;
    last(negative ? KrylovExit::negative_curvature_boundary : KrylovExit::boundary);
  }

  /// r -= alpha (A + damping I) p; false where it is not finite. An iteration that gets through this counts.
  bool reduce(const S* q) {
    const auto [square, weighted] = pass.reduce(q, static_cast<S>(alpha));
    if (!std::isfinite(square)) return stop(KrylovExit::nonfinite);
    ++out.iterations;
    rr = square;
    if constexpr (diagonal_preconditioner<S, Precondition>) rz = weighted;
    return true;
  }

  /// Whether Martens' test does not hold yet.
  bool progresses() {
    if (options.progress_tolerance == 0) return true;
    const Index i = out.iterations, k = std::max<Index>(10, i / 10), kept = Index(work.models.size());
    const auto of = [&](Index j) -> double& { return work.models[static_cast<std::size_t>(j % kept)]; };
    of(i) = model;
    const double little = static_cast<double>(options.progress_tolerance) * static_cast<double>(k);
    return !(i > k && model < 0 && (model - of(i - k)) / model < little);
  }

  /// Remembers the curvature of p, before alpha and beta change.
  void note(double curvature) {
    const double ratio = curvature / pMp;
    if (!(out.least_curvature <= ratio)) out.least_curvature = ratio;
    if (!(out.largest_curvature >= ratio)) out.largest_curvature = ratio;
    if (Index(work.ritz_diagonal.size()) == options.ritz) return;
    work.ritz_diagonal.push_back(curvature / rz + (out.iterations > 0 ? beta / alpha : 0));
    if (out.iterations > 0) work.ritz_offdiagonal.push_back(std::sqrt(beta) / alpha);
  }

  S length() const { return static_cast<S>(alpha / scale); }

  /// Shows the iterate; false where the observer wants no more.
  bool show() {
    if constexpr (observes<Observe>)
      return observe(KrylovIteration{out.iterations, model / scale / scale, std::sqrt(rr) / scale},
                     static_cast<const Vector<S>&>(work.x)) ||
             stop(KrylovExit::user_stop);
    return true;
  }
  /// The iteration is the last one: completes x.
  bool last(KrylovExit exit) {
    pass.move(length());
    show();
    return stop(exit);
  }
  bool stop(KrylovExit exit) {
    out.exit = exit;
    return false;
  }
  CgOutcome end(KrylovExit exit) {
    stop(exit);
    return finish();
  }
  CgOutcome finish() {
    if (scale == 0) scale = 1;
    out.residual_norm = std::sqrt(rr) / scale;
    out.model = model / scale / scale;
    out.step_norm = options.warm_start ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(xMx) / scale;
    return out;
  }
};

}  // namespace detail

/// Solves for work.x. `apply(v, out)` writes A v, or returns a pointer to it; v is always work.p.
/// `precondition`: NoPreconditioner, DiagonalPreconditioner, or a function like `apply` that gives M^-1 v for
/// v = work.r. `observe(iteration, x)` sees every iterate; see KrylovIteration. A must be symmetric, which is
/// not tested. Exceptions of the functions pass through; the solve allocates nothing once the workspace has
/// its size, but for what several threads need.
template <class S, class Apply, class Precondition = const NoPreconditioner,
          class Observe = const NoKrylovObserver>
CgOutcome cg(Apply&& apply, const Eigen::Ref<const Vector<S>>& b, const CgOptions<S>& options,
             CgWorkspace<S>& work, Precondition&& precondition = {}, Observe&& observe = {}) {
  check(options);
  const Index n = b.size();
  if (!options.warm_start) work.x.setZero(n);
  for (Vector<S>* v : {&work.r, &work.p, &work.q, &work.z}) v->resize(n);
  for (std::vector<double>* v : {&work.ritz_diagonal, &work.ritz_offdiagonal}) {
    v->clear();
    v->reserve(static_cast<std::size_t>(options.ritz));
  }
  detail::CgPasses<S> pass{
      .work = work, .damping = options.damping, .sweep = Sweep<S>(n, options.threads, options.executor)};
  if constexpr (detail::diagonal_preconditioner<S, Precondition>) pass.inverse = precondition.inverse.data();
  return detail::Cg<S, std::remove_reference_t<Apply>, std::remove_reference_t<Precondition>,
                    std::remove_reference_t<Observe>>{
      apply,
      precondition,
      observe,
      options,
      work,
      pass,
      options.max_iterations > 0 ? options.max_iterations : 10 * n}
      .run(b.data());
}

}  // namespace osculate
