#pragma once
// A call of _core.fit with its arrays read. Each precision of the engine is compiled in a unit of its own.

#include <osculate/batch/fit.hpp>
#include <osculate/batch/fit_points.hpp>
#include <osculate/batch/program.hpp>

#include "fit_arrays.hpp"

namespace osculate::python {

struct FitRequest {
  const expr::Graph& graph;
  expr::Id root;
  int parameters = 0;
  bool own_coordinates = false;  ///< whether fits have coordinates of their own
  batch::FitInput input{};
  batch::PointRows coordinates{}, arrays{};
  std::vector<batch::BatchArray> coordinate_arrays{}, array_arrays{};
  py::dict options{}, output{};
  batch::Poll poll{};
};

/// True when all fits have ended, false when `poll` stopped the call.
bool run_fit_double(FitRequest& request);
bool run_fit_single(FitRequest& request);

}  // namespace osculate::python
