#pragma once
// Gauss-Newton models for the tests of linear solves, made directly from J, r and D.

#include <Eigen/QR>
#include <cmath>
#include <osculate/quadratic.hpp>
#include <type_traits>

namespace tests {

template <class S, class J>
osculate::GaussNewtonModel<S, J> model(const J& jacobian, const osculate::Vector<S>& residual,
                                       const osculate::Vector<S>& scale) {
  osculate::GaussNewtonModel<S, J> q;
  q.jacobian = jacobian;
  q.residual = residual;
  q.scale = scale;
  q.value = residual.squaredNorm() / 2;
  osculate::multiply_transposed(jacobian, residual, q.gradient);
  osculate::column_norms(jacobian, q.gradient_scale);
  q.gradient_scale *= residual.norm();
  q.fixed = osculate::Mask::Constant(jacobian.cols(), false);
  return q;
}

/// d that minimizes |J d + r|^2 + lambda |D d|^2 with the variables in `fixed` held at `held`, by Eigen's QR
/// of the stacked matrix.
template <class S>
osculate::Vector<S> reference_step(const osculate::GaussNewtonModel<S, osculate::Matrix<S>>& q,
                                   std::type_identity_t<S> lambda, const osculate::Mask& fixed,
                                   const std::type_identity_t<osculate::Vector<S>>& held) {
  const Eigen::Index m = q.jacobian.rows(), n = q.jacobian.cols();
  osculate::Matrix<S> stacked(m + n, n);
  stacked << q.jacobian, osculate::Matrix<S>((std::sqrt(lambda) * q.scale).asDiagonal());
  osculate::Vector<S> right = osculate::Vector<S>::Zero(m + n);
  right.head(m) = -(q.residual + q.jacobian * held);
  for (Eigen::Index i = 0; i < n; ++i)
    if (fixed[i]) stacked.col(i).setZero();
  const osculate::Vector<S> d = stacked.colPivHouseholderQr().solve(right);
  return fixed.select(held, d);
}

}  // namespace tests
