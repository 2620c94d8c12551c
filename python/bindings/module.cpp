// One whole extension per instruction-set level; the name comes from the build.
#include <pybind11/pybind11.h>

namespace osculate::python {
void bind_status(pybind11::module_& m);
void bind_least_squares(pybind11::module_& m);
}  // namespace osculate::python

PYBIND11_MODULE(OSCULATE_MODULE_NAME, m) {
  osculate::python::bind_status(m);
  osculate::python::bind_least_squares(m);
}
