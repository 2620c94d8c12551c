#pragma once
// A x = b and A^-1 for many small symmetric positive definite matrices: up to 32 x 32 one a SIMD lane, by
// Cholesky's A = L L' (Golub & Van Loan 2013, section 4.2); larger ones one by one: solved
// with Eigen's, inverted by spd_inverse. Only lower triangles are read. A matrix that is not positive
// definite, or not finite, gets NaN, and harms no other.

#include <Eigen/Cholesky>
#include <limits>

#include "../linsolve/spd_inverse.hpp"
#include "../parallel.hpp"
#include "accumulate.hpp"

namespace osculate::batch {

inline constexpr int most_in_lanes = 32;

/// Factors and solves `lanes` matrices at once. Every function works on the part of the lanes at `offset`.
template <class S>
class LaneCholesky {
 public:
  explicit LaneCholesky(int n)
      : matrix(static_cast<std::size_t>(packed(n, 0))),
        n_(n),
        inverse_(row(n)),
        work_(static_cast<std::size_t>(packed(n, 0))) {}

  Rows<S> matrix;  ///< packed lower triangles: A, and after factorize L

  /// The mask tells the lanes with a positive definite matrix; in the others L is finite at best.
  WideMask<S> factorize(int offset) {
    const Wide<S> zero(0), one(1);
    WideMask<S> definite = zero < one;
    for (int j = 0; j < n_; ++j) {
      Wide<S> pivot = load(j, j, offset);
      for (int k = 0; k < j; ++k) pivot = fnma(load(j, k, offset), load(j, k, offset), pivot);
      const WideMask<S> good = (pivot > zero) & finite(pivot);
      definite = definite & good;
      const Wide<S> inverse = one / sqrt(choose(good, pivot, one));
      inverse.store(inverse_[row(j)] + offset);
      int i = j + 1;
      for (; i + 4 <= n_; i += 4) column<4>(i, j, inverse, offset);
      for (; i < n_; ++i) column<1>(i, j, inverse, offset);
    }
    return definite;
  }

  /// b = A^-1 b, `columns` numbers a row: element (i, c) in row i columns + c of `b`.
  void solve(Rows<S>& b, int columns, int offset) const {
    const auto at = [&](int i, int c) { return b[row(i * columns + c)] + offset; };
    for (int c = 0; c < columns; ++c) {
      for (int i = 0; i < n_; ++i) {
        Wide<S> sum = Wide<S>::load(at(i, c));
        for (int k = 0; k < i; ++k) sum = fnma(load(i, k, offset), Wide<S>::load(at(k, c)), sum);
        (sum * inverse_pivot(i, offset)).store(at(i, c));
      }
      for (int i = n_ - 1; i >= 0; --i) {
        Wide<S> sum = Wide<S>::load(at(i, c));
        for (int k = i + 1; k < n_; ++k) sum = fnma(load(k, i, offset), Wide<S>::load(at(k, c)), sum);
        (sum * inverse_pivot(i, offset)).store(at(i, c));
      }
    }
  }

  /// matrix = A^-1 = W'W with W = L^-1.
  void invert(int offset) {
    const auto w = [&](int i, int j) { return work_[row(packed(i, j))] + offset; };
    for (int j = 0; j < n_; ++j) {
      inverse_pivot(j, offset).store(w(j, j));
      for (int i = j + 1; i < n_; ++i) {
        Wide<S> sum(0);
        for (int k = j; k < i; ++k) sum = fnma(load(i, k, offset), Wide<S>::load(w(k, j)), sum);
        (sum * inverse_pivot(i, offset)).store(w(i, j));
      }
    }
    for (int i = 0; i < n_; ++i)
      for (int j = 0; j <= i; ++j) {
        Wide<S> sum(0);
        for (int k = i; k < n_; ++k) sum = fma(Wide<S>::load(w(k, i)), Wide<S>::load(w(k, j)), sum);
        sum.store(matrix[row(packed(i, j))] + offset);
      }
  }

 private:
  static std::size_t row(int k) { return static_cast<std::size_t>(k); }
  Wide<S> load(int i, int j, int offset) const { return Wide<S>::load(matrix[row(packed(i, j))] + offset); }
  Wide<S> inverse_pivot(int i, int offset) const { return Wide<S>::load(inverse_[row(i)] + offset); }

  /// Rows i to i + R - 1 of column j of L.
  template <int R>
  void column(int i, int j, const Wide<S>& inverse, int offset) {
    Wide<S> sum[R];
    for (int r = 0; r < R; ++r) sum[r] = load(i + r, j, offset);
    for (int k = 0; k < j; ++k) {
      const Wide<S> other = load(j, k, offset);
      for (int r = 0; r < R; ++r) sum[r] = fnma(load(i + r, k, offset), other, sum[r]);
    }
    for (int r = 0; r < R; ++r) (sum[r] * inverse).store(matrix[row(packed(i + r, j))] + offset);
  }

  int n_;
  Rows<S> inverse_, work_;
};

/// `count` matrices of n x n numbers, row by row, behind each other; what is to be found has `columns`
/// numbers a row. `definite` gets one flag a matrix.
template <class S>
struct SpdBatch {
  const S* matrices;
  Index count;
  int n;
  bool* definite;
  int threads = 1;
  const Executor* executor = nullptr;

  /// x = A^-1 b; b and x have n x columns numbers a matrix.
  void solve(const S* b, S* x, int columns) const {
    if (n > most_in_lanes) {
      each([&](Index m, const auto& factor) {
        const Index size = Index(n) * columns;
        const Eigen::Map<const RowMajor> right(b + m * size, n, columns);
        Eigen::Map<RowMajor> out(x + m * size, n, columns);
        if (definite[m])
          out = factor.solve(Matrix<S>(right));
        else
          out.setConstant(std::numeric_limits<S>::quiet_NaN());
      });
      return;
    }
    const int size = n * columns;
    in_lanes([&](LaneCholesky<S>& lane_cholesky, Index first, int held) {
      Rows<S> right(static_cast<std::size_t>(size));
      for (int m = 0; m < held; ++m)
        for (int k = 0; k < size; ++k) right[static_cast<std::size_t>(k)][m] = b[(first + m) * size + k];
      for_parts<S>([&](int offset) { lane_cholesky.solve(right, columns, offset); });
      for (int m = 0; m < held; ++m)
        for (int k = 0; k < size; ++k)
          x[(first + m) * size + k] = definite[first + m] ? right[static_cast<std::size_t>(k)][m]
                                                          : std::numeric_limits<S>::quiet_NaN();
    });
  }

  /// A^-1, both triangles.
  void inverse(S* x) const {
    const Index size = Index(n) * n;
    if (n > most_in_lanes) {
      run(count, [&](Index m) {
        SpdInverseWorkspace<S> work;
        S* out = x + m * size;
        definite[m] = spd_inverse(matrices + m * size, n, S(0), out, 1, work) == 0;
        if (!definite[m]) std::fill_n(out, size, std::numeric_limits<S>::quiet_NaN());
      });
      return;
    }
    in_lanes([&](LaneCholesky<S>& lane_cholesky, Index first, int held) {
      for_parts<S>([&](int offset) { lane_cholesky.invert(offset); });
      for (int m = 0; m < held; ++m) {
        S* to = x + (first + m) * size;
        for (int i = 0; i < n; ++i)
          for (int j = 0; j <= i; ++j)
            to[i * n + j] = to[j * n + i] =
                definite[first + m] ? lane_cholesky.matrix[static_cast<std::size_t>(packed(i, j))][m]
                                    : std::numeric_limits<S>::quiet_NaN();
      }
    });
  }

 private:
  using RowMajor = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  /// then(index, factor) for every matrix, on as many threads.
  template <class Then>
  void each(const Then& then) const {
    run(count, [&](Index m) {
      const Eigen::LLT<Matrix<S>, Eigen::Lower> factor(
          Matrix<S>(Eigen::Map<const RowMajor>(matrices + m * n * n, n, n)));
      // A NaN fails no comparison of Eigen's.
      definite[m] = factor.info() == Eigen::Success && factor.matrixLLT().diagonal().allFinite();
      then(m, factor);
    });
  }

  /// then(factors, first matrix, number of matrices) for every group of lanes.
  template <class Then>
  void in_lanes(const Then& then) const {
    // Some 10^5 multiply-adds a task, far more than it takes to hand it to a thread.
    const Index groups = (count + lanes<S> - 1) / lanes<S>;
    const Index together = std::max<Index>(1, 8192 / (Index(n) * n * n + 1));
    run((groups + together - 1) / together, [&](Index task) {
      LaneCholesky<S> lane_cholesky(n);
      for (Index g = task * together; g < std::min(groups, (task + 1) * together); ++g) {
        const Index first = g * lanes<S>;
        const int held = static_cast<int>(std::min<Index>(lanes<S>, count - first));
        gather(lane_cholesky.matrix, first, held);
        for_parts<S>([&](int offset) {
          alignas(alignment) S flags[lanes<S>];
          choose(lane_cholesky.factorize(offset), Wide<S>(1), Wide<S>(0)).store(flags);
          for (int m = offset; m < std::min(offset + part<S>, held); ++m)
            definite[first + m] = flags[m - offset] != 0;
        });
        then(lane_cholesky, first, held);
      }
    });
  }

  void gather(Rows<S>& to, Index first, int held) const {
    for (int m = 0; m < lanes<S>; ++m) {
      const S* from = matrices + (first + m) * n * n;
      for (int i = 0; i < n; ++i)
        for (int j = 0; j <= i; ++j)
          to[static_cast<std::size_t>(packed(i, j))][m] = m < held ? from[i * n + j] : S(i == j);
    }
  }

  template <class Body>
  void run(Index tasks, const Body& body) const {
    static const Executor built_in;
    parallel_for(tasks, threads, body, executor ? *executor : built_in);
  }
};

}  // namespace osculate::batch
