// _core.newton_cg: runs Newton-CG of the core on a Python function with Hessian-vector products.
#include <osculate/solve/newton_cg.hpp>

#include "minimize.hpp"

namespace osculate::python {
namespace {

py::tuple run(std::string caller, py::object fun, py::object jac, int gradient_source, py::object hessp,
              int product_source, const py::object& x0, double ftol, double xtol, double gtol,
              double gtol_relative, Index max_evaluations, Index max_iterations, double initial_radius,
              Index max_cg_iterations, Index certifying_products, int threads, const py::object& observe) {
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
  const NewtonCgOptions<double> options{
      .tolerances = {ftol, xtol, gtol, max_iterations, max_evaluations, gtol_relative},
      .initial_radius = initial_radius,
      .max_cg_iterations = max_cg_iterations,
      .certifying_products = certifying_products,
      .threads = threads};
  Index seen = 0;
  NewtonCgResult<double> result;
  if (start.size() > 20000) problem.gil.release();
  try {
    result = newton_cg(problem, start, options, function_observer(problem, observe, seen));
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

void bind_newton_cg(py::module_& m) {
  m.def("newton_cg", &run, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("gradient_source"),
        py::arg("hessp"), py::arg("product_source"), py::arg("x0"), py::arg("ftol"), py::arg("xtol"),
        py::arg("gtol"), py::arg("gtol_relative"), py::arg("max_evaluations"), py::arg("max_iterations"),
        py::arg("initial_radius"), py::arg("max_cg_iterations"), py::arg("certifying_products"),
        py::arg("threads"), py::arg("observe"));
}

}  // namespace osculate::python
