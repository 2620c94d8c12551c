#pragma once
// One number for each of a group's fits: as many lanes as fill 128 bytes, in as many SIMD registers as that
// takes. The number of lanes does not depend on the instruction set, and several registers hide each other's
// latency.

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "pack.hpp"

namespace osculate::batch {

template <class S>
inline constexpr int lanes = static_cast<int>(128 / sizeof(S));
template <class S>
inline constexpr int packs = lanes<S> / width<S>;
/// Registers of a part, and its lanes.
template <class S>
inline constexpr int part_packs = packs<S> < 2 ? packs<S> : 2;
template <class S>
inline constexpr int part = part_packs<S> * width<S>;

/// Calls f with the first lane of every part.
template <class S, class F>
void for_parts(F&& f) {
  for (int offset = 0; offset < lanes<S>; offset += part<S>) f(offset);
}
/// Alignment of every row of lanes.
inline constexpr std::size_t alignment = 128;

/// Rows of one number a lane, aligned, zero at first.
template <class S>
class Rows {
 public:
  explicit Rows(std::size_t rows = 0) : size_(rows * lanes<S>) {
    if (size_) data_.reset(static_cast<S*>(::operator new(size_ * sizeof(S), std::align_val_t{alignment})));
    std::fill_n(data_.get(), size_, S(0));
  }
  S* operator[](std::size_t row) { return data_.get() + row * lanes<S>; }
  const S* operator[](std::size_t row) const { return data_.get() + row * lanes<S>; }
  S* data() { return data_.get(); }
  const S* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(S* p) const { ::operator delete(p, std::align_val_t{alignment}); }
  };
  std::size_t size_;
  std::unique_ptr<S[], Free> data_;
};

template <class S>
struct WideMask {
  PackMask<S> p[part_packs<S>];

  XSIMD_INLINE friend WideMask operator&(const WideMask& a, const WideMask& b) {
    return map([&](int i) { return a.p[i] & b.p[i]; });
  }
  XSIMD_INLINE friend WideMask operator|(const WideMask& a, const WideMask& b) {
    return map([&](int i) { return a.p[i] | b.p[i]; });
  }
  XSIMD_INLINE friend WideMask operator!(const WideMask& a) {
    return map([&](int i) { return !a.p[i]; });
  }
  XSIMD_INLINE bool any() const {
    PackMask<S> all = p[0];
    for (int i = 1; i < part_packs<S>; ++i) all = all | p[i];
    return xsimd::any(all);
  }

  template <class F>
  XSIMD_INLINE static WideMask map(F&& f) {
    WideMask out;
    for (int i = 0; i < part_packs<S>; ++i) out.p[i] = f(i);
    return out;
  }
};

template <class S>
struct Wide {
  using Mask = WideMask<S>;
  Pack<S> p[part_packs<S>];

  Wide() = default;
  Wide(S value) {  // implicit: formulas mix lanes and plain numbers
    for (int i = 0; i < part_packs<S>; ++i) p[i] = Pack<S>(value);
  }
  XSIMD_INLINE static Wide load(const S* from) {
    return map([&](int i) { return Pack<S>::load_aligned(from + i * width<S>); });
  }
  XSIMD_INLINE void store(S* to) const {
    for (int i = 0; i < part_packs<S>; ++i) p[i].store_aligned(to + i * width<S>);
  }

  XSIMD_INLINE friend Wide operator+(const Wide& a, const Wide& b) {
    return map([&](int i) { return a.p[i] + b.p[i]; });
  }
  XSIMD_INLINE friend Wide operator-(const Wide& a, const Wide& b) {
    return map([&](int i) { return a.p[i] - b.p[i]; });
  }
  XSIMD_INLINE friend Wide operator*(const Wide& a, const Wide& b) {
    return map([&](int i) { return a.p[i] * b.p[i]; });
  }
  XSIMD_INLINE friend Wide operator/(const Wide& a, const Wide& b) {
    return map([&](int i) { return a.p[i] / b.p[i]; });
  }
  XSIMD_INLINE friend Wide operator-(const Wide& a) {
    return map([&](int i) { return -a.p[i]; });
  }
  Wide& operator+=(const Wide& b) { return *this = *this + b; }
  Wide& operator-=(const Wide& b) { return *this = *this - b; }
  Wide& operator*=(const Wide& b) { return *this = *this * b; }

  XSIMD_INLINE friend Mask operator<(const Wide& a, const Wide& b) {
    return Mask::map([&](int i) { return a.p[i] < b.p[i]; });
  }
  XSIMD_INLINE friend Mask operator<=(const Wide& a, const Wide& b) {
    return Mask::map([&](int i) { return a.p[i] <= b.p[i]; });
  }
  XSIMD_INLINE friend Mask operator>(const Wide& a, const Wide& b) { return b < a; }
  XSIMD_INLINE friend Mask operator>=(const Wide& a, const Wide& b) { return b <= a; }
  XSIMD_INLINE friend Mask operator==(const Wide& a, const Wide& b) {
    return Mask::map([&](int i) { return a.p[i] == b.p[i]; });
  }
  XSIMD_INLINE friend Mask operator!=(const Wide& a, const Wide& b) {
    return Mask::map([&](int i) { return a.p[i] != b.p[i]; });
  }

  template <class F>
  XSIMD_INLINE static Wide map(F&& f) {
    Wide out;
    for (int i = 0; i < part_packs<S>; ++i) out.p[i] = f(i);
    return out;
  }
};

/// a b + c.
template <class S>
XSIMD_INLINE Wide<S> fma(const Wide<S>& a, const Wide<S>& b, const Wide<S>& c) {
  return Wide<S>::map([&](int i) { return fma(a.p[i], b.p[i], c.p[i]); });
}
/// c - a b.
template <class S>
XSIMD_INLINE Wide<S> fnma(const Wide<S>& a, const Wide<S>& b, const Wide<S>& c) {
  return Wide<S>::map([&](int i) { return xsimd::fnma(a.p[i], b.p[i], c.p[i]); });
}
template <class S>
XSIMD_INLINE Wide<S> choose(const WideMask<S>& mask, const Wide<S>& yes, const Wide<S>& no) {
  return Wide<S>::map([&](int i) { return select(mask.p[i], yes.p[i], no.p[i]); });
}
template <class S>
XSIMD_INLINE Wide<S> sqrt(const Wide<S>& a) {
  return Wide<S>::map([&](int i) { return sqrt(a.p[i]); });
}
/// 1 / sqrt(a), to about seven digits at least: for scales, of which only the size matters.
template <class S>
XSIMD_INLINE Wide<S> inverse_root(const Wide<S>& a) {
#if defined(__AVX512F__)
  if constexpr (width<S> * sizeof(S) ==
                64) {  // the processor's estimate to 2^-14, and a step of Newton's method
    return Wide<S>::map([&](int i) {
      const Pack<S> y = xsimd::rsqrt(a.p[i]), half(S(0.5)), three_halves(S(1.5));
      return y * xsimd::fnma(half * a.p[i] * y, y, three_halves);
    });
  }
#endif
  return Wide<S>(1) / sqrt(a);
}
template <class S>
XSIMD_INLINE Wide<S> abs(const Wide<S>& a) {
  return Wide<S>::map([&](int i) { return abs(a.p[i]); });
}
/// The larger number; the second argument where either is NaN.
template <class S>
XSIMD_INLINE Wide<S> larger(const Wide<S>& a, const Wide<S>& b) {
  return Wide<S>::map([&](int i) { return xsimd::select(a.p[i] > b.p[i], a.p[i], b.p[i]); });
}
template <class S>
XSIMD_INLINE Wide<S> smaller(const Wide<S>& a, const Wide<S>& b) {
  return Wide<S>::map([&](int i) { return xsimd::select(a.p[i] < b.p[i], a.p[i], b.p[i]); });
}
/// Whether a number is neither infinite nor NaN.
template <class S>
XSIMD_INLINE WideMask<S> finite(const Wide<S>& a) {
  return a - a == Wide<S>(0);
}

/// The part of the lanes that is worked on: those from `offset` on.
template <class S>
struct Part {
  int offset = 0;

  Wide<S> get(const Rows<S>& r, int k = 0) const {
    return Wide<S>::load(r[static_cast<std::size_t>(k)] + first());
  }
  void put(Rows<S>& r, int k, const Wide<S>& value) const {
    value.store(r[static_cast<std::size_t>(k)] + first());
  }
  /// Where a flag is not 0.
  WideMask<S> set(const Rows<S>& flag) const { return get(flag) != Wide<S>(0); }
  void update(Rows<S>& r, const WideMask<S>& mask, const Wide<S>& value) const {
    put(r, 0, choose(mask, value, get(r)));
  }
  /// to = from in the lanes of the mask.
  void move(Rows<S>& to, const Rows<S>& from, int rows, const WideMask<S>& mask) const {
    for (int k = 0; k < rows; ++k) put(to, k, choose(mask, get(from, k), get(to, k)));
  }

 private:
  int first() const { return part<S> == lanes<S> ? 0 : offset; }
};

}  // namespace osculate::batch
