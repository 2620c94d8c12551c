#pragma once
// The template behind run_fit_double and run_fit_single.

#include "fit_request.hpp"

namespace osculate::python {

template <class T>
T* output_pointer(const py::dict& output, const char* name) {
  const py::object object = output[name];
  return object.is_none() ? nullptr
                          : static_cast<T*>(py::reinterpret_borrow<py::array>(object).mutable_data());
}

template <class S>
bool run_fit(FitRequest& request) {
  const auto number = [&](const char* name) { return static_cast<S>(request.options[name].cast<double>()); };
  const auto count = [&](const char* name) { return request.options[name].cast<Index>(); };
  const batch::FitOptions<S> options{.ftol = number("ftol"),
                                     .xtol = number("xtol"),
                                     .gtol = number("gtol"),
                                     .max_iterations = count("max_iterations"),
                                     .max_evaluations = count("max_evaluations"),
                                     .initial_radius = number("initial_radius"),
                                     .loss = static_cast<batch::BatchLoss>(count("loss")),
                                     .loss_scale = number("loss_scale"),
                                     .absolute_sigma = request.options["absolute_sigma"].cast<bool>(),
                                     .sandwich = request.options["sandwich"].cast<bool>(),
                                     .threads = static_cast<int>(count("threads"))};
  const batch::FitOutput<S> output{.parameters = output_pointer<S>(request.output, "parameters"),
                                   .stderr_ = output_pointer<S>(request.output, "stderr"),
                                   .covariance = output_pointer<S>(request.output, "covariance"),
                                   .cost = output_pointer<S>(request.output, "cost"),
                                   .status = output_pointer<std::int8_t>(request.output, "status"),
                                   .flags = output_pointer<std::uint8_t>(request.output, "flags"),
                                   .iterations = output_pointer<std::int32_t>(request.output, "iterations"),
                                   .points = output_pointer<std::int32_t>(request.output, "points")};
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
