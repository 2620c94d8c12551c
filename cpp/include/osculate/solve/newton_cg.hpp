#pragma once
// Newton's method from Hessian-vector products alone: truncated CG in a trust region. A vanishing gradient
// counts as success only where Lanczos from a random start meets no negative curvature.

#include "../concepts.hpp"
#include "../curvature/matrix_free.hpp"
#include "../globalize/trust_region.hpp"
#include "../linsolve/truncated_cg.hpp"
#include "counted_function.hpp"
#include "loop.hpp"

namespace osculate {

template <class S>
struct NewtonCgOptions {
  Tolerances<S> tolerances{.ftol = 0, .xtol = 0};  ///< gtol on the largest gradient element, as in SciPy
  S initial_radius = 1;         ///< in units of |x0|, or of the first Cauchy step where x0 = 0
  Index max_cg_iterations = 0;  ///< of one step; 0: 2 n
  Index certifying_products =
      20;           ///< most of the products that look for negative curvature at the end; 0: none
  int threads = 1;  ///< for vectors of many thousand elements
  /// None by default. With one that is given, initial_radius is in units of the first Cauchy step, and
  /// lengths are those of M^-1.
  Preconditioner<S> preconditioner{};
  /// Steps that are the best of their Krylov space, by Lanczos, instead of Steihaug and Toint's; without a
  /// preconditioner. They keep their space's basis, of max_cg_iterations vectors at most, or 200.
  bool lanczos = false;
};

template <class S>
struct NewtonCgResult : Result<S> {
  Curvature<S> curvature{};  ///< the certificate of Status::gradient and its evidence
  Index cg_iterations = 0;
};

/// The loop's view of a function with products.
template <HessianProducts P>
class ProductsOfFunction : public CountedFunction<P> {
 public:
  using S = typename P::Scalar;
  using CountedFunction<P>::CountedFunction;

  void product(const Vector<S>& x, const Vector<S>& v, Vector<S>& out) { this->problem_.product(x, v, out); }
  S epsilon() const { return std::numeric_limits<S>::epsilon(); }
  S product_noise() const {
    if constexpr (requires(P& p) { p.product_noise(); })
      return this->problem_.product_noise();
    else
      return 0;
  }
};

/// Minimizes problem.value from x0.
template <HessianProducts P, class S = typename P::Scalar, class Observer = NoObserver>
NewtonCgResult<S> newton_cg(P& problem, const Vector<S>& x0, const NewtonCgOptions<S>& options = {},
                            Observer&& observe = {}) {
  check(options.tolerances);
  if (!(options.initial_radius > 0)) throw std::invalid_argument("initial_radius must be positive");
  if (options.max_cg_iterations < 0) throw std::invalid_argument("max_cg_iterations must be at least 0");
  if (options.certifying_products < 0) throw std::invalid_argument("certifying_products must be at least 0");
  const Preconditioner<S>& m = options.preconditioner;
  if (m.diagonal.size() && (m.diagonal.size() != x0.size() || !(m.diagonal.array() > 0).all()))
    throw std::invalid_argument("preconditioner must have one positive element a variable");
  if (options.lanczos && (m.given() || m.probes > 0 || m.pairs > 0))
    throw std::invalid_argument("subproblem 'lanczos' takes no preconditioner");
  if (m.pairs < 0 || m.pairs == 1)
    throw std::invalid_argument("preconditioner must have at least 2 pairs, or none");

  ProductsOfFunction<P> function(problem);
  ProductModel<S> q;
  MatrixFree<S> curvature{options.certifying_products, &m};
  TruncatedCg<S> linsolve;
  linsolve.max_iterations = options.max_cg_iterations, linsolve.threads = options.threads;
  linsolve.lanczos = options.lanczos;
  linsolve.enough = options.tolerances.gtol / 2, linsolve.preconditioner = &m;
  TrustRegion<S> globalize{.initial_radius = options.initial_radius, .inexact = true, .natural = m.given()};
  NewtonCgResult<S> result{minimize_loop(function, x0, q, curvature, linsolve, globalize, Bounds<S>{},
                                         options.tolerances, observe)};
  result.curvature = std::move(q.curvature);
  result.cg_iterations = linsolve.iterations;
  // Not at two points in a row: nothing at all is known of the Hessian.
  const bool unknown = options.certifying_products > 0 && linsolve.stood_in;
  if (unknown && is_success(result.status) && result.curvature.certificate == Certificate::first_order_only)
    result.status = Status::nonfinite;
  return result;
}

}  // namespace osculate
