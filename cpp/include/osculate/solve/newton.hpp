#pragma once
// Newton's method with a dense Hessian: quadratic convergence near a minimum, a trust region (More-Sorensen)
// or a line search (shifted Cholesky; strong Wolfe, Armijo along the projected arc within bounds) far from
// it. A vanishing gradient counts as success only where the Hessian of the free variables is not indefinite;
// a saddle is left along its negative curvature.

#include "../concepts.hpp"
#include "../curvature/hessian.hpp"
#include "../globalize/trust_region.hpp"
#include "../globalize/wolfe_search.hpp"
#include "../linsolve/more_sorensen.hpp"
#include "../linsolve/shifted_cholesky.hpp"
#include "../linsolve/sparse_hessian_factor.hpp"
#include "loop.hpp"

namespace osculate {

enum class NewtonStrategy { trust_region, line_search };

template <class S>
struct NewtonOptions {
  Tolerances<S> tolerances{.ftol = 0, .xtol = 0};  ///< gtol on the largest gradient element, as in SciPy
  NewtonStrategy strategy = NewtonStrategy::trust_region;
  S initial_radius = 1;  ///< in units of |D x0|, or of the first Cauchy step where x0 = 0
  Vector<S> scale{};     ///< D; empty: the identity
};

/// A Result with the Hessian and what is known of its definiteness.
template <class S, class H = Matrix<S>>
struct NewtonResult : Result<S> {
  H hessian{};               ///< at x, as the problem gave it: the lower triangle counts
  Mask fixed{};              ///< variables at a bound that the gradient pushes against, or held
  Curvature<S> curvature{};  ///< the certificate of Status::gradient and its evidence
};

/// The loop's view of a twice differentiable function.
template <TwiceDifferentiable P>
class ValueOfFunction {
 public:
  using S = typename P::Scalar;
  explicit ValueOfFunction(P& problem) : problem_(problem) {}

  S value(const Vector<S>& x) {
    ++evaluations_;
    return value_ = problem_.value(x);
  }
  void derivatives(const Vector<S>& x, Vector<S>& g, HessianOf<P>& h) {
    if (trial_.size() && trial_ == x) {
      g = trial_gradient_, h = trial_hessian_;
      return;
    }
    ++derivatives_;
    problem_.derivatives(x, g, h);
  }
  /// At a trial point: of a problem that has no gradient(x, g) the Hessian comes with it, and is kept.
  void gradient(const Vector<S>& x, Vector<S>& g) {
    if constexpr (requires { problem_.gradient(x, g); }) {
      problem_.gradient(x, g);
    } else {
      ++derivatives_;
      problem_.derivatives(x, trial_gradient_, trial_hessian_);
      trial_ = x, g = trial_gradient_;
    }
  }
  S last_value() const { return value_; }
  S epsilon() const { return std::numeric_limits<S>::epsilon(); }
  /// Relative error of the Hessian beyond rounding, where it is approximated.
  S hessian_noise() const {
    if constexpr (requires(P& p) { p.hessian_noise(); })
      return problem_.hessian_noise();
    else
      return 0;
  }
  Index evaluations() const { return evaluations_; }
  Index derivative_evaluations() const { return derivatives_; }

 private:
  P& problem_;
  S value_ = 0;
  Index evaluations_ = 0, derivatives_ = 0;
  Vector<S> trial_{}, trial_gradient_{};
  HessianOf<P> trial_hessian_{};
};

/// Minimizes problem.value from x0 within the bounds.
template <TwiceDifferentiable P, class S = typename P::Scalar, class Observer = NoObserver>
NewtonResult<S, HessianOf<P>> newton(P& problem, const Vector<S>& x0, const NewtonOptions<S>& options = {},
                                     const Bounds<S>& bounds = {}, Observer&& observe = {}) {
  check(options.tolerances);
  check(bounds, x0);
  if (!(options.initial_radius > 0)) throw std::invalid_argument("initial_radius must be positive");
  if (options.scale.size() && (options.scale.size() != x0.size() || !(options.scale.array() > 0).all()))
    throw std::invalid_argument("scale must have one positive element a parameter");

  ValueOfFunction<P> value(problem);
  using H = HessianOf<P>;
  using Factor =
      std::conditional_t<std::is_same_v<H, SparseMatrix<S>>, SparseHessianFactor<S>, DenseHessianFactor<S>>;
  HessianModel<S, H> q;
  Hessian<S> curvature{options.scale};
  const auto run = [&](auto linsolve, auto globalize) {
    NewtonResult<S, H> result{
        minimize_loop(value, x0, q, curvature, linsolve, globalize, bounds, options.tolerances, observe)};
    result.hessian = std::move(q.hessian), result.fixed = std::move(q.fixed);
    result.curvature = std::move(q.curvature);
    return result;
  };
  if (options.strategy == NewtonStrategy::line_search) {
    using Shifted = Bounded<S, ShiftedCholesky<S, Factor>>;
    return bounds.any() ? run(Shifted{{}, bounds}, LineSearch<S>{})
                        : run(Shifted{{}, bounds}, WolfeSearch<S>{});
  }
  return run(Bounded<S, MoreSorensen<S, Factor>>{{}, bounds}, TrustRegion<S>{options.initial_radius});
}

}  // namespace osculate
