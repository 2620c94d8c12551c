// _core.newton_cg: runs Newton-CG of the core on a Python function with Hessian-vector products.
#include <osculate/solve/newton_cg.hpp>

#include "minimize.hpp"

namespace osculate::python {
namespace {

/// None, the diagonal of M, ("probes", count), ("pairs", count), or a function M(x, r).
template <class S>
Preconditioner<S> preconditioner_of(FunctionProblem<S>& problem, const py::object& given) {
  Preconditioner<S> out;
  if (given.is_none()) return out;
  if (py::isinstance<py::array>(given)) {
    to_vector(given, "_core", out.diagonal);
  } else if (py::isinstance<py::tuple>(given)) {
    const auto [what, count] = given.cast<std::pair<std::string, Index>>();
    (what == "pairs" ? out.pairs : out.probes) = count;
  } else {
    problem.preconditioner = given;
    out.function = [&problem](const Vector<S>& x, const Vector<S>& r, Vector<S>& to) {
      problem.precondition(x, r, to);
    };
  }
  return out;
}

template <class S>
py::tuple run_newton_cg(const py::dict& called, const py::dict& given, const py::object& observe) {
  NewtonCgOptions<S> options{.initial_radius = static_cast<S>(given["initial_radius"].cast<double>()),
                             .max_cg_iterations = given["max_cg_iterations"].cast<Index>(),
                             .certifying_products = given["certifying_products"].cast<Index>(),
                             .threads = given["threads"].cast<int>(),
                             .lanczos = given["lanczos"].cast<bool>()};
  const py::object preconditioner = given["preconditioner"];
  return minimize_by_products<S>(
      called, observe, [&](auto& problem, const auto& start, const auto& tolerances, auto&& observer) {
        options.tolerances = tolerances;
        {
          const GilSwitch::Callback hold(problem.gil);
          options.preconditioner = preconditioner_of(problem, preconditioner);
        }
        return newton_cg(problem, start, options, observer);
      });
}

}  // namespace

void bind_newton_cg(py::module_& m) {
  m.def(
      "newton_cg",
      [](const py::dict& called, const py::dict& options, const py::object& observe) {
        return (is_single(called) ? &run_newton_cg<float> : &run_newton_cg<double>)(called, options, observe);
      },
      py::arg("called"), py::arg("options"), py::arg("observe"));
}

}  // namespace osculate::python
