#pragma once
// certificate.hpp for a sparse Hessian: L D L' proves a minimum; where it does not, Lanczos from a random
// start tells negative curvature from a singular matrix.

#include <Eigen/SparseCholesky>
#include <Eigen/SparseCore>

#include "../certificate.hpp"
#include "../linsolve/lanczos.hpp"

namespace osculate {

/// Certifies a sparse Hessian (lower triangle), of the variables that are not fixed.
template <class S>
Curvature<S> certify(const SparseMatrix<S>& hessian, const Mask& fixed, S noise = 0) {
  const Index n = hessian.cols();
  constexpr Index most_products = 300;
  const S rounding = std::max(noise, std::numeric_limits<S>::epsilon() * static_cast<S>(n));
  SparseMatrix<S> free = hessian.template triangularView<Eigen::Lower>();
  Vector<S> unit = Vector<S>::Zero(n);
  bool finite = true;
  for (Index k = 0; k < n; ++k)
    for (typename SparseMatrix<S>::InnerIterator it(free, k); it; ++it) {
      if (fixed[k] || fixed[it.row()]) it.valueRef() = it.row() == k ? S(1) : S(0);
      finite = finite && std::isfinite(it.value());
      if (it.row() == k) unit[k] = it.value();
    }
  if (!finite) return {.certificate = Certificate::first_order_only};
  if ((unit.array() > 0).all()) {  // in units in which the diagonal is 1
    unit = unit.cwiseSqrt().cwiseInverse();
    const SparseMatrix<S> scaled = unit.asDiagonal() * free * unit.asDiagonal();
    const Eigen::SimplicialLDLT<SparseMatrix<S>, Eigen::Lower> ldlt(scaled);
    if (ldlt.info() == Eigen::Success &&
        (n == 0 || ldlt.vectorD().minCoeff() > rounding * ldlt.vectorD().maxCoeff()))
      return {.certificate = Certificate::minimum};
  }
  const auto apply = [&](const Vector<S>& v, Vector<S>& out) {
    out = free.template selfadjointView<Eigen::Lower>() * fixed.select(S(0), v);
    out = fixed.select(S(0), out);
  };
  const LowestRitz<S> found = lanczos_lowest<S>(apply, n, most_products, -rounding);
  Curvature<S> out{.lowest = found.value, .escape = found.vector};
  out.certificate = found.vector.size() ? Certificate::negative_curvature : Certificate::degenerate;
  return out;
}

}  // namespace osculate
