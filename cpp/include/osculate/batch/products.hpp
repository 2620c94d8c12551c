#pragma once
// Columns of the Jacobian that are the product of two registers, computed where they are summed instead of
// by an instruction of their own: that saves writing and reading them.

#include <algorithm>
#include <vector>

#include "../expr/tape.hpp"

namespace osculate::batch {

/// A column that the tape's last instructions would have computed as first * second; `chained`: first is the
/// product before this one.
struct ProductColumn {
  int column;  ///< of the tape
  expr::Operand first, second, to;
  bool chained = false;
};

/// Which of the `columns`, at most `most`, the tape's last instructions compute as products of two registers
/// for no other use, in the order of those. The other instructions come before them. With `chain` there may
/// be two of which the second is made of the first.
inline std::vector<ProductColumn> product_columns(const expr::Tape& tape, const std::vector<int>& columns,
                                                  std::size_t most, bool chain) {
  std::vector<ProductColumn> found;
  std::vector<int> read;  // registers that found products need as they are before these instructions
  for (std::size_t left = tape.cell_code.size(); left > 0 && found.size() < most; --left) {
    const expr::Instruction& i = tape.cell_code[left - 1];
    if (i.op != expr::Op::mul || i.a.where != expr::Where::cell || i.b.where != expr::Where::cell) break;
    int column = -1, uses = i.to == tape.value;
    for (const int k : columns)
      if (tape.columns[static_cast<std::size_t>(k)].values == i.to) column = k, ++uses;
    if (column < 0 || uses > 1) break;
    const auto reads = std::count(read.begin(), read.end(), i.to.index);
    if (reads > 0) {
      if (!chain || found.size() > 1 || reads > 1) break;
      ProductColumn& last = found.front();
      if (last.second == i.to) std::swap(last.first, last.second);
      last.chained = true;
      most = 2;
    }
    found.push_back({column, i.a, i.b, i.to});
    read.push_back(i.a.index), read.push_back(i.b.index);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace osculate::batch
