// _core.hessian_free: minimizes a Python function by Hessian-free steps of the core.
#include <osculate/solve/hessian_free.hpp>

#include "hessian_free.hpp"
#include "minimize.hpp"

namespace osculate::python {
namespace {

py::tuple run(std::string caller, py::object fun, py::object jac, int gradient_source, py::object hessp,
              int product_source, const py::object& x0, double ftol, double xtol, double gtol,
              double gtol_relative, Index max_evaluations, Index max_iterations, Index certifying_products,
              const py::dict& step, const py::object& observe) {
  PythonFunction problem;
  problem.caller = caller;
  problem.fun = std::move(fun), problem.jac = std::move(jac), problem.hessp = std::move(hessp);
  problem.gradient_source = static_cast<JacobianSource>(gradient_source);
  problem.hessian_source = static_cast<HessianSource>(product_source);
  Vector<double> start;
  to_vector(x0, "_core", start);
  problem.n = start.size();
  problem.gradient_difference.method =
      problem.gradient_source == JacobianSource::two_point ? Difference::two_point : Difference::three_point;
  const HessianFreeMinimizeOptions<double> options{
      .tolerances = {ftol, xtol, gtol, max_iterations, max_evaluations, gtol_relative},
      .step = hessian_free_options(step),
      .certifying_products = certifying_products};
  Index seen = 0;
  HessianFreeResult<double> result;
  if (start.size() > Sweep<double>::chunk) problem.gil.release();
  try {
    result = hessian_free(problem, start, options, function_observer(problem, observe, seen));
  } catch (const std::invalid_argument& error) {  // a refusal of the core, which does not know its caller
    problem.gil.acquire();
    throw py::value_error(caller + ": " + error.what());
  }
  problem.gil.acquire();
  const Curvature<double>& proof = result.curvature;
  return py::make_tuple(
      to_numpy(result.x), result.cost, to_numpy(result.gradient), result.optimality,
      static_cast<int>(result.status), result.iterations, problem.functions, problem.gradients,
      problem.products, result.evaluations,
      py::array_t<Iteration<double>>(static_cast<py::ssize_t>(result.trace.size()), result.trace.data()),
      static_cast<int>(proof.certificate), proof.lowest, proof.products, proof.failure_bound,
      proof.resolution);
}

}  // namespace

void bind_hessian_free(py::module_& m) {
  m.def("hessian_free", &run, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("gradient_source"),
        py::arg("hessp"), py::arg("product_source"), py::arg("x0"), py::arg("ftol"), py::arg("xtol"),
        py::arg("gtol"), py::arg("gtol_relative"), py::arg("max_evaluations"), py::arg("max_iterations"),
        py::arg("certifying_products"), py::arg("step"), py::arg("observe"));
}

}  // namespace osculate::python
