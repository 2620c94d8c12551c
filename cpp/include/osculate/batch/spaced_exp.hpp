#pragma once
// Exponentials of lines and parabolas at equally spaced points, as products: with z(m + j) = z + q j + g j^2
// for the points around point m, exp(z(m + j)) = exp(z) exp(q)^j exp(g j^2). That takes one exponential or
// two for a block of points instead of one a point. Every point is a few products away from exponentials of
// its own block, so errors do not grow along the points: they stay below 12 epsilon beside what rounding of
// the argument costs. Where an argument or its change within a block is large, a lane's exponentials are
// computed directly: no factor overflows, and none loses digits.

#include <array>
#include <cstdint>
#include <optional>

#include "wide.hpp"

namespace osculate::batch {

/// Points whose exponentials are made together, from a multiple of it on: tiles had better be whole blocks.
inline constexpr int spaced_block = 8;

/// The distance of n points that are equally spaced up to the rounding of their coordinates.
template <class S>
std::optional<double> spacing(const S* x, std::ptrdiff_t n) {
  if (n < spaced_block) return std::nullopt;
  const double first = double(x[0]), last = double(x[n - 1]), step = (last - first) / double(n - 1);
  const double rounding =
      2 * double(std::numeric_limits<S>::epsilon()) * std::max(std::abs(first), std::abs(last));
  for (std::ptrdiff_t i = 0; i < n; ++i)
    if (!(std::abs(double(x[i]) - (first + step * double(i))) <= rounding)) return std::nullopt;  // NaN too
  return step;
}

/// The argument is a line, (x - shift) rate, that line turned, (shift - x) rate, or a bell, (x - shift)^2
/// rate.
enum class Exponent : std::uint8_t { line, turned, bell };

/// Exponentials at points x of a given spacing; `shift` and `rate` are a row of lanes each.
template <class S>
class SpacedExp {
 public:
  SpacedExp(Exponent form, const S* x, double spacing, const S* shift, const S* rate)
      : form_(form), x_(x), spacing_(spacing), shift_(shift), given_rate_(rate) {}

  /// To be called when the lanes' numbers have changed.
  void prepare() { form_ == Exponent::bell ? prepare_as<true>() : prepare_as<false>(); }

  /// At the n points from `offset` on, a row of lanes each.
  void operator()(std::ptrdiff_t offset, std::ptrdiff_t n, S* to) const {
    form_ == Exponent::bell ? run_as<true>(offset, n, to) : run_as<false>(offset, n, to);
  }

 private:
  using P = Pack<S>;
  static constexpr int block = spaced_block;
  /// The largest argument and the largest change of it within a block: together they are far from where exp
  /// under- or overflows, and the rounding of the change costs few digits.
  static constexpr bool single = std::is_same_v<S, float>;
  static constexpr S largest = single ? S(60) : S(640), largest_change = single ? S(12) : S(32);

  template <bool bell>
  void prepare_as() {
    const S step = static_cast<S>(bell ? spacing_ * spacing_ : spacing_);
    for (int g = 0; g < lanes<S>; g += width<S>) {
      const P given = P::load_aligned(given_rate_ + g), rate = form_ == Exponent::turned ? -given : given;
      rate.store_aligned(rate_[0] + g);
      const P unit = P(step) * rate;
      const P change = abs(unit * P(S(bell ? block * block / 4 : block)));
      select(change <= P(largest_change), P(largest), P(S(-1))).store_aligned(limit_[0] + g);
      const auto power = [&](int j) { return batch::exp(unit * P(S(j))); };
      const auto store = [&](int j, const P& value) {
        value.store_aligned(powers_[static_cast<std::size_t>(j - 1)] + g);
      };
      if constexpr (bell) {
        for (int j = 1; j <= block / 2; ++j) store(j, power(j * j));
      } else {
        const P p1 = power(1), p2 = power(2), p4 = power(4), p3 = p1 * p2;
        store(1, p1), store(2, p2), store(3, p3), store(4, p4);
        store(5, p4 * p1), store(6, p4 * p2), store(7, p4 * p3);
      }
    }
  }

  template <bool bell>
  void run_as(std::ptrdiff_t offset, std::ptrdiff_t n, S* to) const {
    const std::ptrdiff_t behind = offset % block;
    std::ptrdiff_t i = std::min(n, (block - behind) % block);  // from here on whole blocks
    if (i > 0) part_of_block<bell>(offset - behind, behind, behind + i, to);
    const std::ptrdiff_t whole = (n - i) / block;
    if (exponentials<bell>(offset + i, whole, to + i * lanes<S>))
      products<bell>(whole, to + i * lanes<S>);
    else
      for (std::ptrdiff_t k = 0; k < whole; ++k)
        part_of_block<bell>(offset + i + k * block, 0, block, to + (i + k * block) * lanes<S>);
    i += whole * block;
    if (i < n) part_of_block<bell>(offset + i, 0, n - i, to + i * lanes<S>);
  }

  /// What the exponentials of a block are made of.
  struct Block {
    P argument, slope;
    PackMask<S> near;
  };

  template <bool bell>
  XSIMD_INLINE static Block look(S x, S twice, const P& shift, const P& rate, const P& limit) {
    const P from = P(x) - shift;
    Block b{bell ? from * from * rate : from * rate, P(twice) * from * rate, {}};
    b.near = abs(b.argument) <= limit;
    if constexpr (bell) b.near = b.near && abs(b.slope) <= P(largest_change / S(block / 2));
    return b;
  }

  /// The coordinate of the point that a block's products start from.
  template <bool bell>
  S middle_of(std::ptrdiff_t begin) const {
    return static_cast<S>(double(x_[0]) + spacing_ * double(begin + (bell ? block / 2 : 0)));
  }

  /// The exponentials of whole blocks, each where its row is in the end; of a bell exp(slope) and its
  /// reciprocal above and below it. Whether all lanes are near.
  template <bool bell>
  bool exponentials(std::ptrdiff_t begin, std::ptrdiff_t blocks, S* to) const {
    const S *shift = shift_, *rate = rate_[0], *limit = limit_[0];
    const S twice = static_cast<S>(2 * spacing_);
    PackMask<S> near(true);
    for (std::ptrdiff_t k = 0; k < blocks; ++k, begin += block, to += block * lanes<S>) {
      const S x = middle_of<bell>(begin);
      for (int g = 0; g < lanes<S>; g += width<S>) {
        const Block b = look<bell>(x, twice, P::load_aligned(shift + g), P::load_aligned(rate + g),
                                   P::load_aligned(limit + g));
        near = near && b.near;
        const P middle = pack_detail::exp_normal(b.argument);
        if constexpr (bell) {
          const P up = pack_detail::exp_normal(b.slope);
          up.store_aligned(to + 5 * lanes<S> + g);
          middle.store_aligned(to + 4 * lanes<S> + g);
          (P(S(1)) / up).store_aligned(to + 3 * lanes<S> + g);
        } else {
          middle.store_aligned(to + g);
        }
      }
    }
    return xsimd::all(near);
  }

  /// The other rows of whole blocks.
  template <bool bell>
  void products(std::ptrdiff_t blocks, S* to) const {
    const S* powers = powers_.data();
    for (std::ptrdiff_t k = 0; k < blocks; ++k, to += block * lanes<S>)
      for (int g = 0; g < lanes<S>; g += width<S>) {
        const auto put = [&](int j, const P& value) { value.store_aligned(to + j * lanes<S> + g); };
        const auto get = [&](int j) { return P::load_aligned(to + j * lanes<S> + g); };
        const auto power = [&](int j) { return P::load_aligned(powers + (j - 1) * lanes<S> + g); };
        if constexpr (bell)
          bell_rows(get(4), get(5), get(3), power, put);
        else
          line_rows(get(0), power, put);
      }
  }

  template <class Power, class Put>
  XSIMD_INLINE static void line_rows(const P& first, Power&& power, Put&& put) {
#pragma GCC unroll 7
    for (int j = 1; j < block; ++j) put(j, first * power(j));
  }
  template <class Power, class Put>
  XSIMD_INLINE static void bell_rows(const P& middle, const P& up, const P& down, Power&& power, Put&& put) {
    const P up2 = up * up, down2 = down * down, p1 = power(1), p2 = power(2), p3 = power(3);
    put(0, middle * (down2 * down2 * power(4)));
    put(1, middle * (down2 * down * p3));
    put(2, middle * (down2 * p2));
    put(3, middle * (down * p1));
    put(5, middle * (up * p1));
    put(6, middle * (up2 * p2));
    put(7, middle * (up2 * up * p3));
  }

  /// The rows [first, last) of the block that begins at a point; `to` is where the first goes.
  template <bool bell>
  void part_of_block(std::ptrdiff_t begin, std::ptrdiff_t first, std::ptrdiff_t last, S* to) const {
    const S x = middle_of<bell>(begin), twice = static_cast<S>(2 * spacing_);
    for (int g = 0; g < lanes<S>; g += width<S>) {
      const P shift = P::load_aligned(shift_ + g), rate = P::load_aligned(rate_[0] + g);
      const Block b = look<bell>(x, twice, shift, rate, P::load_aligned(limit_[0] + g));
      std::array<P, block> values{};
      const auto put = [&](int j, const P& value) { values[static_cast<std::size_t>(j)] = value; };
      const auto power = [&](int j) { return P::load_aligned(powers_[static_cast<std::size_t>(j - 1)] + g); };
      const P middle = pack_detail::exp_normal(b.argument);
      put(bell ? block / 2 : 0, middle);
      if constexpr (bell) {
        const P up = pack_detail::exp_normal(b.slope);
        bell_rows(middle, up, P(S(1)) / up, power, put);
      } else {
        line_rows(middle, power, put);
      }
      for (std::ptrdiff_t j = first; j < last; ++j) {
        P value = values[static_cast<std::size_t>(j)];
        if (!xsimd::all(b.near)) {
          const P at = P(x_[begin + j]) - shift;
          value = select(b.near, value, batch::exp(bell ? at * at * rate : at * rate));
        }
        value.store_aligned(to + (j - first) * lanes<S> + g);
      }
    }
  }

  Exponent form_;
  const S* x_;
  double spacing_;
  const S *shift_, *given_rate_;
  Rows<S> rate_{1};            ///< of the line that is not turned
  Rows<S> limit_{1};           ///< of the arguments' size; negative where they change too fast
  Rows<S> powers_{block - 1};  ///< exp(unit j) of a line, exp(unit j^2) of a parabola, for j = 1, 2, ...
};

}  // namespace osculate::batch
