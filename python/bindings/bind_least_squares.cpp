// _core.least_squares: reads the options, finds the Jacobian's form at the start, and runs the core's solver.
#include "request.hpp"

namespace osculate::python {
namespace {

Vector<double> vector_or_empty(const py::object& object) {
  Vector<double> out;
  if (!object.is_none()) to_vector(object, "_core", out);
  return out;
}

Mask mask_or_empty(const py::object& object) {
  if (object.is_none()) return {};
  const auto a = py::array_t<bool, py::array::c_style | py::array::forcecast>(object);
  return Eigen::Map<const Mask>(a.data(), a.size());
}

template <class Problem>
Problem make_problem(Request& request) {
  Problem problem(request.caller, request.fun, request.jac, request.workers);
  problem.source = request.source;
  problem.difference = request.difference;
  return problem;
}

/// The residuals and the Jacobian's form are only known after the first calls.
struct Probe : PythonResiduals {
  using PythonResiduals::PythonResiduals;
  py::object first_object(const Vector<double>& x) { return jacobian_object(x); }
  template <class Problem>
  static void hand_over(Probe&& from, Problem& to, py::object jacobian) {
    static_cast<PythonResiduals&>(to) = std::move(static_cast<PythonResiduals&>(from));
    to.keep_first_jacobian(std::move(jacobian));
  }
};

py::tuple run(Request& request) {
  Probe probe = make_problem<Probe>(request);
  const Vector<double>& r = probe.start(request.x0);
  for (Index i = 0; i < r.size(); ++i)
    if (!std::isfinite(r[i]))
      throw py::value_error(probe.fun_name + " must return finite residuals at x0, got " +
                            (std::isnan(r[i]) ? "NaN" : "infinity") + " in residual " + std::to_string(i) +
                            " of " + std::to_string(r.size()));
  if (probe.size() == 0)
    throw py::value_error(request.caller + ": fun must return at least one residual, got an empty array");
  py::object first;
  const bool from_callback =
      request.source == JacobianSource::callback || request.source == JacobianSource::fused;
  if (from_callback) first = probe.first_object(request.x0);

  if (from_callback ? !py::isinstance<py::array>(first) && py::hasattr(first, "tocsc")
                    : !request.sparsity.is_none()) {
    SparseProblem problem(request.caller, {}, {}, {});
    Probe::hand_over(std::move(probe), problem, first);
    if (!from_callback) {
      const auto shape = request.sparsity.attr("shape").cast<std::pair<Index, Index>>();
      SparseProblem::read_csc(request.sparsity, "jac_sparsity", shape.first, shape.second, problem.pattern);
    }
    return solve(problem, request);
  }
  if (from_callback && !py::isinstance<py::array>(first) && py::hasattr(first, "matvec")) {
    OperatorProblem problem(request.caller, {}, {}, {});
    Probe::hand_over(std::move(probe), problem, first);
    return solve(problem, request);
  }
  DenseProblem problem(request.caller, {}, {}, {});
  Probe::hand_over(std::move(probe), problem, first);
  return solve(problem, request);
}

py::tuple least_squares(std::string caller, py::object fun, py::object jac, int source, const py::object& x0,
                        const py::object& lower, const py::object& upper, const py::object& fixed,
                        double ftol, double xtol, double gtol, Index max_evaluations, Index max_iterations,
                        const py::object& scale, int loss, double f_scale, py::object custom_loss,
                        int damping, int linear_solver, double initial_radius, bool geodesic_acceleration,
                        double max_factor_bytes, double lsmr_tolerance, Index lsmr_iterations, int threads,
                        const py::object& relative_step, py::object sparsity, py::object workers,
                        py::object observe) {
  Request request{.caller = std::move(caller),
                  .fun = std::move(fun),
                  .jac = std::move(jac),
                  .workers = std::move(workers),
                  .observe = std::move(observe),
                  .source = static_cast<JacobianSource>(source),
                  .x0 = vector_or_empty(x0),
                  .options = {.tolerances = {ftol, xtol, gtol, max_iterations, max_evaluations},
                              .damping = static_cast<Damping>(damping),
                              .initial_radius = initial_radius,
                              .scale = vector_or_empty(scale),
                              .geodesic_acceleration = geodesic_acceleration,
                              .linear = {.solver = static_cast<LinearSolver>(linear_solver),
                                         .max_factor_bytes = max_factor_bytes,
                                         .tolerance = lsmr_tolerance,
                                         .max_iterations = lsmr_iterations,
                                         .threads = threads}},
                  .bounds = {vector_or_empty(lower), vector_or_empty(upper), mask_or_empty(fixed)},
                  .loss = {.kind = static_cast<LossKind>(loss), .scale = f_scale},
                  .difference = {.relative_step = vector_or_empty(relative_step)},
                  .sparsity = std::move(sparsity)};
  request.difference.lower = request.bounds.lower;
  request.difference.upper = request.bounds.upper;
  request.difference.skip = request.bounds.fixed_always;
  if (request.options.scale.size()) request.difference.typical = request.options.scale.cwiseInverse();
  if (request.loss.kind == LossKind::custom)
    request.loss.custom = [&](const Vector<double>& z, Vector<double>& rho, Vector<double>& rho1,
                              Vector<double>& rho2) {
      const py::gil_scoped_acquire hold;
      Matrix<double> values;
      to_matrix(call(custom_loss, to_numpy(z)), request.caller + ": loss", 3, z.size(), values,
                "rows rho, rho' and rho''");
      rho = values.row(0), rho1 = values.row(1), rho2 = values.row(2);
    };
  try {
    return run(request);
  } catch (const std::invalid_argument& error) {  // a refusal of the core, which does not know its caller
    throw py::value_error(request.caller + ": " + error.what());
  }
}

}  // namespace

void bind_least_squares(py::module_& m) {
  PYBIND11_NUMPY_DTYPE(Iteration<double>, cost, optimality, step, radius, damping, ratio, evaluations);
  m.def("least_squares", &least_squares, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("source"),
        py::arg("x0"), py::arg("lower"), py::arg("upper"), py::arg("fixed"), py::arg("ftol"), py::arg("xtol"),
        py::arg("gtol"), py::arg("max_evaluations"), py::arg("max_iterations"), py::arg("scale"),
        py::arg("loss"), py::arg("f_scale"), py::arg("custom_loss"), py::arg("damping"),
        py::arg("linear_solver"), py::arg("initial_radius"), py::arg("geodesic_acceleration"),
        py::arg("max_factor_bytes"), py::arg("lsmr_tolerance"), py::arg("lsmr_iterations"),
        py::arg("threads"), py::arg("relative_step"), py::arg("sparsity"), py::arg("workers"),
        py::arg("observe"));
}

}  // namespace osculate::python
