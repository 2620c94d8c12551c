// The sentences and default tolerances of the C++ core, so that Python says and tests the same.
#include <pybind11/pybind11.h>
#include <osculate/status.hpp>
#include <osculate/stop.hpp>

namespace py = pybind11;

namespace osculate::python {

void bind_status(py::module_& m) {
  m.def("sentence", [](int status) { return sentence(static_cast<Status>(status)); }, py::arg("status"));
  m.def(
      "default_tolerances",
      [](bool single) {
        const auto of = [](const auto& t) { return py::tuple(py::make_tuple(t.ftol, t.xtol, t.gtol)); };
        return single ? of(Tolerances<float>{}) : of(Tolerances<double>{});
      },
      py::arg("single"));
}

}  // namespace osculate::python
