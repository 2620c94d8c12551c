#pragma once
// The lower triangle of S S' for few long contiguous rows, by dot products of four rows with four: nothing is
// packed, which for up to some 64 rows costs as much as the product.

#include <Eigen/Core>
#include <algorithm>

#include "gemm_kernel.hpp"

namespace osculate::detail {

inline constexpr Index few_rows = 64;

/// gram(i, j), i >= j, by columns = scale S_i . S_j; rows are `stride` numbers apart.
template <class S>
void row_gram(const S* s, Index rows, Index length, Index stride, S scale, S* gram) {
  namespace in = Eigen::internal;
  using Packet = typename Tile<S>::Packet;
  constexpr Index lanes = Tile<S>::lanes, block = 4;
  const Index whole = length / lanes * lanes;
  for (Index j = 0; j < rows; j += block)
    for (Index i = j; i < rows; i += block) {
      const S *left[block], *right[block];
      for (Index q = 0; q < block; ++q) {  // rows beyond the last repeat it and are not written
        left[q] = s + std::min(i + q, rows - 1) * stride;
        right[q] = s + std::min(j + q, rows - 1) * stride;
      }
      Packet sum[block][block];
#pragma GCC unroll 4
      for (Index p = 0; p < block; ++p)
#pragma GCC unroll 4
        for (Index q = 0; q < block; ++q) sum[p][q] = in::pset1<Packet>(S(0));
      for (Index k = 0; k < whole; k += lanes) {
        Packet b[block];
#pragma GCC unroll 4
        for (Index q = 0; q < block; ++q) b[q] = in::ploadu<Packet>(right[q] + k);
#pragma GCC unroll 4
        for (Index p = 0; p < block; ++p) {
          const Packet a = in::ploadu<Packet>(left[p] + k);
#pragma GCC unroll 4
          for (Index q = 0; q < block; ++q) sum[p][q] = in::pmadd(a, b[q], sum[p][q]);
        }
      }
      for (Index q = 0; q < std::min(block, rows - j); ++q)
        for (Index p = 0; p < std::min(block, rows - i); ++p) {
          if (i + p < j + q) continue;
          S total = in::predux(sum[p][q]);
          for (Index k = whole; k < length; ++k) total += left[p][k] * right[q][k];
          gram[i + p + (j + q) * rows] = scale * total;
        }
    }
}

/// out = sum of weights_i S_i, in whole vectors: `length` is a multiple of 64 bytes, and S and `out` are
/// aligned.
template <class S>
void row_combination(const S* s, Index rows, Index length, const S* weights, S* out) {
  namespace in = Eigen::internal;
  using Packet = typename Tile<S>::Packet;
  constexpr Index lanes = Tile<S>::lanes, most = 8;
  for (Index first = 0; first < length; first += most * lanes) {
    const Index packets = std::min(most, (length - first) / lanes);
    Packet sum[most];
    for (Index k = 0; k < most; ++k) sum[k] = in::pset1<Packet>(S(0));
    const auto add = [&](Index count) {
      for (Index i = 0; i < rows; ++i) {
        const Packet weight = in::pset1<Packet>(weights[i]);
        for (Index k = 0; k < count; ++k)
          sum[k] = in::pmadd(weight, in::pload<Packet>(s + i * length + first + k * lanes), sum[k]);
      }
    };
    packets == most ? add(most) : add(packets);
    for (Index k = 0; k < packets; ++k) in::pstore(out + first + k * lanes, sum[k]);
  }
}

}  // namespace osculate::detail
