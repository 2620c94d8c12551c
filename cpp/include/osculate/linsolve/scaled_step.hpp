#pragma once
// The step of a Gauss-Newton model in scaled variables z = D d, where the damped normal matrix is
// A + lambda I with A = D^-1 J'J D^-1, for any way of factoring it.

#include "secular.hpp"

namespace osculate {

/// `Factor` is one of solve_secular's, with prepare(q, inverse_scale) and restrict(fixed, z).
template <class S, class Factor>
struct ScaledStep {
  Factor factor{};
  Vector<S> inverse_scale{}, z{}, held{};
  Mask fixed{};

  template <class Model>
  void prepare(const Model& q) {
    inverse_scale = (q.scale.array() > 0).select(q.scale.cwiseInverse(), S(0));
    factor.prepare(q, inverse_scale);
  }

  /// Holds the variables in `fixed_variables` at `displacement` (zero elsewhere).
  template <class Model>
  void restrict(const Model& q, const Mask& fixed_variables, const Vector<S>& displacement) {
    fixed = fixed_variables;
    held = displacement;
    z = held.cwiseProduct(q.scale);
    factor.restrict(fixed, z);
  }

  template <class Model>
  bool solve(const Model&, const Vector<S>&, Trial<S>& trial, Vector<S>& d) {
    if (!solve_secular(factor, trial, z)) return false;
    d = fixed.select(held, z.cwiseProduct(inverse_scale));
    return true;
  }

  /// d = -(J'J + lambda D^2)^-1 b with the last factorization, zero for fixed variables.
  void solve_again(const Vector<S>& b, Vector<S>& d) {
    z = fixed.select(S(0), b.cwiseProduct(inverse_scale));
    factor.solve_for(z);
    d = fixed.select(S(0), z.cwiseProduct(inverse_scale));
  }
};

}  // namespace osculate
