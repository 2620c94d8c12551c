#pragma once
// C = beta C + alpha A B', whole or its lower triangle, for the products that curvature is made of: Gram
// matrices, symmetric inverses, Kronecker products. Faster than Eigen's at the sizes of layers (bench
// kfac_linalg), and with the same bits for any number of threads: an element of C is one sum over k in
// blocks of `depth`, whichever thread adds it.

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "../parallel.hpp"
#include "gemm_kernel.hpp"

namespace osculate::detail {

/// Numbers on a boundary of 64 bytes that keep their place while they are enough.
template <class S>
class Workspace {
 public:
  S* need(Index count) {
    if (count > size_) {
      memory_.reset(static_cast<S*>(::operator new[](static_cast<std::size_t>(count) * sizeof(S), align)));
      size_ = count;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t align{64};
  struct Free {
    void operator()(S* p) const { ::operator delete[](p, align); }
  };
  std::unique_ptr<S, Free> memory_;
  Index size_ = 0;
};

/// What a product packs its operands into: one for all threads, and one a thread.
template <class S>
struct GemmWorkspace {
  Workspace<S> right;
  std::vector<Workspace<S>> left{1};
};

/// The columns of C, the rows of A and the depth that are packed at once: slices of B of the whole depth stay
/// in the first cache, the block of A in the second, that of B in the third.
template <class S>
struct GemmBlock {
  static constexpr Index depth = sizeof(S) == 4 ? 384 : 256;
  static constexpr Index rows = sizeof(S) == 4 ? 384 : 288;
  static constexpr Index columns = 4080;
};

template <class S>
struct Product {
  S alpha = S(1);
  S beta = S(0);
  bool lower = false;  ///< write C where row >= column only
  int threads = 1;
};

/// One block of rows of C: packs the rows of A and goes through the slices of B.
template <class S, class FromA, class To>
void multiply_rows(const Operand<FromA>& a, const S* right, Index row, Index height, Index column,
                   Index width, Index k, Index depth, const Product<S>& product, S beta, S* left, To* c,
                   Index stride) {
  using T = Tile<S>;
  for (Index i = 0; i < height; i += T::rows)
    pack_slice<T::rows>(a, row + i, std::min<Index>(T::rows, height - i), k, depth, left + i * depth);
  alignas(64) S corner[T::rows * T::columns];
  for (Index j = 0; j < width; j += T::columns) {
    if (product.lower && row + height - 1 < column + j) break;
    const Index wide = std::min<Index>(T::columns, width - j);
    for (Index i = 0; i < height; i += T::rows) {
      const Index first = row + i, high = std::min<Index>(T::rows, height - i);
      if (product.lower && first + high - 1 < column + j) continue;
      To* to = c + first + (column + j) * stride;
      const S *slice = left + i * depth, *factor = right + j * depth;
      if constexpr (std::is_same_v<S, To>) {
        const bool inside = !product.lower || first >= column + j + wide - 1;
        if (inside && high == T::rows && wide == T::columns) {
          T::multiply(depth, slice, factor, product.alpha, beta, to, stride);
          continue;
        }
      }
      T::multiply(depth, slice, factor, product.alpha, S(0), corner, T::rows);
      for (Index q = 0; q < wide; ++q)
        for (Index p = product.lower ? std::max<Index>(0, column + j + q - first) : 0; p < high; ++p) {
          const To more = static_cast<To>(corner[p + q * T::rows]);
          To& at = to[p + q * stride];
          at = beta == S(0) ? more : static_cast<To>(beta) * at + more;
        }
    }
  }
}

/// C (by columns, `stride` numbers apart) = beta C + alpha A B' for A (m x inner) and B (n x inner),
/// multiplied in the type S; blocks of the sum are added in the type of C.
template <class S, class FromA, class FromB, class To>
void multiply(const Operand<FromA>& a, const Operand<FromB>& b, const Product<S>& product, To* c,
              Index stride, GemmWorkspace<S>& work) {
  using T = Tile<S>;
  using Block = GemmBlock<S>;
  const Index m = a.rows, n = b.rows, inner = a.columns;
  // Threads pay for their start from some 10^6 multiplications on.
  const int threads = m * n * inner < 2'000'000 ? 1 : product.threads;
  // Several blocks of rows a thread, and none so low that packing B again and again would show.
  Index rows = std::min<Index>(Block::rows, (m + 3 * threads - 1) / (3 * threads));
  rows = threads == 1 ? Block::rows : std::max<Index>((rows + T::rows - 1) / T::rows * T::rows, 2 * T::rows);
  const Index blocks = (m + rows - 1) / rows;
  if (static_cast<int>(work.left.size()) < threads) work.left.resize(static_cast<std::size_t>(threads));
  const Index deepest = std::min(inner, Block::depth);
  for (Workspace<S>& left : work.left) left.need((std::min(rows, m) + T::rows) * deepest);
  S* right = work.right.need((std::min(n, Block::columns) + T::columns) * deepest);
  for (Index column = 0; column < n; column += Block::columns) {
    const Index width = std::min(Block::columns, n - column);
    const Index slices = (width + T::columns - 1) / T::columns;
    for (Index k = 0; k < std::max<Index>(inner, 1); k += Block::depth) {
      const Index depth = std::min(Block::depth, inner - k);
      const auto pack = [&](Index s) {
        const Index j = s * T::columns;
        pack_slice<T::columns>(b, column + j, std::min<Index>(T::columns, width - j), k, depth,
                               right + j * depth);
      };
      const S beta = k == 0 ? product.beta : S(1);
      // The last blocks of a lower triangle are the longest: they come first.
      const auto block = [&](Index t, S* left) {
        const Index row = (blocks - 1 - t) * rows;
        multiply_rows(a, right, row, std::min(rows, m - row), column, width, k, depth, product, beta, left, c,
                      stride);
      };
      if (threads == 1) {
        for (Index s = 0; s < slices; ++s) pack(s);
        S* left = work.left[0].need(0);
        for (Index t = 0; t < blocks; ++t) block(t, left);
        continue;
      }
      const Index together = 8;  // slices a task
      parallel_for((slices + together - 1) / together, threads, [&](Index g) {
        for (Index s = g * together; s < std::min(slices, (g + 1) * together); ++s) pack(s);
      });
      std::atomic<Index> next{0};
      parallel_for(threads, threads, [&](Index worker) {
        S* left = work.left[static_cast<std::size_t>(worker)].need(0);
        for (Index t; (t = next.fetch_add(1)) < blocks;) block(t, left);
      });
    }
  }
}

/// Calls use(p, q) for all p > q of n x n, in blocks that stay in the first cache for both orders of storage.
template <class Use>
void below_diagonal(Index n, const Use& use) {
  constexpr Index block = 32;
  for (Index j = 0; j < n; j += block)
    for (Index i = j; i < n; i += block)
      for (Index q = j; q < std::min(n, j + block); ++q)
        for (Index p = std::max(i, q + 1); p < std::min(n, i + block); ++p) use(p, q);
}

/// Copies the lower triangle of an n x n matrix by columns to the upper.
template <class S>
void mirror_lower(S* a, Index n) {
  below_diagonal(n, [&](Index p, Index q) { a[q + p * n] = a[p + q * n]; });
}

}  // namespace osculate::detail
