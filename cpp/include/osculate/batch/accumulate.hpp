#pragma once
// Gram matrix of tiles: sums over points of the products of columns, for every lane. What is summed stays in
// registers while a block of columns goes by; more columns than fit are taken in square blocks. Sums are kept
// in registers only where gcc unrolls the loops over columns early, hence the pragmas; and sums are sums and
// not products with 1 because some processors add beside their multipliers.

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

namespace detail {

inline constexpr int most_products = 3;  // columns that accumulate() multiplies itself

#if defined(__AVX512F__)
inline constexpr int whole_block = 6, square_block = 4;  // 32 vector registers
#else
inline constexpr int whole_block = 3, square_block = 3;  // 16
#endif

/// gram rows of columns [first, first + R) among themselves and, with `with_sums`, the sums of those columns.
/// With `minus` the first column is read less `data`, and written so where `keep` is given. The last
/// `products` columns are read times those of `by`.
template <class S, int R, bool with_sums, bool minus, int products = 0>
void diagonal_block(const S* const* columns, int first, std::ptrdiff_t n, S* gram, S* sums, const S* data,
                    S* keep = nullptr, const S* const* by = nullptr) {
  for (int g = 0; g < packs<S>; ++g) {
    Pack<S> acc[R * (R + 1) / 2], sum[R];
    for (Pack<S>& a : acc) a = Pack<S>(S(0));
    for (Pack<S>& a : sum) a = Pack<S>(S(0));
    const S *at[R], *factor[products + 1];
#pragma GCC unroll 8
    for (int u = 0; u < R; ++u) at[u] = columns[first + u] + g * width<S>;
#pragma GCC unroll 8
    for (int u = 0; u < products; ++u) factor[u] = by[u] + g * width<S>;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      Pack<S> value[R];
#pragma GCC unroll 8
      for (int u = 0; u < R; ++u) value[u] = Pack<S>::load_aligned(at[u] + i * lanes<S>);
#pragma GCC unroll 8
      for (int u = 0; u < products; ++u)
        value[R - products + u] *= Pack<S>::load_aligned(factor[u] + i * lanes<S>);
      if constexpr (minus) {
        value[0] -= Pack<S>::load_aligned(data + i * lanes<S> + g * width<S>);
        if (keep) value[0].store_aligned(keep + i * lanes<S> + g * width<S>);
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
/// among themselves, with the sums of those columns where `sums` is given.
template <class S, int R, int C, bool diagonal, bool with_sums>
void square_block_of(const S* const* columns, int row, int column, std::ptrdiff_t n, S* gram, S* sums) {
  for (int g = 0; g < packs<S>; ++g) {
    Pack<S> acc[R * C], own[diagonal ? R * (R + 1) / 2 : 1], sum[R];
    for (Pack<S>& a : acc) a = Pack<S>(S(0));
    for (Pack<S>& a : own) a = Pack<S>(S(0));
    for (Pack<S>& a : sum) a = Pack<S>(S(0));
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      Pack<S> other[C], value[R];
#pragma GCC unroll 8
      for (int v = 0; v < C; ++v)
        other[v] = Pack<S>::load_aligned(columns[column + v] + i * lanes<S> + g * width<S>);
#pragma GCC unroll 8
      for (int u = 0; u < R; ++u) {
        value[u] = Pack<S>::load_aligned(columns[row + u] + i * lanes<S> + g * width<S>);
#pragma GCC unroll 8
        for (int v = 0; v < C; ++v) acc[u * C + v] = xsimd::fma(value[u], other[v], acc[u * C + v]);
        if constexpr (diagonal)
#pragma GCC unroll 8
          for (int v = 0; v <= u; ++v) own[packed(u, v)] = xsimd::fma(value[u], value[v], own[packed(u, v)]);
        if constexpr (with_sums) sum[u] += value[u];
      }
    }
    const auto place = [&](int u, int v) { return gram + packed(u, v) * lanes<S> + g * width<S>; };
#pragma GCC unroll 8
    for (int u = 0; u < R; ++u) {
#pragma GCC unroll 8
      for (int v = 0; v < C; ++v) acc[u * C + v].store_aligned(place(row + u, column + v));
      if constexpr (diagonal)
#pragma GCC unroll 8
        for (int v = 0; v <= u; ++v) own[packed(u, v)].store_aligned(place(row + u, row + v));
      if constexpr (with_sums) sum[u].store_aligned(sums + (row + u) * lanes<S> + g * width<S>);
    }
  }
}

/// Calls f with the integer `n` in [1, most] as a compile-time constant.
template <int most, class F>
void with_constant(int n, F&& f) {
  if constexpr (most > 1) {
    if (n < most) return with_constant<most - 1>(n, std::forward<F>(f));
  }
  f(std::integral_constant<int, most>{});
}

}  // namespace detail

/// Sums over n points: gram[packed(u, v)] of columns u and v, and where `sums` is given, of each column.
/// Where `data` is given the first column counts less `data`; it is what `first` points to, and may be
/// changed on the way. The last by.size() columns count times those of `by`: at most most_products of them,
/// fewer than `count`, which is then at most whole_block, and with `data` only.
template <class S>
void accumulate(const S* const* columns, int count, std::ptrdiff_t n, S* gram, S* sums, S* first = nullptr,
                const S* data = nullptr, const std::vector<const S*>& by = {}) {
  constexpr int square = detail::square_block;
  const int block = count <= detail::whole_block ? count : square;
  for (int row = 0; row < count; row += block) {
    const int rows = std::min(block, count - row);
    const bool together = row > 0 && rows <= 2;  // few enough sums to go along with a square block
    if (!together)
      detail::with_constant<detail::whole_block>(rows, [&](auto r) {
        if (data && row == 0 && !by.empty()) {
          detail::with_constant<detail::most_products>(static_cast<int>(by.size()), [&](auto products) {
            if constexpr (products < r)
              sums ? detail::diagonal_block<S, r, true, true, products>(columns, 0, n, gram, sums, data,
                                                                        nullptr, by.data())
                   : detail::diagonal_block<S, r, false, true, products>(columns, 0, n, gram, nullptr, data,
                                                                         nullptr, by.data());
          });
        } else if (data && row == 0) {
          S* keep = rows < count ? first : nullptr;
          sums ? detail::diagonal_block<S, r, true, true>(columns, 0, n, gram, sums, data, keep)
               : detail::diagonal_block<S, r, false, true>(columns, 0, n, gram, nullptr, data, keep);
        } else {
          sums ? detail::diagonal_block<S, r, true, false>(columns, row, n, gram, sums, nullptr)
               : detail::diagonal_block<S, r, false, false>(columns, row, n, gram, nullptr, nullptr);
        }
      });
    for (int column = 0; column < row; column += block)
      detail::with_constant<square>(rows, [&](auto r) {
        if constexpr (r <= 2) {
          if (together && column == 0) {
            sums ? detail::square_block_of<S, r, square, true, true>(columns, row, column, n, gram, sums)
                 : detail::square_block_of<S, r, square, true, false>(columns, row, column, n, gram, nullptr);
            return;
          }
        }
        detail::square_block_of<S, r, square, false, false>(columns, row, column, n, gram, nullptr);
      });
  }
}

}  // namespace osculate::batch
