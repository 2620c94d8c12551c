#pragma once
// What a problem must offer. A problem is any object with these members; residual_problem() makes one of
// lambdas that compute residuals and Jacobian.

#include <concepts>

#include "types.hpp"

namespace osculate {

/// r: R^n -> R^m. `jacobian(x, r, J)` is called with r = residual(x). Exceptions pass through the solver.
/// Where J comes from differences, a member `DifferenceOptions<Scalar>* differences()` tells how (nullptr:
/// exact). The solver keeps its `sizes`, and a step that fails by no more than the errors of the differences
/// does not speak against the derivatives.
template <class P>
concept LeastSquaresProblem = requires(P& p, const Vector<typename P::Scalar>& x,
                                       Vector<typename P::Scalar>& r, typename P::Jacobian& j) {
  p.residual(x, r);
  p.jacobian(x, r, j);
  { p.epsilon() } -> std::convertible_to<typename P::Scalar>;  // rounding of r, the type's eps as a rule
};

namespace detail {
template <class P>
struct HessianOf {
  using type = Matrix<typename P::Scalar>;
};
template <class P>
  requires requires { typename P::Hessian; }
struct HessianOf<P> {
  using type = typename P::Hessian;
};
}  // namespace detail

/// What a problem's Hessian is stored as: P::Hessian, a dense matrix where it does not say.
template <class P>
using HessianOf = typename detail::HessianOf<P>::type;

/// f: R^n -> R with its gradient and Hessian (lower triangle), which is sparse where P::Hessian says so.
template <class P>
concept TwiceDifferentiable =
    requires(P& p, const Vector<typename P::Scalar>& x, Vector<typename P::Scalar>& g, HessianOf<P>& h) {
      { p.value(x) } -> std::convertible_to<typename P::Scalar>;
      p.derivatives(x, g, h);
    };

/// f: R^n -> R with its gradient and products H(x) v.
template <class P>
concept HessianProducts = requires(P& p, const Vector<typename P::Scalar>& x, Vector<typename P::Scalar>& g) {
  { p.value(x) } -> std::convertible_to<typename P::Scalar>;
  p.gradient(x, g);
  p.product(x, x, g);
};

}  // namespace osculate
