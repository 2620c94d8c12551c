// One whole extension per instruction-set level; the name comes from the build.
#include <pybind11/pybind11.h>
#include <osculate/parallel.hpp>

namespace osculate::python {
void bind_status(pybind11::module_& m);
void bind_expr(pybind11::module_& m);
void bind_fisher(pybind11::module_& m);
void bind_fit(pybind11::module_& m);
void bind_fit_callback(pybind11::module_& m);
void bind_hessian_free(pybind11::module_& m);
void bind_hessian_free_step(pybind11::module_& m);
void bind_kronecker(pybind11::module_& m);
void bind_krylov(pybind11::module_& m);
void bind_least_squares(pybind11::module_& m);
void bind_line_search(pybind11::module_& m);
void bind_minimize(pybind11::module_& m);
void bind_natural_gradient(pybind11::module_& m);
void bind_newton_cg(pybind11::module_& m);
void bind_spd(pybind11::module_& m);
void bind_subproblem(pybind11::module_& m);
}  // namespace osculate::python

PYBIND11_MODULE(OSCULATE_MODULE_NAME, m) {
  // From now on a fork is noticed: another library may have started OpenMP's threads.
  (void)osculate::detail::forked();
  osculate::python::bind_status(m);
  osculate::python::bind_expr(m);
  osculate::python::bind_fisher(m);
  osculate::python::bind_fit(m);
  osculate::python::bind_fit_callback(m);
  osculate::python::bind_hessian_free(m);
  osculate::python::bind_hessian_free_step(m);
  osculate::python::bind_kronecker(m);
  osculate::python::bind_krylov(m);
  osculate::python::bind_least_squares(m);
  osculate::python::bind_line_search(m);
  osculate::python::bind_minimize(m);
  osculate::python::bind_natural_gradient(m);
  osculate::python::bind_newton_cg(m);
  osculate::python::bind_spd(m);
  osculate::python::bind_subproblem(m);
}
