#pragma once
// What calls of the batch engine share: data, options and results of Python's dicts, and the poll.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <osculate/batch/request.hpp>

namespace osculate::python {

namespace py = pybind11;

/// An array over [batch..., point]; None: there is no such array.
inline batch::BatchArray batch_array(const py::object& object, const std::vector<std::ptrdiff_t>& shape) {
  if (object.is_none()) return {};
  const auto a = py::reinterpret_borrow<py::array>(object);
  using batch::Number;
  batch::BatchArray out{.data = static_cast<const char*>(a.data())};
  const char kind = a.dtype().kind();
  const auto bytes = a.itemsize();
  if (kind == 'f')
    out.type = bytes == 4 ? Number::f32 : Number::f64;
  else if (kind == 'i')
    out.type = bytes == 1 ? Number::i8 : bytes == 2 ? Number::i16 : bytes == 4 ? Number::i32 : Number::i64;
  else
    out.type = bytes == 1 ? Number::u8 : bytes == 2 ? Number::u16 : bytes == 4 ? Number::u32 : Number::u64;
  const auto dimensions = static_cast<std::size_t>(a.ndim());
  out.point_stride = a.strides(static_cast<py::ssize_t>(dimensions - 1));
  out.batch_strides.assign(shape.size(), 0);
  for (std::size_t d = 0; d + 1 < dimensions && d < shape.size(); ++d) {  // aligned at the last axis
    const auto axis = static_cast<py::ssize_t>(dimensions - 2 - d);
    if (a.shape(axis) != 1) out.batch_strides[shape.size() - 1 - d] = a.strides(axis);
  }
  return out;
}

inline batch::FitInput fit_input(const py::dict& data) {
  batch::FitInput in{.shape = data["shape"].cast<std::vector<std::ptrdiff_t>>(),
                     .points = data["points"].cast<std::ptrdiff_t>()};
  const auto array = [&](const char* name) { return batch_array(data[name], in.shape); };
  in.y = array("y"), in.sigma = array("sigma"), in.mask = array("mask");
  in.start = array("start"), in.lower = array("lower"), in.upper = array("upper");
  in.active = data["active"].cast<std::vector<int>>();
  return in;
}

template <class S>
batch::FitOptions<S> fit_options(const py::dict& options) {
  const auto number = [&](const char* name) { return static_cast<S>(options[name].cast<double>()); };
  const auto count = [&](const char* name) { return options[name].cast<Index>(); };
  return {.ftol = number("ftol"),
          .xtol = number("xtol"),
          .gtol = number("gtol"),
          .max_iterations = count("max_iterations"),
          .max_evaluations = count("max_evaluations"),
          .initial_radius = number("initial_radius"),
          .loss = static_cast<batch::BatchLoss>(count("loss")),
          .loss_scale = number("loss_scale"),
          .absolute_sigma = options["absolute_sigma"].cast<bool>(),
          .sandwich = options["sandwich"].cast<bool>(),
          .threads = static_cast<int>(count("threads"))};
}

template <class T>
T* output_pointer(const py::dict& output, const char* name) {
  const py::object object = output[name];
  return object.is_none() ? nullptr
                          : static_cast<T*>(py::reinterpret_borrow<py::array>(object).mutable_data());
}

template <class S>
batch::FitOutput<S> fit_output(const py::dict& output) {
  return {.parameters = output_pointer<S>(output, "parameters"),
          .stderr_ = output_pointer<S>(output, "stderr"),
          .covariance = output_pointer<S>(output, "covariance"),
          .cost = output_pointer<S>(output, "cost"),
          .redchi = output_pointer<S>(output, "redchi"),
          .status = output_pointer<std::int8_t>(output, "status"),
          .flags = output_pointer<std::uint8_t>(output, "flags"),
          .iterations = output_pointer<std::int32_t>(output, "iterations"),
          .points = output_pointer<std::int32_t>(output, "points")};
}

/// Looks for signals and reports progress; what that raises ends the call and is kept in `raised`.
inline batch::Poll fit_poll(const py::object& report, std::exception_ptr& raised) {
  return [&report, &raised](std::ptrdiff_t done) {
    const py::gil_scoped_acquire hold;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (report.is_none()) return true;
      const py::object go_on = report(done);
      return go_on.is_none() || go_on.cast<bool>();
    } catch (...) {
      raised = std::current_exception();
      return false;
    }
  };
}

}  // namespace osculate::python
