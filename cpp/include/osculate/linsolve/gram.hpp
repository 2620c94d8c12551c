#pragma once
// The normal matrix J'J by symmetric rank updates on the lower triangle, in fixed blocks of rows: the same
// bits for any number of threads.

#include <vector>

#include "../parallel.hpp"

namespace osculate {

/// Lower triangle of A = J'J; the upper is not written.
template <class S>
void gram(const Matrix<S>& j, Matrix<S>& a, int threads = 1, const Executor& executor = {}) {
  const Index m = j.rows(), n = j.cols();
  a.resize(n, n);
  if (n < 16) {  // dot products beat the packing of a blocked kernel
    for (Index k = 0; k < n; ++k)
      for (Index i = k; i < n; ++i) a(i, k) = j.col(i).dot(j.col(k));
    return;
  }
  // A block is long enough that adding up its n x n result is a small part of making it.
  const Index block = std::max<Index>(2048, 4 * n), blocks = std::max<Index>(1, (m + block - 1) / block);
  std::vector<Matrix<S>> parts(static_cast<std::size_t>(blocks - 1));
  parallel_for(
      blocks, threads,
      [&](Index b) {
        Matrix<S>& part = b == 0 ? a : parts[static_cast<std::size_t>(b - 1)];
        part.setZero(n, n);
        const Index rows = std::min(block, m - b * block);
        part.template selfadjointView<Eigen::Lower>().rankUpdate(j.middleRows(b * block, rows).transpose());
      },
      executor);
  for (const Matrix<S>& part : parts) a.template triangularView<Eigen::Lower>() += part;
}

}  // namespace osculate
