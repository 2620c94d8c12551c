// _core.hessian_free: minimizes a Python function by Hessian-free steps of the core.
#include <osculate/solve/hessian_free.hpp>

#include "hessian_free.hpp"
#include "minimize.hpp"

namespace osculate::python {
namespace {

template <class S>
py::tuple run_hessian_free(const py::dict& called, Index certifying_products, const py::dict& step,
                           const py::object& observe) {
  HessianFreeMinimizeOptions<S> options{.step = hessian_free_options(step),
                                        .certifying_products = certifying_products};
  return minimize_by_products<S>(
      called, observe, [&](auto& problem, const auto& start, const auto& tolerances, auto&& observer) {
        options.tolerances = tolerances;
        return hessian_free(problem, start, options, observer);
      });
}

}  // namespace

void bind_hessian_free(py::module_& m) {
  m.def(
      "hessian_free",
      [](const py::dict& called, Index certifying_products, const py::dict& step, const py::object& observe) {
        return (is_single(called) ? &run_hessian_free<float>
                                  : &run_hessian_free<double>)(called, certifying_products, step, observe);
      },
      py::arg("called"), py::arg("certifying_products"), py::arg("step"), py::arg("observe"));
}

}  // namespace osculate::python
