#pragma once
// What one instruction of a tape does to a tile: loops over n points of all lanes. Operands are vectors (a
// number a point and lane), points (a number a point, broadcast) or lanes (a number a lane, kept in
// registers). The operations that make up most tapes have a loop for each combination; the others look at the
// kind of each operand as they go, which costs little beside them.

#include <array>

#include "operate.hpp"
#include "spaced_exp.hpp"

namespace osculate::batch {

enum class Kind : std::uint8_t { vector, point, lane };

/// An instruction bound to memory. The operand of a unary operation is a vector. An operand of kind vector or
/// point advances with the tile: `step` is the distance of two points' values where it reads the data, and 0
/// where it reads a register of the tile.
template <class S>
struct Bound {
  using Kernel = void (*)(const Bound&, std::ptrdiff_t offset, std::ptrdiff_t n);

  struct Source {
    const S* data = nullptr;
    std::ptrdiff_t step = 0;
    Kind kind = Kind::vector;

    const S* at(std::ptrdiff_t offset) const { return data + step * offset; }
  };

  Kernel run = nullptr;
  expr::Op op = expr::Op::constant;
  S* to = nullptr;
  Source a{}, b{}, c{};
  const SpacedExp<S>* spaced = nullptr;  ///< what computes it instead, where points are equally spaced
};

namespace detail {

/// Reads the operand's packs of one point; with a known kind what does not change stays in registers.
template <class S, Kind kind>
struct Reader {
  const S* data;
  Pack<S> kept[kind == Kind::lane ? packs<S> : 1];

  explicit Reader(const S* from) : data(from) {
    if constexpr (kind == Kind::lane)
      for (int g = 0; g < packs<S>; ++g) kept[g] = Pack<S>::load_aligned(from + g * width<S>);
  }
  void point(std::ptrdiff_t i) {
    if constexpr (kind == Kind::point) kept[0] = Pack<S>(data[i]);
  }
  Pack<S> operator()(std::ptrdiff_t i, int g) const {
    if constexpr (kind == Kind::vector) return Pack<S>::load_aligned(data + i * lanes<S> + g * width<S>);
    return kept[kind == Kind::lane ? g : 0];
  }
};

/// Reads an operand whose kind is known only when the tape runs.
template <class S>
struct AnyReader {
  const S* data;
  Kind kind;

  Pack<S> operator()(std::ptrdiff_t i, int g) const {
    if (kind == Kind::vector) return Pack<S>::load_aligned(data + i * lanes<S> + g * width<S>);
    return kind == Kind::point ? Pack<S>(data[i]) : Pack<S>::load_aligned(data + g * width<S>);
  }
};

/// The operands of an operation.
template <class S>
struct Operands {
  Pack<S> a{}, b{}, c{};
};

/// One point of all lanes; `operands` gives those of a pack.
template <class S, expr::Op op, class Get>
XSIMD_INLINE void run_point(Get&& operands, S* to) {
  if constexpr (is_exponential(op)) {
    constexpr int together = std::min(packs<S>, 4);  // as many as registers hold
    for (int first = 0; first < packs<S>; first += together) {
      std::array<Pack<S>, together> x;
      for (int g = 0; g < together; ++g) {
        const Operands<S> o = operands(first + g);
        x[static_cast<std::size_t>(g)] = exponent<S, op>(o.a, o.b, o.c);
      }
      pack_detail::exp_each(x);
      for (const Pack<S>& v : x) v.store_aligned(to), to += width<S>;
    }
  } else {
    for (int g = 0; g < packs<S>; ++g) {
      const Operands<S> o = operands(g);
      operate<S, op>(o.a, o.b, o.c).store_aligned(to + g * width<S>);
    }
  }
}

template <class S, expr::Op op, Kind ka, Kind kb, Kind kc>
void run_known(const Bound<S>& q, std::ptrdiff_t offset, std::ptrdiff_t n) {
  Reader<S, ka> a(q.a.at(offset));
  Reader<S, kb> b(q.b.at(offset));
  S* to = q.to;
  if constexpr (expr::arity(op) == 2) {
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      a.point(i), b.point(i);
      run_point<S, op>([&](int g) { return Operands<S>{a(i, g), b(i, g)}; }, to + i * lanes<S>);
    }
  } else {
    Reader<S, kc> c(q.c.at(offset));
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      a.point(i), b.point(i), c.point(i);
      run_point<S, op>([&](int g) { return Operands<S>{a(i, g), b(i, g), c(i, g)}; }, to + i * lanes<S>);
    }
  }
}

template <class S, expr::Op op>
void run_unary(const Bound<S>& q, std::ptrdiff_t offset, std::ptrdiff_t n) {
  const S* a = q.a.at(offset);
  for (std::ptrdiff_t i = 0; i < n * lanes<S>; i += lanes<S>)
    run_point<S, op>([&](int g) { return Operands<S>{Pack<S>::load_aligned(a + i + g * width<S>)}; },
                     q.to + i);
}

template <class S, expr::Op op>
void run_any(const Bound<S>& q, std::ptrdiff_t offset, std::ptrdiff_t n) {
  constexpr int operands = op == expr::Op::constant ? 1 : expr::arity(op);
  const AnyReader<S> a{q.a.at(offset), q.a.kind}, b{q.b.at(offset), q.b.kind}, c{q.c.at(offset), q.c.kind};
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (int g = 0; g < packs<S>; ++g) {
      S* to = q.to + i * lanes<S> + g * width<S>;
      if constexpr (operands == 1) operate<S, op>(a(i, g)).store_aligned(to);
      if constexpr (operands == 2) operate<S, op>(a(i, g), b(i, g)).store_aligned(to);
      if constexpr (operands == 3) operate<S, op>(a(i, g), b(i, g), c(i, g)).store_aligned(to);
    }
}

template <class S, expr::Op op, Kind ka>
typename Bound<S>::Kernel with_b(Kind b) {
  constexpr Kind v = Kind::vector;
  if (b == Kind::vector) return run_known<S, op, ka, v, v>;
  return b == Kind::point ? run_known<S, op, ka, Kind::point, v> : run_known<S, op, ka, Kind::lane, v>;
}
template <class S, expr::Op op, Kind ka, Kind kb>
typename Bound<S>::Kernel with_c(Kind c) {
  if (c == Kind::vector) return run_known<S, op, ka, kb, Kind::vector>;
  return c == Kind::point ? run_known<S, op, ka, kb, Kind::point> : run_known<S, op, ka, kb, Kind::lane>;
}

/// The loops of the operations that most tapes are made of.
template <class S, expr::Op op>
typename Bound<S>::Kernel fast_kernel(const Bound<S>& q) {
  using enum Kind;
  if constexpr (expr::arity(op) == 2) {
    if (q.a.kind == vector) return with_b<S, op, vector>(q.b.kind);
    return q.a.kind == point ? with_b<S, op, point>(q.b.kind) : with_b<S, op, lane>(q.b.kind);
  } else {
    if (q.a.kind == vector && q.b.kind == vector) return with_c<S, op, vector, vector>(q.c.kind);
    if (q.a.kind == vector && q.b.kind == point) return with_c<S, op, vector, point>(q.c.kind);
    if (q.a.kind == vector && q.b.kind == lane) return with_c<S, op, vector, lane>(q.c.kind);
    if (q.a.kind == point && q.b.kind == lane) return with_c<S, op, point, lane>(q.c.kind);
    return run_any<S, op>;
  }
}

/// Most exponents are a vector or a number a point times a number a lane.
template <class S>
typename Bound<S>::Kernel exp_mul_kernel(const Bound<S>& q) {
  using enum Kind;
  if (q.b.kind != lane) return run_any<S, expr::Op::exp_mul>;
  return q.a.kind == vector ? run_known<S, expr::Op::exp_mul, vector, lane, vector>
                            : run_known<S, expr::Op::exp_mul, point, lane, vector>;
}

/// Whether kernel() has a loop for whatever operands tapes give the operation.
constexpr bool has_known_operands(expr::Op op) {
  using expr::Op;
  return op == Op::add || op == Op::sub || op == Op::mul || op == Op::div || op == Op::exp_line ||
         op == Op::exp_bell;
}

template <class S, std::size_t... k>
constexpr std::array<typename Bound<S>::Kernel, sizeof...(k)> any_kernels(std::index_sequence<k...>) {
  return {[] {
    constexpr auto op = static_cast<expr::Op>(k);
    if constexpr (expr::arity(op) == 1)
      return static_cast<typename Bound<S>::Kernel>(run_unary<S, op>);
    else if constexpr (op == expr::Op::constant || (expr::arity(op) > 1 && !has_known_operands(op)))
      return static_cast<typename Bound<S>::Kernel>(run_any<S, op>);
    else
      return static_cast<typename Bound<S>::Kernel>(nullptr);
  }()...};
}

template <class S>
void run_spaced(const Bound<S>& q, std::ptrdiff_t offset, std::ptrdiff_t n) {
  (*q.spaced)(offset, n, q.to);
}

}  // namespace detail

/// The loop for an instruction whose operands are bound.
template <class S>
typename Bound<S>::Kernel kernel(const Bound<S>& q) {
  static constexpr auto any =
      detail::any_kernels<S>(std::make_index_sequence<static_cast<std::size_t>(expr::operations)>{});
  using expr::Op;
  if (q.spaced) return detail::run_spaced<S>;
  switch (q.op) {
    case Op::add:
      return detail::fast_kernel<S, Op::add>(q);
    case Op::sub:
      return detail::fast_kernel<S, Op::sub>(q);
    case Op::mul:
      return detail::fast_kernel<S, Op::mul>(q);
    case Op::div:
      return detail::fast_kernel<S, Op::div>(q);
    case Op::fma:
      return detail::fast_kernel<S, Op::fma>(q);
    case Op::fms:
      return detail::fast_kernel<S, Op::fms>(q);
    case Op::fnma:
      return detail::fast_kernel<S, Op::fnma>(q);
    case Op::exp_line:  // tapes have these of a number a point and two a lane
      return q.a.kind == Kind::point
                 ? detail::run_known<S, Op::exp_line, Kind::point, Kind::lane, Kind::lane>
                 : detail::run_known<S, Op::exp_line, Kind::lane, Kind::point, Kind::lane>;
    case Op::exp_bell:
      return detail::run_known<S, Op::exp_bell, Kind::point, Kind::lane, Kind::lane>;
    case Op::exp_mul:
      return detail::exp_mul_kernel<S>(q);
    default:
      return any[static_cast<std::size_t>(q.op)];
  }
}

}  // namespace osculate::batch
