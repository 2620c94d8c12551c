// _core.least_squares: reads the options, finds the Jacobian's form at the start, and runs the core's solver on it.
#include <osculate/solve/levenberg_marquardt.hpp>

#include "problems.hpp"

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

struct Request {
  std::string caller;
  py::object fun, jac, workers, observe;
  JacobianSource source;
  Vector<double> x0;
  LevenbergMarquardtOptions<double> options;
  Bounds<double> bounds;
  Loss<double> loss;
  DifferenceOptions<double> difference;
  py::object sparsity;
  PythonResiduals* shared = nullptr;
};

/// Calls `observe(cost, optimality, step, radius, damping, ratio, evaluations, x, residual, jacobian, gradient)` once
/// per iteration; without it only looks for signals.
template <class Problem>
auto observer(Problem& problem, const py::object& observe, Index& seen) {
  return [&problem, &observe, &seen](const Iteration<double>& it, const Vector<double>& x, const auto& q) {
    const GilSwitch::Callback hold(problem.gil);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (observe.is_none()) return true;
    py::object jacobian = py::none();
    if constexpr (std::is_same_v<typename Problem::Jacobian, Matrix<double>>) jacobian = to_numpy(q.jacobian);
    const py::object go_on =
        observe(seen++, it.cost, it.optimality, it.step, it.evaluations, to_numpy(x),
                to_numpy(q.uncorrected.size() ? q.uncorrected : q.residual), jacobian, to_numpy(q.gradient));
    return go_on.is_none() || go_on.cast<bool>();
  };
}

py::object jacobian_to_python(const Matrix<double>& j) { return to_numpy(j); }
py::object jacobian_to_python(const SparseMatrix<double>& j) {
  return py::make_tuple(py::array_t<double>(j.nonZeros(), j.valuePtr()),
                        py::array_t<int>(j.nonZeros(), j.innerIndexPtr()),
                        py::array_t<int>(j.cols() + 1, j.outerIndexPtr()), py::make_tuple(j.rows(), j.cols()));
}
py::object jacobian_to_python(const PythonOperator& j) { return j.object; }

template <class Problem>
py::tuple solve(Problem& problem, Request& request) {
  const Index n = request.x0.size(), m = problem.size();
  // The linear algebra of an iteration, in units of about a nanosecond, against which switching the GIL is nothing.
  constexpr double long_work = 1e5;
  Index seen = 0;
  LeastSquaresResult<double, typename Problem::Jacobian> result;
  if (double(m) * double(n) * double(std::min<Index>(m, n)) > long_work) problem.gil.release();
  result = levenberg_marquardt(problem, request.x0, request.options, request.bounds, request.loss,
                               observer(problem, request.observe, seen));
  problem.gil.acquire();
  py::array_t<bool> fixed(n);
  std::copy_n(result.fixed.data(), result.fixed.size(), fixed.mutable_data());
  return py::make_tuple(to_numpy(result.x), result.cost, to_numpy(result.residual), jacobian_to_python(result.jacobian),
                        to_numpy(result.gradient), result.optimality, fixed, static_cast<int>(result.status),
                        result.iterations, result.evaluations, result.derivatives, problem.all_evaluations,
                        py::array_t<Iteration<double>>(static_cast<py::ssize_t>(result.trace.size()), result.trace.data()),
                        static_cast<int>(result.linear_solver));
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
  if (!probe.start(request.x0).allFinite())
    throw py::value_error(request.caller + ": residuals are not finite at the initial point");
  if (probe.size() == 0) throw py::value_error(request.caller + ": fun must return at least one residual");
  py::object first;
  const bool from_callback = request.source == JacobianSource::callback || request.source == JacobianSource::fused;
  if (from_callback) first = probe.first_object(request.x0);

  if (from_callback ? !py::isinstance<py::array>(first) && py::hasattr(first, "tocsc") : !request.sparsity.is_none()) {
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
                        const py::object& lower, const py::object& upper, const py::object& fixed, double ftol,
                        double xtol, double gtol, Index max_evaluations, Index max_iterations, const py::object& scale,
                        int loss, double f_scale, py::object custom_loss, int damping, int linear_solver,
                        double initial_radius, bool geodesic_acceleration, double max_factor_bytes,
                        double lsmr_tolerance, Index lsmr_iterations, int threads, const py::object& relative_step,
                        py::object sparsity, py::object workers, py::object observe) {
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
    request.loss.custom = [&](const Vector<double>& z, Vector<double>& rho, Vector<double>& rho1, Vector<double>& rho2) {
      const py::gil_scoped_acquire hold;
      Matrix<double> values;
      to_matrix(call(custom_loss, to_numpy(z)), request.caller + ": loss", 3, z.size(), values);
      rho = values.row(0), rho1 = values.row(1), rho2 = values.row(2);
    };
  return run(request);
}

}  // namespace

void bind_least_squares(py::module_& m) {
  PYBIND11_NUMPY_DTYPE(Iteration<double>, cost, optimality, step, radius, damping, ratio, evaluations);
  m.def("least_squares", &least_squares, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("source"),
        py::arg("x0"), py::arg("lower"), py::arg("upper"), py::arg("fixed"), py::arg("ftol"), py::arg("xtol"),
        py::arg("gtol"), py::arg("max_evaluations"), py::arg("max_iterations"), py::arg("scale"), py::arg("loss"),
        py::arg("f_scale"), py::arg("custom_loss"), py::arg("damping"), py::arg("linear_solver"),
        py::arg("initial_radius"), py::arg("geodesic_acceleration"), py::arg("max_factor_bytes"),
        py::arg("lsmr_tolerance"), py::arg("lsmr_iterations"), py::arg("threads"), py::arg("relative_step"),
        py::arg("sparsity"), py::arg("workers"), py::arg("observe"));
}

}  // namespace osculate::python
