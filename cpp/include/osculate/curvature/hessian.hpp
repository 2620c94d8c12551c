#pragma once
// Newton's curvature: B is the Hessian itself (its lower triangle), dense or sparse, which may be indefinite.

#include "../quadratic.hpp"

namespace osculate {

template <class S>
bool lower_finite(const Matrix<S>& lower) {
  for (Index k = 0; k < lower.cols(); ++k)
    if (!lower.col(k).tail(lower.rows() - k).allFinite()) return false;
  return true;
}
template <class S>
bool lower_finite(const SparseMatrix<S>& a) {
  return Eigen::Map<const Vector<S>>(a.valuePtr(), a.nonZeros()).allFinite();
}

template <class S>
void set_multiple_of_identity(Matrix<S>& a, S value) {
  a.setZero();
  a.diagonal().setConstant(value);
}
/// Of the elements that are stored: the pattern stays.
template <class S>
void set_multiple_of_identity(SparseMatrix<S>& a, S value) {
  for (Index k = 0; k < a.outerSize(); ++k)
    for (typename SparseMatrix<S>::InnerIterator it(a, k); it; ++it)
      it.valueRef() = it.row() == it.col() ? value : S(0);
}

template <class S>
struct Hessian {
  Vector<S> given_scale{};  ///< D; empty: the identity
  bool stood_in = false;    ///< the last Hessian was not finite

  /// Model at x; false when the gradient or the Hessian is not finite. For one point in a row a Hessian that
  /// is not finite, as that of |x|^1.5 at 0, is replaced by the multiple of I whose Newton step is as long as
  /// x.
  template <class Problem, class H>
  bool operator()(Problem& problem, const Vector<S>& x, HessianModel<S, H>& q) {
    q.value = problem.last_value();
    problem.derivatives(x, q.gradient, q.hessian);
    q.value_noise = problem.epsilon() * std::abs(q.value);
    q.slack = 10 * q.value_noise;
    q.curvature = {};
    q.hessian_noise = problem.hessian_noise();
    const bool finite = lower_finite(q.hessian);
    q.known = finite || stood_in;
    stood_in = !finite;
    if (!q.known) set_multiple_of_identity(q.hessian, q.gradient.norm() / std::max(x.norm(), S(1)));
    if (q.scale.size() != x.size()) {
      q.scale = given_scale.size() ? given_scale : Vector<S>(Vector<S>::Ones(x.size()));
      // The length of the steepest-descent step to the model's minimum along -g; 1 without curvature.
      const Vector<S> direction = q.gradient.cwiseQuotient(q.scale.cwiseAbs2());
      const S slope = q.gradient.dot(direction);
      const S curvature =
          std::abs(direction.dot(Vector<S>(q.hessian.template selfadjointView<Eigen::Lower>() * direction)));
      const S length = direction.cwiseProduct(q.scale).norm();
      q.natural_radius = curvature > 0 && slope > 0 ? slope / curvature * length : S(1);
    }
    return q.gradient.allFinite() && (finite || !q.known);
  }
};

}  // namespace osculate
