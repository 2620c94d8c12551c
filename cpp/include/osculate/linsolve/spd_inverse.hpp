#pragma once
// The inverse of a symmetric positive definite matrix by recursion on its Schur complement (Golub & Van Loan
// 2013, section 3.2.10; the block form of Gauss-Jordan elimination). With A = [X . ; W Y] by lower triangles:
//   X <- X^-1,  U = W X,  Y <- (Y - U W')^-1,  W <- -Y U,  X <- X - U' W.
// n^3 / 2 multiply-adds, as many as Cholesky's factor and its inverse need, and all but those of the smallest
// blocks in products of matrices.

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "gemm.hpp"

namespace osculate {
namespace detail {

inline constexpr Index sweep_order = 32;  ///< blocks this small are inverted by sweeps

/// Inverts the lower triangle of an n x n matrix, n <= sweep_order, by n sweeps of Gauss-Jordan elimination
/// (Goodnight 1979, doi:10.1080/00031305.1979.10482685). Returns 0, or the order of the first leading minor
/// that is not positive.
template <class S>
Index sweep_inverse(S* a, Index n, Index stride) {
  constexpr Index most = sweep_order;
  alignas(64) S full[most * most];  // both triangles: columns are then contiguous, and whole vectors
  alignas(64) S pivot_column[most];
  for (Index j = 0; j < most; ++j)
    for (Index i = 0; i < most; ++i)
      full[i + j * most] = i < n && j < n ? (i >= j ? a[i + j * stride] : a[j + i * stride]) : S(0);
  for (Index k = 0; k < n; ++k) {
    const S pivot = full[k + k * most];
    if (!(pivot > S(0)) || !std::isfinite(pivot)) return k + 1;
    const S inverse = S(1) / pivot;
    for (Index i = 0; i < most; ++i) pivot_column[i] = full[i + k * most];
    for (Index j = 0; j < n; ++j) {
      if (j == k) continue;
      const S factor = pivot_column[j] * inverse;
      S* column = full + j * most;
      for (Index i = 0; i < most; ++i) column[i] -= pivot_column[i] * factor;
      column[k] = factor;
    }
    for (Index i = 0; i < most; ++i) full[i + k * most] = pivot_column[i] * inverse;
    full[k + k * most] = -inverse;
  }
  for (Index j = 0; j < n; ++j)
    for (Index i = j; i < n; ++i) a[i + j * stride] = -full[i + j * most];
  return 0;
}

/// Where a matrix is divided: near the middle, on the boundary of a swept block.
inline Index divide(Index n) { return (n / 2 + sweep_order - 1) / sweep_order * sweep_order; }

/// Columns a power of two apart would share few sets of the cache: an odd number of lines lies between them.
template <class S>
Index spread(Index n) {
  const Index line = 64 / static_cast<Index>(sizeof(S));
  return ((n + line - 1) / line | 1) * line;
}

/// Numbers that the products of the recursion need between them.
template <class S>
Index recursion_size(Index n) {
  if (n <= sweep_order) return 0;
  const Index first = divide(n);
  return std::max(first * spread<S>(n - first) + recursion_size<S>(n - first), recursion_size<S>(first));
}

template <class S>
Index invert_lower(S* a, Index n, Index stride, S* between, int threads, GemmWorkspace<S>& work) {
  if (n <= sweep_order) return sweep_inverse(a, n, stride);
  const Index first = divide(n), second = n - first, apart = spread<S>(second);
  S *x = a, *w = a + first, *y = w + first * stride, *u = between;
  const Operand<S> inverse_x{x, first, first, 1, stride, true}, rows_w{w, second, first, 1, stride},
      rows_u{u, second, first, 1, apart};
  if (const Index bad = invert_lower(x, first, stride, between, threads, work)) return bad;
  multiply<S, S, S>(rows_w, inverse_x, {.threads = threads}, u, apart, work);
  multiply<S, S, S>(rows_u, rows_w, {.alpha = S(-1), .beta = S(1), .lower = true, .threads = threads}, y,
                    stride, work);
  if (const Index bad = invert_lower(y, second, stride, between + first * apart, threads, work))
    return first + bad;
  const Operand<S> inverse_y{y, second, second, 1, stride, true}, columns_u{u, first, second, apart, 1},
      columns_w{w, first, second, stride, 1};
  multiply<S, S, S>(inverse_y, columns_u, {.alpha = S(-1), .threads = threads}, w, stride, work);
  multiply<S, S, S>(columns_u, columns_w, {.alpha = S(-1), .beta = S(1), .lower = true, .threads = threads},
                    x, stride, work);
  return 0;
}

}  // namespace detail

/// What `spd_inverse` works in; one can serve many matrices, one after another.
template <class S>
struct SpdInverseWorkspace {
  detail::Workspace<S> matrix, between;
  detail::GemmWorkspace<S> products;
};

/// out = (A + damping I)^-1 for n x n matrices of contiguous numbers. Of A, by rows, the lower triangle is
/// read; both of `out`, which may be A, are written. Returns 0, or k > 0 where the leading minor of order k
/// is not positive or not finite: `out` is then as it was.
template <class S>
Index spd_inverse(const S* a, Index n, std::type_identity_t<S> damping, S* out, int threads,
                  SpdInverseWorkspace<S>& work) {
  const Index stride = detail::spread<S>(n);
  S* x = work.matrix.need(n * stride);
  S* between = work.between.need(detail::recursion_size<S>(n));
  for (Index j = 0; j < n; ++j) x[j * (stride + 1)] = a[j * (n + 1)] + damping;
  detail::below_diagonal(n, [&](Index p, Index q) { x[p + q * stride] = a[q + p * n]; });
  if (const Index bad = detail::invert_lower(x, n, stride, between, threads, work.products)) return bad;
  for (Index j = 0; j < n; ++j) {  // what is not finite may touch no pivot
    S sum(0);
    for (Index i = j; i < n; ++i) sum += x[i + j * stride] * S(0);
    if (sum != S(0)) return n;
  }
  for (Index j = 0; j < n; ++j) out[j * (n + 1)] = x[j * (stride + 1)];
  detail::below_diagonal(n, [&](Index p, Index q) { out[p + q * n] = out[q + p * n] = x[p + q * stride]; });
  return 0;
}

}  // namespace osculate
