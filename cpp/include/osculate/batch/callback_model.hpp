#pragma once
// A model that is a callback: it gives its values, and perhaps its derivatives, at many rows of parameters
// at once.

#include <functional>
#include <memory>
#include <vector>

#include "../curvature/finite_difference.hpp"

namespace osculate::batch {

/// Rows of parameters: parameter k of row r is parameters[k * count + r]. Rows of one fit follow each other.
struct CallbackRows {
  std::ptrdiff_t count = 0;
  const double* parameters = nullptr;
  const std::ptrdiff_t* fits = nullptr;  ///< a number a row
};

/// Memory that a callback may use for what it returns; every caller has its own.
struct CallbackScratch {
  std::vector<double> numbers{}, coordinates{};
  std::ptrdiff_t fit = -1;       ///< whose coordinates these are
  std::shared_ptr<void> keep{};  ///< what owns the numbers that were returned, if not `numbers`
};

struct CallbackModel {
  /// What it returns stays until the next call with the same scratch.
  using Function = std::function<const double*(const CallbackRows&, CallbackScratch&)>;

  Function values{};        ///< (rows, points)
  Function jacobian{};      ///< (parameters, rows, points); empty: differences of the values
  bool concurrent = false;  ///< whether several threads may call at once
  int parameters = 0;
  Difference difference = Difference::two_point;
  double epsilon = std::numeric_limits<double>::epsilon();  ///< relative rounding of the values
  std::ptrdiff_t chunk = 16;                                ///< fits that are evaluated together, about
};

}  // namespace osculate::batch
