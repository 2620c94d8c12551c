#pragma once
// What is known of the curvature where a solve ended. A vanishing gradient alone is met at saddles and maxima
// as well.

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cstdint>
#include <limits>

#include "types.hpp"

namespace osculate {

enum class Certificate : std::int8_t {
  /// Not looked at: the solve did not converge, or its model has no negative curvature to look for.
  none = 0,
  /// The Hessian of the free variables has a Cholesky factor and is safely positive definite: a strict
  /// minimum.
  minimum = 1,
  /// The lowest eigenvalue is within n eps |H| of zero: second derivatives do not tell.
  degenerate = 2,
  /// Lanczos from a random start met no negative curvature in so many products (see Curvature::products).
  no_negative_curvature_found = 3,
  /// The curvature could not be computed.
  first_order_only = 4,
  /// The Hessian of the free variables has an eigenvalue below -n eps |H|: no minimum.
  negative_curvature = -1,
};

/// The evidence for a certificate.
template <class S>
struct Curvature {
  Certificate certificate = Certificate::none;
  S lowest =
      std::numeric_limits<S>::quiet_NaN();  ///< eigenvalue, or lowest Ritz value; NaN where not computed
  Index products = 0;                       ///< Hessian-vector products spent on it
  S failure_bound = 0;  ///< probability that negative curvature of relative size `resolution` was missed
  S resolution = 0;     ///< relative to |H|
  Vector<S> escape{};   ///< a unit vector of negative curvature; empty: none is known
};

/// Certifies a dense Hessian (lower triangle), of the variables that are not fixed. `noise`: its relative
/// error where it is approximated.
template <class S>
Curvature<S> certify(const Matrix<S>& hessian, const Mask& fixed, S noise = 0) {
  const Index n = hessian.cols();
  const S rounding = std::max(noise, std::numeric_limits<S>::epsilon() * static_cast<S>(n));
  Matrix<S> free = hessian.template selfadjointView<Eigen::Lower>();
  for (Index i = 0; i < n; ++i)
    if (fixed[i]) free.row(i).setZero(), free.col(i).setZero(), free(i, i) = 1;
  if (!free.allFinite()) return {.certificate = Certificate::first_order_only};
  if ((free.diagonal().array() > 0).all()) {  // in units in which the diagonal is 1, which bad scaling needs
    const Vector<S> unit = free.diagonal().cwiseSqrt().cwiseInverse();
    const Eigen::LLT<Matrix<S>, Eigen::Lower> llt(unit.asDiagonal() * free * unit.asDiagonal());
    const auto diagonal = llt.matrixLLT().diagonal();
    if (llt.info() == Eigen::Success &&
        (n == 0 || diagonal.cwiseAbs2().minCoeff() > rounding * diagonal.cwiseAbs2().maxCoeff()))
      return {.certificate = Certificate::minimum};
  }
  for (Index i = 0; i < n; ++i)
    if (fixed[i]) free(i, i) = 0;
  const Eigen::SelfAdjointEigenSolver<Matrix<S>> eigen(free);
  const S least = eigen.eigenvalues()[0], size = eigen.eigenvalues().cwiseAbs().maxCoeff();
  Curvature<S> out{.lowest = least};
  if (least < -rounding * size) {
    out.certificate = Certificate::negative_curvature;
    out.escape = eigen.eigenvectors().col(0);
  } else {
    // A Cholesky factor without safety and an eigenvalue that is not zero either: judged by the eigenvalue,
    // zeros of fixed variables aside.
    S lowest_free = least;
    Index zeros = fixed.count();
    for (Index k = 0; k < n && zeros >= 0; ++k, --zeros) lowest_free = eigen.eigenvalues()[k];
    out.lowest = lowest_free;
    out.certificate = lowest_free > rounding * size ? Certificate::minimum : Certificate::degenerate;
  }
  return out;
}

}  // namespace osculate
