// _core.fit_callback: a model that is called back over a batch of data sets. Python has checked the arguments
// and made the result arrays.
#include <osculate/batch/callback.hpp>

#include "callback_models.hpp"

namespace osculate::python {
namespace {

batch::CallbackModel callback_model(const py::dict& model, const py::dict& data, const batch::FitInput& in) {
  const auto path = model["path"].cast<std::string>();
  const auto name = model["name"].cast<std::string>();
  const int parameters = data["parameters"].cast<int>();
  const bool own = data["own_coordinates"].cast<bool>();
  const auto make = [&](const char* key, const std::string& what,
                        bool jacobian) -> batch::CallbackModel::Function {
    const py::object function = model[key];
    if (function.is_none()) return {};
    if (path == "batched") return BatchedFunction(function, what, parameters, in.points, jacobian);
    if (path == "per_fit")
      return SingleFunction(function, what, model["x"], model["argument"], parameters, in.points, jacobian);
    std::vector<batch::BatchArray> coordinates;
    for (const py::handle x : data["coordinates"])
      coordinates.push_back(batch_array(py::reinterpret_borrow<py::object>(x), in.shape));
    const py::object x = model["x"];
    return PointerFunction(function.cast<std::uintptr_t>(),
                           own ? nullptr : static_cast<const double*>(py::array(x).data()),
                           std::move(coordinates), in.shape, parameters, in.points, jacobian);
  };
  return {.values = make("function", name, false),
          .jacobian = make("jacobian", model["jacobian_name"].cast<std::string>(), true),
          .concurrent = path == "pointer",
          .parameters = parameters,
          .difference = model["three_point"].cast<bool>() ? Difference::three_point : Difference::two_point,
          .epsilon = model["epsilon"].cast<double>(),
          .chunk = model["chunk"].cast<std::ptrdiff_t>()};
}

py::object fit_callback(const py::dict& model, const py::dict& data, const py::dict& options,
                        const py::dict& output, const py::object& poll) {
  const batch::FitInput in = fit_input(data);
  const batch::CallbackModel callback = callback_model(model, data, in);
  const batch::FitOptions<double> chosen = fit_options<double>(options);
  const batch::FitOutput<double> out = fit_output<double>(output);
  std::exception_ptr raised;
  bool finished = false;
  {
    const py::gil_scoped_release released;
    finished = batch::CallbackFitter(callback, in, chosen, out).run(fit_poll(poll, raised));
  }
  if (raised) std::rethrow_exception(raised);
  return py::bool_(finished);
}

}  // namespace

void bind_fit_callback(py::module_& m) {
  m.def("fit_callback", &fit_callback, py::arg("model"), py::arg("data"), py::arg("options"),
        py::arg("output"), py::arg("poll"));
}

}  // namespace osculate::python
