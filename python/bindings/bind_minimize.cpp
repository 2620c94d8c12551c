// _core.minimize: reads the options and runs Newton's method of the core on a Python function.
#include <osculate/solve/newton.hpp>

#include "minimize.hpp"

namespace osculate::python {
namespace {

py::tuple minimize(std::string caller, py::object fun, py::object jac, int gradient_source, py::object hess,
                   int hessian_source, const py::object& x0, const py::object& lower, const py::object& upper,
                   const py::object& fixed, double ftol, double xtol, double gtol, double gtol_relative,
                   Index max_evaluations, Index max_iterations, const py::object& scale, int strategy,
                   double initial_radius, const py::object& observe) {
  PythonFunction problem;
  problem.caller = caller;
  problem.fun = std::move(fun), problem.jac = std::move(jac), problem.hess = std::move(hess);
  problem.gradient_source = static_cast<JacobianSource>(gradient_source);
  problem.hessian_source = static_cast<HessianSource>(hessian_source);
  Vector<double> start;
  to_vector(x0, "_core", start);
  problem.n = start.size();
  Bounds<double> bounds{optional_vector(lower), optional_vector(upper), {}};
  if (!fixed.is_none()) {
    const auto a = py::array_t<bool, py::array::c_style | py::array::forcecast>(fixed);
    bounds.fixed_always = Eigen::Map<const Mask>(a.data(), a.size());
  }
  problem.gradient_difference.method =
      problem.gradient_source == JacobianSource::two_point ? Difference::two_point : Difference::three_point;
  problem.gradient_difference.lower = problem.hessian_difference.lower = bounds.lower;
  problem.gradient_difference.upper = problem.hessian_difference.upper = bounds.upper;
  problem.hessian_difference.skip = bounds.fixed_always;
  NewtonOptions<double> options{
      .tolerances = {ftol, xtol, gtol, max_iterations, max_evaluations, gtol_relative},
      .strategy = static_cast<NewtonStrategy>(strategy),
      .initial_radius = initial_radius,
      .scale = optional_vector(scale)};
  if (options.scale.size()) problem.typical = options.scale.cwiseInverse();
  Index seen = 0;
  const double n = double(start.size());
  if (n * n * n > 1e5) problem.gil.release();
  NewtonResult<double> result;
  try {
    result = newton(problem, start, options, bounds, function_observer(problem, observe, seen));
  } catch (const std::invalid_argument& error) {  // a refusal of the core, which does not know its caller
    problem.gil.acquire();
    throw py::value_error(caller + ": " + error.what());
  }
  problem.gil.acquire();
  py::array_t<bool> held(start.size());
  std::copy_n(result.fixed.data(), result.fixed.size(), held.mutable_data());
  return py::make_tuple(
      to_numpy(result.x), result.cost, to_numpy(result.gradient), to_numpy(result.hessian), result.optimality,
      held, static_cast<int>(result.status), result.iterations, problem.functions, problem.gradients,
      problem.hessians, problem.products, result.evaluations,
      py::array_t<Iteration<double>>(static_cast<py::ssize_t>(result.trace.size()), result.trace.data()),
      static_cast<int>(result.curvature.certificate), result.curvature.lowest);
}

}  // namespace

void bind_minimize(py::module_& m) {
  m.def("minimize", &minimize, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("gradient_source"),
        py::arg("hess"), py::arg("hessian_source"), py::arg("x0"), py::arg("lower"), py::arg("upper"),
        py::arg("fixed"), py::arg("ftol"), py::arg("xtol"), py::arg("gtol"), py::arg("gtol_relative"),
        py::arg("max_evaluations"), py::arg("max_iterations"), py::arg("scale"), py::arg("strategy"),
        py::arg("initial_radius"), py::arg("observe"));
}

}  // namespace osculate::python
