#pragma once
// The registers of a tape: a row of lanes for what changes with the fit alone, and for a cell's a row for
// each point of a tile; and instructions bound to them.

#include <deque>

#include "../expr/tape.hpp"
#include "data.hpp"
#include "kernels.hpp"

namespace osculate::batch {

template <class S>
class Registers {
 public:
  Registers(const expr::Tape& tape, const Data<S>& data)
      : data_(data), parameters_(tape.parameters), lanes_(static_cast<std::size_t>(tape.lane_registers)) {
    for (const auto& [index, value] : tape.constants)
      std::fill_n(lane(index), lanes<S>, static_cast<S>(value));
  }

  /// Cell registers of as many rows as a tile has points.
  void make_cells(int count, std::ptrdiff_t tile) {
    distance_ = static_cast<std::size_t>(tile) + 1;
    cells_ = Rows<S>(distance_ * static_cast<std::size_t>(count));
  }

  S* lane(int index) { return lanes_[static_cast<std::size_t>(index)]; }
  S* cell(int index) { return cells_[static_cast<std::size_t>(index) * distance_]; }

  void set_parameters(const S* parameters) {
    const std::size_t given = static_cast<std::size_t>(parameters_) * lanes<S>;
    std::memcpy(lanes_.data(), parameters, sizeof(S) * given);
  }

  /// To be called when the lanes' registers have changed, before bound code of cells runs.
  void prepare() {
    for (SpacedExp<S>& e : spaced_) e.prepare();
  }

  typename Bound<S>::Source source(const expr::Operand& o) {
    using expr::Where;
    const auto k = static_cast<std::size_t>(o.index);
    switch (o.where) {
      case Where::lane:
        return {lane(o.index), 0, Kind::lane};
      case Where::point:
        return {data_.per_point[k], 1, Kind::point};
      case Where::input:
        return {data_.inputs[k], lanes<S>, Kind::vector};
      case Where::cell:
        return {cell(o.index), 0, Kind::vector};
      default:
        return {};
    }
  }

  std::vector<Bound<S>> bind(const std::vector<expr::Instruction>& code) {
    std::vector<Bound<S>> bound;
    for (const expr::Instruction& i : code) {
      Bound<S> b{.op = i.op, .a = source(i.a), .b = source(i.b), .c = source(i.c)};
      if (i.to.where == expr::Where::lane) {  // one row of lanes is a tile of one point
        b.to = lane(i.to.index);
        b.a.kind = b.b.kind = b.c.kind = Kind::vector;
      } else {
        b.to = cell(i.to.index);
        b.spaced = spaced(i);
      }
      b.run = kernel<S>(b);
      bound.push_back(b);
    }
    return bound;
  }

 private:
  /// What computes an exponential of equally spaced points; nullptr for other instructions.
  const SpacedExp<S>* spaced(const expr::Instruction& i) {
    using expr::Op, expr::Where;
    const bool plain = i.op == Op::exp_mul && i.a.where == Where::point;
    if ((!plain && i.op != Op::exp_line && i.op != Op::exp_bell) || data_.points == 0) return nullptr;
    const bool turned = i.op == Op::exp_line && i.a.where == Where::lane;
    const S* x = source(turned ? i.b : i.a).data;
    const auto distance = spacing(x, data_.points);
    if (!distance) return nullptr;
    if (plain) return &spaced_.emplace_back(Exponent::line, x, *distance, zeros_.data(), source(i.b).data);
    const Exponent form = i.op == Op::exp_bell ? Exponent::bell : turned ? Exponent::turned : Exponent::line;
    return &spaced_.emplace_back(form, x, *distance, source(turned ? i.a : i.b).data, source(i.c).data);
  }

  const Data<S>& data_;
  int parameters_;
  Rows<S> lanes_, cells_, zeros_{1};
  /// Rows from one register to the next: one more than are used, since with a power of two the same point's
  /// numbers would have addresses that the processor takes for equal until late (4 KiB aliasing).
  std::size_t distance_ = 0;
  std::deque<SpacedExp<S>> spaced_;  ///< bound instructions point to them
};

}  // namespace osculate::batch
