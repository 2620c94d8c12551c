// _core.fit: a traced model over a batch of data sets. Python has checked the arguments and made the result
// arrays.
#include "fit_request.hpp"

namespace osculate::python {
namespace {

py::object fit(const expr::Graph& graph, expr::Id root, const py::dict& data, const py::dict& options,
               const py::dict& output, const py::object& poll) {
  FitRequest request{.graph = graph, .root = root};
  batch::FitInput& in = request.input;
  in = fit_input(data);
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
  request.poll = fit_poll(poll, raised);
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
