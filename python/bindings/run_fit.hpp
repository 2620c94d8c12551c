#pragma once
// The template behind run_fit_double and run_fit_single.

#include "fit_request.hpp"

namespace osculate::python {

template <class S>
bool run_fit(FitRequest& request) {
  const batch::FitOptions<S> options = fit_options<S>(request.options);
  const batch::FitOutput<S> output = fit_output<S>(request.output);
  const bool factors = request.options["factor_columns"].cast<bool>();
  const py::gil_scoped_release released;
  const batch::FitInput& in = request.input;
  // Many points are spread over the lanes: what is a number a point is then a number a lane, too.
  const bool many = in.points >= batch::many_points;
  const batch::Program<S> program =
      request.own_coordinates || many
          ? batch::make_program<S>(request.graph, request.root, request.parameters, in.active, factors)
          : batch::make_program<S>(request.graph, request.root, request.parameters, in.active,
                                   request.coordinates, request.arrays, in.points, factors);
  for (const expr::Source& source : program.tape.inputs) {
    const auto& arrays = source.op == expr::Op::coordinate ? request.coordinate_arrays : request.array_arrays;
    request.input.inputs.push_back(arrays[static_cast<std::size_t>(source.index)]);
  }
  if (many) return batch::PointFitter<S>(program.tape, in, options, output).run(request.poll);
  return batch::Fitter<S>(program.tape, program.per_point(), in, options, output).run(request.poll);
}

}  // namespace osculate::python
