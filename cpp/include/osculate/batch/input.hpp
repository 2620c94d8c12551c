#pragma once
// Batch arrays as they lie in memory: any number type, any strides (0 where fits or points share a value),
// converted row by row while lanes are filled, so that no array is ever copied whole.

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "wide.hpp"

namespace osculate::batch {

enum class Number : std::uint8_t { f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 };

/// Elements [fit, point] of an array that broadcasts against a batch shape.
struct BatchArray {
  const char* data = nullptr;  ///< nullptr: there is no such array
  Number type = Number::f64;
  std::ptrdiff_t point_stride = 0;              ///< in bytes
  std::vector<std::ptrdiff_t> batch_strides{};  ///< in bytes, one a dimension of the batch shape

  explicit operator bool() const { return data != nullptr; }
  /// Whether all fits see the same row.
  bool shared() const {
    return std::all_of(batch_strides.begin(), batch_strides.end(), [](std::ptrdiff_t s) { return s == 0; });
  }
  /// Where the row of a fit begins; fits are numbered in C order over `shape`.
  const char* row(std::ptrdiff_t fit, const std::vector<std::ptrdiff_t>& shape) const {
    const char* at = data;
    for (std::size_t d = shape.size(); d-- > 1;) {
      at += fit % shape[d] * batch_strides[d];
      fit /= shape[d];
    }
    return shape.empty() ? at : at + fit * batch_strides[0];
  }
};

namespace detail {

template <class T, class S>
bool read_row_as(const char* from, std::ptrdiff_t stride, std::ptrdiff_t n, S* to, std::ptrdiff_t step) {
  bool missing = false;
  const auto read = [&](std::ptrdiff_t distance) {
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      T value;
      std::memcpy(&value, from + i * distance, sizeof(T));
      if constexpr (std::is_floating_point_v<T>) missing |= value != value;
      to[i * step] = static_cast<S>(value);
    }
  };
  stride == static_cast<std::ptrdiff_t>(sizeof(T)) ? read(sizeof(T)) : read(stride);
  return missing;
}

}  // namespace detail

/// Writes n numbers of a row to to[0], to[step], ...; true when one of them is NaN.
template <class S>
bool read_row(Number type, const char* from, std::ptrdiff_t stride, std::ptrdiff_t n, S* to,
              std::ptrdiff_t step) {
  switch (type) {
    case Number::f32:
      return detail::read_row_as<float>(from, stride, n, to, step);
    case Number::f64:
      return detail::read_row_as<double>(from, stride, n, to, step);
    case Number::i8:
      return detail::read_row_as<std::int8_t>(from, stride, n, to, step);
    case Number::i16:
      return detail::read_row_as<std::int16_t>(from, stride, n, to, step);
    case Number::i32:
      return detail::read_row_as<std::int32_t>(from, stride, n, to, step);
    case Number::i64:
      return detail::read_row_as<std::int64_t>(from, stride, n, to, step);
    case Number::u8:
      return detail::read_row_as<std::uint8_t>(from, stride, n, to, step);
    case Number::u16:
      return detail::read_row_as<std::uint16_t>(from, stride, n, to, step);
    case Number::u32:
      return detail::read_row_as<std::uint32_t>(from, stride, n, to, step);
    case Number::u64:
      return detail::read_row_as<std::uint64_t>(from, stride, n, to, step);
  }
  throw std::invalid_argument("read_row: unknown number type");
}

}  // namespace osculate::batch
