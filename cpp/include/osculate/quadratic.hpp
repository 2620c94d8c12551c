#pragma once
// The local model q(d) = f + g'd + d'Bd/2 that every method minimizes, with the metric D in which steps are
// measured and the variables that may move. curvature/ fills it once per accepted point.

#include <limits>

#include "certificate.hpp"
#include "curvature/jacobian.hpp"
#include "curvature/sparse_certificate.hpp"
#include "types.hpp"

namespace osculate {

template <class S>
struct Quadratic {
  using Scalar = S;
  S value = 0;               ///< f
  S value_noise = 0;         ///< estimated rounding error of f
  S natural_radius = 0;      ///< a length in the metric D to fall back on where |D x| is zero
  Vector<S> gradient;        ///< g
  Vector<S> scale;           ///< D, the diagonal; zero where the model does not depend on the variable
  Vector<S> gradient_scale;  ///< |J_j| |r|, what least squares measures g_j by; empty: g is measured as it is
  Vector<S> gradient_noise;  ///< how far g may be off by differences; empty: the derivatives are exact
  bool residual_at_rounding = false;  ///< see Status::residual
  Mask fixed;                         ///< variables that may not move from this point
  /// Added to both reductions before they are compared: what lets exact derivatives lead on where f no longer
  /// resolves the progress (Conn, Gould & Toint, "Trust-Region Methods", 2000, section 17.4.2). Zero: not so.
  S slack = 0;
  Curvature<S> curvature;  ///< what may_be_minimum() found
};

/// B given as a matrix (its lower triangle), dense or sparse.
template <class S, class H = Matrix<S>>
struct HessianModel : Quadratic<S> {
  H hessian;
  S hessian_noise = 0;  ///< relative error of B beyond rounding
  bool known = true;    ///< B is the Hessian and not something put in its place
  Vector<S> product;    ///< work space: B s

  S predicted_reduction(const Vector<S>& s) {
    product.noalias() = hessian.template selfadjointView<Eigen::Lower>() * s;
    return -this->gradient.dot(s) - s.dot(product) / 2;
  }
  /// out = g + B s.
  void gradient_at(const Vector<S>& s, Vector<S>&, Vector<S>& out) const {
    out.noalias() = hessian.template selfadjointView<Eigen::Lower>() * s;
    out += this->gradient;
  }
  /// Whether a vanishing gradient may mean a minimum: no curvature below -n eps |B| among the free variables.
  bool may_be_minimum() {
    this->curvature = known ? certify(hessian, this->fixed, hessian_noise)
                            : Curvature<S>{.certificate = Certificate::first_order_only};
    return this->curvature.certificate != Certificate::negative_curvature;
  }
};

/// B = J'J, kept as J and r with g = J'r. With a robust loss J and r are the corrected ones.
template <class S, class J>
struct GaussNewtonModel : Quadratic<S> {
  using Jacobian = J;
  J jacobian;
  Vector<S> residual;
  Vector<S> uncorrected;  ///< r before the correction; empty for the linear loss
  Vector<S> row_weight;   ///< what the rows of J were multiplied by; empty for the linear loss
  Vector<S> product;      ///< work space: J s

  S predicted_reduction(const Vector<S>& s) {
    multiply(jacobian, s, product);
    return -this->gradient.dot(s) - product.squaredNorm() / 2;
  }
  /// out = g + B s, with J s in `work`.
  void gradient_at(const Vector<S>& s, Vector<S>& work, Vector<S>& out) const {
    multiply(jacobian, s, work);
    multiply_transposed(jacobian, work, out);
    out += this->gradient;
  }
  bool may_be_minimum() { return true; }  // J'J has no negative curvature
};

/// What a globalization asks of the linear solve for one trial.
template <class S>
struct Trial {
  S damping = 0;  ///< lambda; with a finite radius: in, a guess; out, the value that was used
  S scale = 1;    ///< the step is scale * d
  S radius = std::numeric_limits<S>::infinity();  ///< bound on |D d|
  Vector<S> bend{};  ///< out: the part of d that is not the model's but geodesic acceleration's; empty: none
};

enum class Verdict {
  accept,   ///< move to x + s
  rescale,  ///< try the same direction with trial.scale
  resolve,  ///< ask the linear solve again with trial.damping or trial.radius
  give_up,  ///< nothing shorter is worth trying
};

}  // namespace osculate
