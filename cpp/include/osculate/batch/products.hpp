#pragma once
// Columns of the Jacobian that are the product of two registers, computed where they are summed instead of
// by an instruction of their own: that saves writing and reading them.

#include <algorithm>
#include <vector>

#include "../expr/tape.hpp"

namespace osculate::batch {

/// A column that the tape's last instructions would have computed as first * second.
struct ProductColumn {
  int column;  ///< of the tape
  expr::Operand first, second;
};

/// Which of the `columns`, at most `most`, the tape's last instructions compute as products of two registers
/// for no other use. The other instructions come before those.
inline std::vector<ProductColumn> product_columns(const expr::Tape& tape, const std::vector<int>& columns,
                                                  std::size_t most) {
  std::vector<ProductColumn> found;
  std::vector<int> read;  // registers that found products need as they are before these instructions
  const auto is_read = [&](int r) { return std::find(read.begin(), read.end(), r) != read.end(); };
  for (std::size_t left = tape.cell_code.size(); left > 0 && found.size() < most; --left) {
    const expr::Instruction& i = tape.cell_code[left - 1];
    if (i.op != expr::Op::mul || i.a.where != expr::Where::cell || i.b.where != expr::Where::cell) break;
    int column = -1, uses = i.to == tape.value;
    for (const int k : columns)
      if (tape.columns[static_cast<std::size_t>(k)].values == i.to) column = k, ++uses;
    if (column < 0 || uses > 1 || is_read(i.to.index)) break;
    found.push_back({column, i.a, i.b});
    read.push_back(i.a.index), read.push_back(i.b.index);
  }
  return found;
}

/// The product that is a column of the tape; nullptr where it is none.
inline const ProductColumn* product_of(const std::vector<ProductColumn>& products, int column) {
  for (const ProductColumn& p : products)
    if (p.column == column) return &p;
  return nullptr;
}

}  // namespace osculate::batch
