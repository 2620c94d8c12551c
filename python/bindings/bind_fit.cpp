// _core.fit: a traced model over a batch of data sets. Python has checked the arguments and made the result
// arrays.
#include <pybind11/stl.h>

#include "fit_request.hpp"

namespace osculate::python {
namespace {

batch::BatchArray batch_array(const py::object& object, const std::vector<std::ptrdiff_t>& shape) {
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

py::object fit(const expr::Graph& graph, expr::Id root, const py::dict& data, const py::dict& options,
               const py::dict& output, const py::object& poll) {
  FitRequest request{.graph = graph, .root = root};
  batch::FitInput& in = request.input;
  in.shape = data["shape"].cast<std::vector<std::ptrdiff_t>>();
  in.points = data["points"].cast<std::ptrdiff_t>();
  const auto array = [&](const char* name) { return batch_array(data[name], in.shape); };
  in.y = array("y"), in.sigma = array("sigma"), in.mask = array("mask");
  in.start = array("start"), in.lower = array("lower"), in.upper = array("upper");
  in.active = data["active"].cast<std::vector<int>>();
  request.parameters = data["parameters"].cast<int>();
  request.own_coordinates = data["own_coordinates"].cast<bool>();
  const auto rows = [&](const char* name, batch::PointRows& pointers,
                        std::vector<batch::BatchArray>& arrays) {
    for (const py::handle item : data[name]) {
      const auto object = py::reinterpret_borrow<py::object>(item);
      arrays.push_back(batch_array(object, in.shape));
      pointers.push_back(static_cast<const double*>(py::reinterpret_borrow<py::array>(object).data()));
    }
  };
  rows("coordinates", request.coordinates, request.coordinate_arrays);
  rows("arrays", request.arrays, request.array_arrays);
  request.options = options;
  request.output = output;
  std::exception_ptr raised;
  request.poll = [&](std::ptrdiff_t done) {
    const py::gil_scoped_acquire hold;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (poll.is_none()) return true;
      const py::object go_on = poll(done);
      return go_on.is_none() || go_on.cast<bool>();
    } catch (...) {
      raised = std::current_exception();
      return false;
    }
  };
  const bool single = options["single"].cast<bool>();
  const bool finished = single ? run_fit_single(request) : run_fit_double(request);
  if (raised) std::rethrow_exception(raised);
  return py::bool_(finished);
}

}  // namespace

void bind_fit(py::module_& m) {
  m.def("fit", &fit, py::arg("graph"), py::arg("root"), py::arg("data"), py::arg("options"),
        py::arg("output"), py::arg("poll"));
  m.attr("flags") = py::dict(py::arg("at_bound") = static_cast<int>(batch::flag_at_bound),
                             py::arg("rank_deficient") = static_cast<int>(batch::flag_rank_deficient),
                             py::arg("nonfinite_model") = static_cast<int>(batch::flag_nonfinite_model),
                             py::arg("points_excluded") = static_cast<int>(batch::flag_points_excluded),
                             py::arg("no_freedom") = static_cast<int>(batch::flag_no_freedom));
}

}  // namespace osculate::python
