#pragma once
// Levenberg-Marquardt: Gauss-Newton's model, damped. By default as in More, "The Levenberg-Marquardt
// algorithm: implementation and theory" (Numerical Analysis, LNM 630, 1978): a trust region on |D d| whose
// lambda comes from the secular equation. Simple bounds, robust losses and geodesic acceleration are parts
// that drop out when not used.

#include "../globalize/damping.hpp"
#include "../globalize/trust_region.hpp"
#include "../linsolve/geodesic.hpp"
#include "least_squares.hpp"

namespace osculate {

enum class Damping { more, nielsen, delayed_gratification };

template <class S>
struct LevenbergMarquardtOptions {
  Tolerances<S> tolerances{};
  Damping damping = Damping::more;
  S initial_radius = 1;  ///< first radius in units of |D x0|, for Damping::more (MINPACK: factor)
  Vector<S> scale{};     ///< D; empty: running column norms of J
  bool geodesic_acceleration = false;
  LinearSolverOptions linear{};
};

template <class S>
void check(const LevenbergMarquardtOptions<S>& options, const Vector<S>& x0) {
  check(options.tolerances);
  if (!(options.initial_radius > 0)) throw std::invalid_argument("initial_radius must be positive");
  if (options.scale.size() && (options.scale.size() != x0.size() || !(options.scale.array() > 0).all()))
    throw std::invalid_argument("scale must have one positive element a parameter");
}

/// Minimizes sum_i rho(r_i(x)^2) / 2 from x0 within the bounds.
template <LeastSquaresProblem P, class S = typename P::Scalar, class Observer = NoObserver>
LeastSquaresResult<S, typename P::Jacobian> levenberg_marquardt(
    P& problem, const Vector<S>& x0, const LevenbergMarquardtOptions<S>& options = {},
    const Bounds<S>& bounds = {}, const Loss<S>& loss = {}, Observer&& observe = {}) {
  using J = typename P::Jacobian;
  check(options, x0);
  check(bounds, x0);

  LossEvaluator<S> evaluator(loss);
  CostOfResiduals<P> cost(problem, evaluator);
  GaussNewtonModel<S, J> q;
  GaussNewton<S> curvature{evaluator, options.scale};
  using Step = Bounded<S, LeastSquaresStep<S, J>>;
  GeodesicAcceleration<S, Step, CostOfResiduals<P>> linsolve{
      {LeastSquaresStep<S, J>(options.linear), bounds}, cost, options.geodesic_acceleration};
  const auto run = [&](auto globalize) {
    Result<S> ended =
        minimize_loop(cost, x0, q, curvature, linsolve, globalize, bounds, options.tolerances, observe);
    return finish(std::move(ended), q, linsolve.inner.inner.used());
  };
  switch (options.damping) {
    case Damping::nielsen:
      return run(NielsenDamping<S>{});
    case Damping::delayed_gratification:
      return run(DelayedGratification<S>{});
    default:
      return run(TrustRegion<S>{options.initial_radius});
  }
}

}  // namespace osculate
