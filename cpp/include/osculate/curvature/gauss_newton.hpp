#pragma once
// Gauss-Newton curvature: B = J'J, the Hessian of |r|^2/2 without its second-order term sum_i r_i H_i. Always
// positive semidefinite, and close to the Hessian where residuals are small or nearly linear. The metric D is
// the running maximum of the column norms of J (More 1978, section 6), or a given scale.

#include "../quadratic.hpp"
#include "finite_difference.hpp"
#include "loss.hpp"

namespace osculate {

template <class S>
struct GaussNewton {
  LossEvaluator<S>& loss;
  Vector<S> given_scale{};  ///< D; empty: running column norms
  Vector<S> irls{}, norms{}, terms{};

  /// Model at x, where `problem.value(x)` was the last value asked for. False when J or g is not finite.
  template <class Problem, class Model>
  bool operator()(Problem& problem, const Vector<S>& x, Model& q) {
    problem.jacobian(x, q.jacobian);
    q.residual = problem.last_residual();
    q.value = problem.last_value();
    S residual_norm;
    if (loss.linear()) {
      column_norms(q.jacobian, norms);
      residual_norm = std::sqrt(2 * q.value);
    } else {
      // The cosine of the gradient test is that of the reweighted problem, sqrt(rho') J and sqrt(rho') r: the
      // corrected residual is blown up where the loss is concave.
      q.uncorrected = q.residual;
      loss.correct(q.residual, irls, q.row_weight);
      scale_rows(q.jacobian, irls);
      column_norms(q.jacobian, norms);
      residual_norm = q.uncorrected.cwiseProduct(irls).norm();
      scale_rows(q.jacobian, Vector<S>((irls.array() > 0).select(q.row_weight.cwiseQuotient(irls), S(0))));
    }
    multiply_transposed(q.jacobian, q.residual, q.gradient);
    q.gradient_scale = norms * residual_norm;
    update_scale(x, q, residual_norm);
    estimate_rounding(x, q, problem.epsilon());
    if (const auto* differences = problem.differences())
      q.gradient_noise = gradient_noise(*differences, x, q.value_noise, q.gradient_scale);
    return q.gradient.allFinite() && all_finite(q.jacobian);
  }

 private:
  template <class Model>
  void update_scale(const Vector<S>& x, Model& q, S residual_norm) {
    if (given_scale.size()) {
      q.scale = given_scale;
      q.natural_radius = 1;
    } else if (q.scale.size() != x.size()) {
      q.scale = norms;
      q.natural_radius = residual_norm;  // |J_j d_j| has the unit of r
    } else {
      q.scale = q.scale.cwiseMax(norms);
    }
  }

  /// Rounding errors of r_i are about eps times the sum of its terms, sum_j |J_ij x_j|. Of an operator only
  /// the size of all terms together is known, about the norm of |J_j| x_j. A square that underflows has the
  /// smallest number as its error.
  template <class Model>
  void estimate_rounding(const Vector<S>& x, Model& q, S epsilon) {
    absolute_row_sums(q.jacobian, x, terms);
    const S together = JacobianOperator<typename Model::Jacobian, S>
                           ? q.residual.norm() * norms.cwiseProduct(x).norm()
                           : q.residual.cwiseAbs().dot(terms);
    const S underflow = static_cast<S>(q.residual.size()) * std::numeric_limits<S>::denorm_min();
    q.value_noise = epsilon * (q.value + together) + underflow;
    q.residual_at_rounding = (q.residual.array().abs() <= epsilon * terms.array()).all();
  }
};

}  // namespace osculate
