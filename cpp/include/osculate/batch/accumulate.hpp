#pragma once
// Gram matrix of tiles: sums over points of the products of columns, for every lane. What is summed stays in
// registers while a block of columns goes by; more columns than fit are taken in square blocks. Sums are kept
// in registers only where gcc unrolls the loops over columns early, hence the pragmas; and sums are sums and
// not products with 1 because some processors add beside their multipliers.

#include <array>
#include <vector>

#include "wide.hpp"

namespace osculate::batch {

/// Place of row u, column v <= u in a packed lower triangle.
constexpr int packed(int u, int v) { return u * (u + 1) / 2 + v; }

/// Normal equations of every lane: rows of one number a lane.
template <class S>
struct Normal {
  explicit Normal(int parameters = 0)
      : gradient(static_cast<std::size_t>(parameters)),
        norms(static_cast<std::size_t>(parameters)),
        matrix(static_cast<std::size_t>(packed(parameters, 0))) {}

  Rows<S> cost{1};    ///< sum of the losses over 2
  Rows<S> square{1};  ///< |r|^2, with a robust loss sum rho' r^2
  Rows<S> gradient;   ///< J'r
  Rows<S> norms;      ///< with a robust loss the squares of the column norms of sqrt(rho') J
  Rows<S> matrix;     ///< J'J, packed lower triangle
};

/// What a column is to be multiplied by, and where the product goes when it is read a second time. A column
/// that is `chained` is the product before it.
template <class S>
struct Factor {
  const S* by;
  S* product;
  bool chained;
};

namespace detail {

#if defined(__AVX512F__)
inline constexpr int whole_block = 6, square_block = 4, sum_registers = 28;  // of 32 vector registers
#else
inline constexpr int whole_block = 3, square_block = 3, sum_registers = 12;  // of 16
#endif

/// How many columns accumulate() multiplies itself, and of how many in all: one block, or a block and what
/// goes along with another.
inline constexpr int most_products = 3, most_with_products = std::max(whole_block, square_block + 2);

/// How many of the columns are the first block, and whether the last of two products may be chained: in one
/// block, or where it alone is read after that.
constexpr int first_columns(int count) { return count <= whole_block ? count : square_block; }
constexpr bool may_chain(int count) { return count - first_columns(count) <= 1; }

/// gram rows of columns [first, first + R) among themselves and, with `with_sums`, the sums of those columns.
/// With `minus` the first column is read less `data`, and the last `products` columns times `factors`; with
/// `keep` the former is written to `residual` and the latter where their factors say. With `chained` the last
/// column is the one before it, times its factor.
template <class S, int R, bool with_sums, bool minus, int products = 0, bool keep = false,
          bool chained = false>
void diagonal_block(const S* const* columns, int first, std::ptrdiff_t n, S* gram, S* sums,
                    const S* data = nullptr, S* residual = nullptr, const Factor<S>* factors = nullptr) {
  for (int g = 0; g < packs<S>; ++g) {
    Pack<S> acc[R * (R + 1) / 2], sum[R];
    for (Pack<S>& a : acc) a = Pack<S>(S(0));
    for (Pack<S>& a : sum) a = Pack<S>(S(0));
    const S *at[R], *factor[products + 1];
    S* product[products + 1];
#pragma GCC unroll 8
    for (int u = 0; u < R; ++u) at[u] = columns[first + u] + g * width<S>;
#pragma GCC unroll 8
    for (int u = 0; u < products; ++u)
      factor[u] = factors[u].by + g * width<S>, product[u] = factors[u].product + g * width<S>;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      Pack<S> value[R];
#pragma GCC unroll 8
      for (int u = 0; u < R - chained; ++u) value[u] = Pack<S>::load_aligned(at[u] + i * lanes<S>);
#pragma GCC unroll 8
      for (int u = 0; u < products - chained; ++u)
        value[R - products + u] *= Pack<S>::load_aligned(factor[u] + i * lanes<S>);
      if constexpr (chained)
        value[R - 1] = value[R - 2] * Pack<S>::load_aligned(factor[products - 1] + i * lanes<S>);
      if constexpr (minus) {
        value[0] -= Pack<S>::load_aligned(data + i * lanes<S> + g * width<S>);
        if constexpr (keep) {
          value[0].store_aligned(residual + i * lanes<S> + g * width<S>);
#pragma GCC unroll 8
          for (int u = 0; u < products; ++u) value[R - products + u].store_aligned(product[u] + i * lanes<S>);
        }
      }
#pragma GCC unroll 8
      for (int u = 0; u < R; ++u) {
#pragma GCC unroll 8
        for (int v = 0; v <= u; ++v) acc[packed(u, v)] = xsimd::fma(value[u], value[v], acc[packed(u, v)]);
        if constexpr (with_sums) sum[u] += value[u];
      }
    }
#pragma GCC unroll 8
    for (int u = 0; u < R; ++u) {
#pragma GCC unroll 8
      for (int v = 0; v <= u; ++v)
        acc[packed(u, v)].store_aligned(gram + packed(first + u, first + v) * lanes<S> + g * width<S>);
      if constexpr (with_sums) sum[u].store_aligned(sums + (first + u) * lanes<S> + g * width<S>);
    }
  }
}

/// gram rows of columns [row, row + R) with columns [column, column + C) before them and, with `diagonal`,
/// among themselves, with the sums of those columns where `sums` is given. The last `products` columns are
/// read times `factors`.
template <class S, int R, int C, bool diagonal, bool with_sums, int products = 0>
void square_block_of(const S* const* columns, int row, int column, std::ptrdiff_t n, S* gram, S* sums,
                     const Factor<S>* factors = nullptr) {
  constexpr int kept = R * C + (diagonal ? R * (R + 1) / 2 : 0) + (with_sums ? R : 0);
  constexpr int packs_at_once = 2 * kept <= sum_registers ? 2 : 1;  // a few sums alone wait for themselves
  for (int g = 0; g < packs<S>; g += packs_at_once) {
    Pack<S> acc[packs_at_once][R * C], own[packs_at_once][diagonal ? R * (R + 1) / 2 : 1],
        sum[packs_at_once][R];
    for (int h = 0; h < packs_at_once; ++h) {
      for (Pack<S>& a : acc[h]) a = Pack<S>(S(0));
      for (Pack<S>& a : own[h]) a = Pack<S>(S(0));
      for (Pack<S>& a : sum[h]) a = Pack<S>(S(0));
    }
    for (std::ptrdiff_t i = 0; i < n; ++i) {
#pragma GCC unroll 2
      for (int h = 0; h < packs_at_once; ++h) {
        const std::ptrdiff_t at = i * lanes<S> + (g + h) * width<S>;
        Pack<S> other[C], value[R];
#pragma GCC unroll 8
        for (int v = 0; v < C; ++v) other[v] = Pack<S>::load_aligned(columns[column + v] + at);
#pragma GCC unroll 8
        for (int u = 0; u < R; ++u) {
          value[u] = Pack<S>::load_aligned(columns[row + u] + at);
          if (u >= R - products) value[u] *= Pack<S>::load_aligned(factors[u - (R - products)].by + at);
#pragma GCC unroll 8
          for (int v = 0; v < C; ++v) acc[h][u * C + v] = xsimd::fma(value[u], other[v], acc[h][u * C + v]);
          if constexpr (diagonal)
#pragma GCC unroll 8
            for (int v = 0; v <= u; ++v)
              own[h][packed(u, v)] = xsimd::fma(value[u], value[v], own[h][packed(u, v)]);
          if constexpr (with_sums) sum[h][u] += value[u];
        }
      }
    }
#pragma GCC unroll 2
    for (int h = 0; h < packs_at_once; ++h) {
      const auto place = [&](int u, int v) { return gram + packed(u, v) * lanes<S> + (g + h) * width<S>; };
#pragma GCC unroll 8
      for (int u = 0; u < R; ++u) {
#pragma GCC unroll 8
        for (int v = 0; v < C; ++v) acc[h][u * C + v].store_aligned(place(row + u, column + v));
        if constexpr (diagonal)
#pragma GCC unroll 8
          for (int v = 0; v <= u; ++v) own[h][packed(u, v)].store_aligned(place(row + u, row + v));
        if constexpr (with_sums) sum[h][u].store_aligned(sums + (row + u) * lanes<S> + (g + h) * width<S>);
      }
    }
  }
}

/// Calls f with the integer `n` in [least, most] as a compile-time constant.
template <int most, int least = 1, class F>
void with_constant(int n, F&& f) {
  if constexpr (most > least) {
    if (n < most) return with_constant<most - 1, least>(n, std::forward<F>(f));
  }
  f(std::integral_constant<int, most>{});
}

/// The first `block` columns of `count` among themselves; where that is not all of them, what is computed on
/// the way is kept. The last `products` of the block are products.
template <class S, bool with_sums>
void first_block(const S* const* columns, int block, int count, std::ptrdiff_t n, S* gram, S* sums,
                 S* residual, const S* data, const Factor<S>* factors, int products) {
  with_constant<whole_block>(block, [&](auto r) {
    if (!data) return diagonal_block<S, r, with_sums, false>(columns, 0, n, gram, sums);
    with_constant<most_products, 0>(products, [&](auto p) {
      if constexpr (p < r) {
        if constexpr (p == 2)
          if (factors[1].chained)
            return diagonal_block<S, r, with_sums, true, p, false, true>(columns, 0, n, gram, sums, data,
                                                                         nullptr, factors);
        if (block == count)
          diagonal_block<S, r, with_sums, true, p>(columns, 0, n, gram, sums, data, nullptr, factors);
        else if constexpr (r == square_block)
          diagonal_block<S, r, with_sums, true, p, true>(columns, 0, n, gram, sums, data, residual, factors);
      }
    });
  });
}

/// The gram rows [row, row + rows) up to the diagonal, in blocks of `square_block` columns, of which `row` is
/// a multiple. The last `products` rows are products; where there are any, rows are 2 at most.
template <class S, bool with_sums>
void later_block(const S* const* columns, int row, int rows, std::ptrdiff_t n, S* gram, S* sums,
                 const Factor<S>* factors, int products) {
  constexpr int square = square_block;
  const bool together = rows <= 2;  // few enough sums to go along with a square block
  with_constant<square>(rows, [&](auto r) {
    if constexpr (r > 2) diagonal_block<S, r, with_sums, false>(columns, row, n, gram, sums);
    for (int column = 0; column < row; column += square) {
      if (!together || column > 0)
        square_block_of<S, r, square, false, false>(columns, row, column, n, gram, nullptr);
      else if constexpr (r <= 2)  // products, where columns with some may be more than one block
        with_constant<most_with_products <= whole_block ? 0 : r(), 0>(products, [&](auto p) {
          square_block_of<S, r, square, true, with_sums, p>(columns, row, 0, n, gram, sums, factors);
        });
    }
  });
}

template <class S, bool with_sums>
void accumulate(const S* const* columns, int count, std::ptrdiff_t n, S* gram, S* sums, S* residual,
                const S* data, const std::vector<Factor<S>>& factors) {
  const int block = first_columns(count), products = static_cast<int>(factors.size());
  const int in_first = std::max(0, products - (count - block));
  first_block<S, with_sums>(columns, block, count, n, gram, sums, residual, data, factors.data(), in_first);
  std::array<const S*, most_with_products> finished;
  if (in_first > 0 && block < count) {  // read where the first block wrote them
    std::copy_n(columns, count, finished.begin());
    for (int k = 0; k < in_first; ++k)
      finished[static_cast<std::size_t>(block - in_first + k)] = factors[static_cast<std::size_t>(k)].product;
    columns = finished.data();
  }
  for (int row = block; row < count; row += square_block)
    later_block<S, with_sums>(columns, row, std::min(square_block, count - row), n, gram, sums,
                              factors.data() + in_first, products - in_first);
}

}  // namespace detail

/// Sums over n points: gram[packed(u, v)] of columns u and v, and where `sums` is given, of each column.
/// Where `data` is given the first column counts less `data`; it is what `residual` points to, and may be
/// changed on the way. The last factors.size() columns count times their factors: at most most_products of
/// them, fewer than `count`, which is then at most most_with_products, and with `data` only.
template <class S>
void accumulate(const S* const* columns, int count, std::ptrdiff_t n, S* gram, S* sums, S* residual = nullptr,
                const S* data = nullptr, const std::vector<Factor<S>>& factors = {}) {
  sums ? detail::accumulate<S, true>(columns, count, n, gram, sums, residual, data, factors)
       : detail::accumulate<S, false>(columns, count, n, gram, sums, residual, data, factors);
}

}  // namespace osculate::batch
