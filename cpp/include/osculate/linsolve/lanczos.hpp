#pragma once
// The lowest eigenvalue of a symmetric operator from products alone, by Lanczos from a random start. A start
// that is orthogonal to the lowest eigenvector has probability zero, which the vectors of a solve have not:
// those that grow from a gradient never see a negative direction orthogonal to it.

#include <Eigen/Eigenvalues>
#include <cmath>
#include <random>
#include <vector>

#include "../types.hpp"

namespace osculate {

template <class S>
struct LowestRitz {
  S value = 0;    ///< the lowest Ritz value, an upper bound of the lowest eigenvalue
  S largest = 0;  ///< the largest Ritz value in size
  Index products = 0;
  bool finite = true;     ///< whether every product was
  bool complete = false;  ///< whether the Krylov space closed: the values are eigenvalues
  Vector<S> vector{};     ///< the Ritz vector, a unit vector; only where `value` is below `threshold`
};

/// The probability that Lanczos from a start uniform on the sphere misses the extreme eigenvalue by more than
/// `resolution` of the spectrum's width after `products` products (Kuczynski & Wozniakowski, SIAM J. Matrix
/// Anal. Appl. 13, 1992, theorem 4.2).
inline double lanczos_failure_bound(Index n, Index products, double resolution) {
  if (products >= n) return 0;
  return std::min(
      1.0, 1.648 * std::sqrt(double(n)) * std::exp(-std::sqrt(resolution) * (2 * double(products) - 1)));
}

/// At most `most` products `apply(v, out)`; the vector, where it is wanted, takes as many again, so that no
/// basis is kept. `threshold`: relative to the largest Ritz value, negative.
template <class S, class Apply>
LowestRitz<S> lanczos_lowest(Apply&& apply, Index n, Index most, S threshold, unsigned seed = 1) {
  LowestRitz<S> out;
  Vector<S> v(n), before, w;
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  for (Index i = 0; i < n; ++i) v[i] = static_cast<S>(normal(random));
  v /= v.norm();
  const Vector<S> start = v;
  std::vector<S> alpha, beta;
  before.setZero(n);
  most = std::min(most, n);
  Matrix<S> vectors;
  for (Index k = 0; k < most; ++k) {
    apply(v, w);
    ++out.products;
    if (!w.allFinite()) {
      out.finite = false;
      return out;
    }
    alpha.push_back(v.dot(w));
    w -= alpha.back() * v;
    if (k > 0) w -= beta.back() * before;
    const S length = w.norm();
    const S size = std::abs(alpha.back()) + (k > 0 ? beta.back() : S(0));
    if (!(length > 10 * std::numeric_limits<S>::epsilon() * size)) {
      out.complete = true;
      break;
    }
    if (k + 1 == most) break;
    beta.push_back(length);
    before.swap(v);
    v = w / length;
  }
  const Index k = static_cast<Index>(alpha.size());
  const Vector<S> diagonal = Eigen::Map<const Vector<S>>(alpha.data(), k),
                  off = Eigen::Map<const Vector<S>>(beta.data(), k - 1);
  Eigen::SelfAdjointEigenSolver<Matrix<S>> eigen;
  eigen.computeFromTridiagonal(diagonal, off);
  out.value = eigen.eigenvalues()[0];
  out.largest = eigen.eigenvalues().cwiseAbs().maxCoeff();
  out.complete = out.complete || k == n;
  if (!(out.value < threshold * out.largest)) return out;
  // The same recurrence once more, for the combination of its vectors.
  const Vector<S> y = eigen.eigenvectors().col(0);
  v = start;
  before.setZero(n);
  out.vector = y[0] * v;
  for (Index i = 0; i + 1 < k; ++i) {
    apply(v, w);
    ++out.products;
    w -= diagonal[i] * v;
    if (i > 0) w -= off[i - 1] * before;
    before.swap(v);
    v = w / off[i];
    out.vector += y[i + 1] * v;
  }
  out.vector /= out.vector.norm();
  return out;
}

}  // namespace osculate
