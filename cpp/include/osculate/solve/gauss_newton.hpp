#pragma once
// Gauss-Newton: the undamped step d = -J^+ r (least-norm where J is rank deficient), made safe by a line
// search, or by a dogleg within a trust region (Powell 1970). Fast for small residuals; Levenberg-Marquardt
// is the one to start with.

#include "../globalize/line_search.hpp"
#include "../globalize/trust_region.hpp"
#include "../linsolve/dogleg.hpp"
#include "least_squares.hpp"

namespace osculate {

enum class GaussNewtonStrategy { line_search, dogleg };

template <class S>
struct GaussNewtonOptions {
  Tolerances<S> tolerances{};
  GaussNewtonStrategy strategy = GaussNewtonStrategy::line_search;
  S initial_radius = 1;  ///< first radius in units of |D x0|, for the dogleg
  Vector<S> scale{};     ///< D; empty: running column norms of J
  LinearSolverOptions linear{};
};

template <class S>
void check(const GaussNewtonOptions<S>& options, const Vector<S>& x0) {
  check(options.tolerances);
  if (!(options.initial_radius > 0)) throw std::invalid_argument("initial_radius must be positive");
  if (options.scale.size() && (options.scale.size() != x0.size() || !(options.scale.array() > 0).all()))
    throw std::invalid_argument("scale must have one positive element a parameter");
}

/// Minimizes sum_i rho(r_i(x)^2) / 2 from x0 within the bounds.
template <LeastSquaresProblem P, class S = typename P::Scalar, class Observer = NoObserver>
LeastSquaresResult<S, typename P::Jacobian> gauss_newton(P& problem, const Vector<S>& x0,
                                                         const GaussNewtonOptions<S>& options = {},
                                                         const Bounds<S>& bounds = {},
                                                         const Loss<S>& loss = {}, Observer&& observe = {}) {
  using J = typename P::Jacobian;
  check(options, x0);
  check(bounds, x0);

  LossEvaluator<S> evaluator(loss);
  CostOfResiduals<P> cost(problem, evaluator);
  GaussNewtonModel<S, J> q;
  GaussNewton<S> curvature{evaluator, options.scale};
  LeastSquaresStep<S, J> step(options.linear);
  const auto run = [&](auto linsolve, auto globalize, auto&& used) {
    Result<S> ended =
        minimize_loop(cost, x0, q, curvature, linsolve, globalize, bounds, options.tolerances, observe);
    return finish(std::move(ended), q, used(linsolve));
  };
  if (options.strategy == GaussNewtonStrategy::dogleg)
    return run(Bounded<S, Dogleg<S, LeastSquaresStep<S, J>>>{{step}, bounds},
               TrustRegion<S>{options.initial_radius}, [](auto& l) { return l.inner.inner.used(); });
  return run(Bounded<S, LeastSquaresStep<S, J>>{step, bounds}, LineSearch<S>{},
             [](auto& l) { return l.inner.used(); });
}

}  // namespace osculate
