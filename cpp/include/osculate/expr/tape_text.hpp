#pragma once
// A tape in words, an instruction a line: what is done once a fit, what is kept a point, what is done in
// every cell.

#include <string>

#include "tape.hpp"
#include "text.hpp"

namespace osculate::expr {

class TapeWriter {
 public:
  TapeWriter(const Tape& tape, const Names& names) : tape_(tape), names_(names) {}

  std::string operator()() const {
    std::string text;
    if (!tape_.lane_code.empty()) text += "per fit\n" + code(tape_.lane_code);
    if (!tape_.points.empty()) {
      text += "per point\n";
      for (std::size_t k = 0; k < tape_.points.size(); ++k)
        text += "  x" + std::to_string(k) + " = " + Writer(tape_.graph, names_)(tape_.points[k]) + "\n";
    }
    text += "per cell\n" + code(tape_.cell_code) + "  value " + operand(tape_.value) + "\n";
    for (std::size_t k = 0; k < tape_.columns.size(); ++k) {
      const Column& column = tape_.columns[k];
      text += "  derivative by " + names_.parameter(static_cast<int>(k)) + ": ";
      if (!tape_.influences[k])
        text += "0\n";
      else if (column.values.where == Where::nowhere)
        text += (column.factor.where == Where::nowhere ? "1" : operand(column.factor)) + "\n";
      else
        text += operand(column.values) +
                (column.factor.where == Where::nowhere ? "" : ", its sums times " + operand(column.factor)) +
                "\n";
    }
    return text;
  }

 private:
  std::string code(const std::vector<Instruction>& instructions) const {
    std::string text;
    for (const Instruction& i : instructions) {
      text += "  " + operand(i.to) + " = " + name(i.op);
      for (const Operand& o : {i.a, i.b, i.c})
        if (o.where != Where::nowhere) text += " " + operand(o);
      text += "\n";
    }
    return text;
  }

  std::string operand(const Operand& o) const {
    const std::string number = std::to_string(o.index);
    switch (o.where) {
      case Where::lane:
        for (const auto& [index, value] : tape_.constants)
          if (index == o.index) return Writer::number(value);
        return o.index < tape_.parameters ? names_.parameter(o.index) : "f" + number;
      case Where::point:
        return "x" + number;
      case Where::cell:
        return "c" + number;
      case Where::input:
        return "data" + number;
      default:
        return "nothing";
    }
  }

  const Tape& tape_;
  const Names& names_;
};

}  // namespace osculate::expr
