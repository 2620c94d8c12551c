#pragma once
// The data that an interpreter works on.

#include <vector>

#include "weights.hpp"

namespace osculate::batch {

/// What a call's fits share, and where the data of the lanes are. Every pointer is aligned.
template <class S>
struct Data {
  std::ptrdiff_t points = 0;          ///< rows of `y`
  std::vector<const S*> inputs{};     ///< of the tape: a number a point and lane each
  std::vector<const S*> per_point{};  ///< the tape's `points`: a number a point each
  const S* y = nullptr;               ///< a number a point and lane
  const S* weight = nullptr;          ///< 1 / sigma; nullptr: 1
  bool shared_weight = false;         ///< a weight a point instead of a point and lane
  BatchLoss loss = BatchLoss::linear;
  S loss_scale = 1;
  bool score = false;  ///< rows of the Jacobian times the loss's derivative, see correct()

  /// Whether the Jacobian's rows are multiplied by something.
  bool scaled() const { return weight || loss != BatchLoss::linear; }
  bool robust() const { return batch::robust(loss); }
};

}  // namespace osculate::batch
