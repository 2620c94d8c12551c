#pragma once
// The inner part of a blocked product A B': packed slices of A and B, and one register tile of C. The
// scheme is Goto & van de Geijn's (ACM TOMS 34(3), 2008, doi:10.1145/1356052.1356053) in the form of Van Zee
// & van de Geijn (ACM TOMS 41(3), 2015, doi:10.1145/2764454): a slice of A holds as many rows as a tile, a
// slice of B as many as it has columns, both contiguous in the order in which the tile reads them and padded
// with zeros. Vectors are Eigen's packets, so one source serves every instruction set.

#include <Eigen/Core>
#include <algorithm>
#include <type_traits>

#include "../types.hpp"

namespace osculate::detail {

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // of vector types as template arguments
#endif

template <class S>
struct Tile {
  using Packet = typename Eigen::internal::packet_traits<S>::type;
  static constexpr int lanes = static_cast<int>(Eigen::internal::unpacket_traits<Packet>::size);
  static constexpr bool many_registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32;
  static constexpr int vectors = 2;                        ///< along a column of the tile
  static constexpr int columns = many_registers ? 12 : 6;  ///< vectors * columns sums stay in registers
  static constexpr int rows = vectors * lanes;
  using Square = Eigen::internal::PacketBlock<Packet, lanes>;

  /// C(0:rows, 0:columns) = beta C + alpha A B' for slices of the given depth, C by columns; beta = 0 does
  /// not read C.
  static void multiply(Index depth, const S* a, const S* b, S alpha, S beta, S* c, Index stride) {
    namespace in = Eigen::internal;
    Packet sum[columns][vectors];
#pragma GCC unroll 12
    for (int j = 0; j < columns; ++j)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[j][v] = in::pset1<Packet>(S(0));
    for (Index k = 0; k < depth; ++k, a += rows, b += columns) {
      Packet left[vectors];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) left[v] = in::ploadu<Packet>(a + v * lanes);
#pragma GCC unroll 12
      for (int j = 0; j < columns; ++j) {
        const Packet right = in::pset1<Packet>(b[j]);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[j][v] = in::pmadd(left[v], right, sum[j][v]);
      }
    }
    const Packet scale = in::pset1<Packet>(alpha);
#pragma GCC unroll 12
    for (int j = 0; j < columns; ++j)
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) {
        S* to = c + j * stride + v * lanes;
        const Packet value = in::pmul(scale, sum[j][v]);
        in::pstoreu(to,
                    beta == S(0) ? value : in::pmadd(in::pset1<Packet>(beta), in::ploadu<Packet>(to), value));
      }
  }
};

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/// Element (i, k) of an operand is data[i * row_stride + k * column_stride]. Of a symmetric one only the
/// elements with i >= k are read. Where given, `shift` (a number a column) or `row_shift` (a number a row)
/// is subtracted and `weights` (a number a column) multiply; `ones` appends a row of ones below the
/// `rows - 1` rows of `data`.
template <class From>
struct Operand {
  const From* data = nullptr;
  Index rows = 0;
  Index columns = 0;
  Index row_stride = 1;
  Index column_stride = 0;
  bool symmetric = false;
  const From* shift = nullptr;
  const From* row_shift = nullptr;
  const From* weights = nullptr;
  bool ones = false;

  From at(Index i, Index k) const {
    if (ones && i == rows - 1) return From(1);
    return symmetric && i < k ? data[k * row_stride + i * column_stride]
                              : data[i * row_stride + k * column_stride];
  }
};

/// out(i, k) = from[i along + k] for i < height, k < depth, `width` numbers from one k to the next: squares
/// of a vector's length are turned in registers. Rows from `height` on are zero.
template <int width, class S, class From>
void pack_turned(const From* from, Index along, Index height, Index depth, S* out) {
  namespace in = Eigen::internal;
  using Packet = typename Tile<S>::Packet;
  constexpr int lanes = Tile<S>::lanes;
  if constexpr (!std::is_same_v<S, From>) {  // converted first, a part that stays in the first cache
    constexpr Index most = 64;
    S part[width * most];
    for (Index k = 0; k < depth; k += most) {
      const Index count = std::min(most, depth - k);
      for (Index i = 0; i < height; ++i)
        for (Index p = 0; p < count; ++p) part[i * most + p] = static_cast<S>(from[i * along + k + p]);
      pack_turned<width, S, S>(part, most, height, count, out + k * width);
    }
    return;
  } else {
    const Packet zero = in::pset1<Packet>(S(0));
    const Index whole = depth / lanes * lanes;
    for (Index k = 0; k < whole; k += lanes)
      for (int i = 0; i < width; i += lanes) {
        typename Tile<S>::Square square;
        for (int q = 0; q < lanes; ++q)
          square.packet[q] = i + q < height ? in::ploadu<Packet>(from + (i + q) * along + k) : zero;
        in::ptranspose(square);
        for (int q = 0; q < lanes; ++q) {
          S* to = out + (k + q) * width + i;
          if (i + lanes <= width) {
            in::pstoreu(to, square.packet[q]);
          } else {
            S part[lanes];
            in::pstoreu(part, square.packet[q]);
            std::copy_n(part, width % lanes, to);
          }
        }
      }
    for (Index i = 0; i < height; ++i)
      for (Index k = whole; k < depth; ++k) out[k * width + i] = from[i * along + k];
  }
}

/// out(i, k) = from[i along + k across] in the same way.
template <int width, class S, class From>
void pack_strided(const From* from, Index along, Index across, Index height, Index depth, S* out) {
  if (across == 1) return pack_turned<width>(from, along, height, depth, out);
  for (Index k = 0; k < depth; ++k)
    if (along == 1 && height == width)
      for (int i = 0; i < width; ++i) out[k * width + i] = static_cast<S>(from[k * across + i]);
    else
      for (Index i = 0; i < height; ++i) out[k * width + i] = static_cast<S>(from[k * across + i * along]);
}

/// Packs rows [row, row + height) and columns [column, column + depth) of an operand into one slice of
/// `width` >= height numbers a column.
template <int width, class S, class From>
void pack_slice(const Operand<From>& a, Index row, Index height, Index column, Index depth, S* out) {
  if (height < width)
    for (Index k = 0; k < depth; ++k)
      for (Index i = height; i < width; ++i) out[k * width + i] = S(0);
  // Columns [0, first) of the slice lie in memory as they are, [last, depth) of a symmetric operand the other
  // way round, and those between cross the diagonal or end in the row of ones.
  Index first = depth, last = depth;
  if (a.symmetric) {
    first = std::clamp<Index>(row + 1 - column, 0, depth);
    last = std::clamp<Index>(row + height - 1 - column, first, depth);
  } else if (a.shift || a.row_shift || (a.ones && row + height == a.rows)) {
    first = 0;
  }
  const From* from = a.data + row * a.row_stride + column * a.column_stride;
  pack_strided<width>(from, a.row_stride, a.column_stride, height, first, out);
  const From less = From(0);
  for (Index k = first; k < last; ++k)
    for (Index i = 0; i < height; ++i) {
      const From shift = a.shift ? a.shift[column + k] : a.row_shift ? a.row_shift[row + i] : less;
      out[k * width + i] = static_cast<S>(a.at(row + i, column + k) - shift);
    }
  if (last < depth)
    pack_strided<width>(a.data + row * a.column_stride + (column + last) * a.row_stride, a.column_stride,
                        a.row_stride, height, depth - last, out + last * width);
  if (a.weights)
    for (Index k = 0; k < depth; ++k)
      for (int i = 0; i < width; ++i) out[k * width + i] *= static_cast<S>(a.weights[column + k]);
}

}  // namespace osculate::detail
