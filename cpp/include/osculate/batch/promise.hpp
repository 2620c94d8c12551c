#pragma once
// What the normal equations promise of the step that every lane proposes, and whether that step is the last
// one and does not have to be looked at.
//
// The reductions p that successive Gauss-Newton steps promise fall by p / p_before; where convergence has
// become linear, because of second derivatives that J'J lacks, it is by the square of how far the last step
// strayed from its promise, actual / predicted - 1 (in the direction of that step exactly so). J'J changes
// in proportion to the step. A step is taken as it stands where another evaluation would find its end
// converged, and what it would bring does not matter:
//   p is within ftol f, and the larger of both forecasts of the next p within the cosine^2 f that confirms
//   convergence (stop.hpp);
//   J'J, and with it the covariance, is forecast to change little, by 500 ftol of itself and 5e-6 at most.
// Its cost is f - p.

#include "accumulate.hpp"

namespace osculate::batch {

template <class S>
struct LanePromise {
  Rows<S> slope{1};        ///< g's
  Rows<S> predicted{1};    ///< reduction of the model
  Rows<S> square_step{1};  ///< |D s|^2

  /// s = trial - x.
  void operator()(const Part<S>& at, int n, const Rows<S>& x, const Rows<S>& trial, const Rows<S>& gradient,
                  const Rows<S>& matrix, const Rows<S>& square_scale) {
    Wide<S> down(0), curvature(0), length(0);
    for (int u = 0; u < n; ++u) {
      const Wide<S> s = at.get(trial, u) - at.get(x, u);
      down = fma(at.get(gradient, u), s, down);
      Wide<S> b = Wide<S>(S(0.5)) * at.get(matrix, packed(u, u)) * s;
      for (int v = 0; v < u; ++v) b = fma(at.get(matrix, packed(u, v)), at.get(trial, v) - at.get(x, v), b);
      curvature = fma(b, s, curvature);
      length = fma(at.get(square_scale, u) * s, s, length);
    }
    at.put(slope, 0, down);
    at.put(predicted, 0, -down - curvature);
    at.put(square_step, 0, length);
  }

  /// The lanes of `going` whose step is the last one: with the damping and the cost that they have, and
  /// `confirming` the cosine that confirms convergence.
  XSIMD_INLINE WideMask<S> last(const Part<S>& at, const WideMask<S>& going, const Wide<S>& damping,
                                const Wide<S>& cost, S ftol, S confirming) const {
    const S same = std::min(S(5e-6), 500 * ftol);
    const Wide<S> p = at.get(predicted), before = at.get(before_), zero(0),
                  enough = Wide<S>(confirming * confirming) * cost;
    return going & (damping == zero) & (p > zero) & (p <= Wide<S>(ftol) * cost) & (p * p <= enough * before) &
           (p * at.get(strayed_) <= enough) & (p * at.get(changed_) <= Wide<S>(same * same) * before);
  }

  /// Takes gradient and cost at the end of the last step for what the normal equations say of it.
  void keep(const Part<S>& at, int n, const WideMask<S>& last, const Rows<S>& x, const Rows<S>& trial,
            Normal<S>& normal) const {
    for (int u = 0; u < n; ++u) {
      Wide<S> g = at.get(normal.gradient, u);
      for (int v = 0; v < n; ++v)
        g = fma(at.get(normal.matrix, u >= v ? packed(u, v) : packed(v, u)), at.get(trial, v) - at.get(x, v),
                g);
      at.put(normal.gradient, u, choose(last, g, at.get(normal.gradient, u)));
    }
    at.update(normal.cost, last, at.get(normal.cost) - at.get(predicted));
  }

  /// What came of it, and the matrices before and after: the next forecast follows from an accepted step.
  void remember(const Part<S>& at, int n, const WideMask<S>& accepted, const Wide<S>& ratio,
                const Rows<S>& matrix, const Rows<S>& matrix_there, const Rows<S>& inverse_scale) {
    const Wide<S> off = ratio - Wide<S>(1);
    Wide<S> change(0);
    for (int u = 0; u < n; ++u)
      for (int v = 0; v <= u; ++v) {
        const Wide<S> d = (at.get(matrix_there, packed(u, v)) - at.get(matrix, packed(u, v))) *
                          (at.get(inverse_scale, u) * at.get(inverse_scale, v));
        change = fma(d, d, change);
      }
    at.put(before_, 0, choose(accepted, at.get(predicted), Wide<S>(0)));
    at.put(strayed_, 0, off * off);
    at.put(changed_, 0, change);
  }

 private:
  Rows<S> before_{1};   ///< predicted, of the step that led to x; 0 where there was none
  Rows<S> strayed_{1};  ///< (actual / predicted - 1)^2 of that step
  Rows<S> changed_{1};  ///< |change of D^-1 J'J D^-1 by it|^2, of the lower triangle
};

}  // namespace osculate::batch
