#pragma once
// What the bindings of the minimizers share: reading what is minimized, watching iterations, and for the
// methods that need products only the whole call.

#include <osculate/certificate.hpp>
#include <osculate/linsolve/sweep.hpp>
#include <osculate/quadratic.hpp>
#include <osculate/result.hpp>
#include <osculate/stop.hpp>

#include "function_problem.hpp"

namespace osculate::python {

inline Vector<double> optional_vector(const py::object& object) {
  Vector<double> out;
  if (!object.is_none()) to_vector(object, "_core", out);
  return out;
}

/// The function with its gradient, and the start.
template <class S>
Vector<S> set_up(FunctionProblem<S>& problem, std::string caller, py::object fun, py::object jac,
                 int gradient_source, int hessian_source, const py::object& x0) {
  problem.caller = std::move(caller);
  problem.fun = std::move(fun), problem.jac = std::move(jac);
  problem.gradient_source = static_cast<JacobianSource>(gradient_source);
  problem.hessian_source = static_cast<HessianSource>(hessian_source);
  problem.gradient_difference.method =
      problem.gradient_source == JacobianSource::two_point ? Difference::two_point : Difference::three_point;
  Vector<S> start;
  to_vector(x0, "_core", start);
  problem.n = start.size();
  return start;
}

/// Calls observe(iteration, f, optimality, step, evaluations, x, gradient) once per iteration;
/// without it only looks for signals.
template <class S>
auto function_observer(FunctionProblem<S>& problem, const py::object& observe, Index& seen) {
  return [&problem, &observe, &seen](const Iteration<S>& it, const Vector<S>& x, const Quadratic<S>& q) {
    const GilSwitch::Callback hold(problem.gil);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (observe.is_none()) return true;
    const py::object go_on =
        observe(seen++, it.cost, it.optimality, it.step, it.evaluations, to_numpy(x), to_numpy(q.gradient));
    return go_on.is_none() || go_on.cast<bool>();
  };
}

/// solve(), without the GIL where that pays; a refusal of the core, which does not know its caller, is named.
template <class S, class Solve>
auto run_released(FunctionProblem<S>& problem, bool release, const Solve& solve) {
  if (release) problem.gil.release();
  try {
    auto result = solve();
    problem.gil.acquire();
    return result;
  } catch (const std::invalid_argument& error) {
    problem.gil.acquire();
    throw py::value_error(problem.caller + ": " + error.what());
  }
}

/// In double, which the structured dtype is made of.
template <class S>
py::array_t<Iteration<double>> to_numpy(const std::vector<Iteration<S>>& trace) {
  py::array_t<Iteration<double>> out(static_cast<py::ssize_t>(trace.size()));
  Iteration<double>* to = out.mutable_data();
  for (const Iteration<S>& it : trace)
    *to++ = {it.cost, it.optimality, it.step, it.radius, it.damping, it.ratio, it.evaluations};
  return out;
}

/// What a minimizer of products is given: `called` holds the function, its derivatives, the start and the
/// tests. `solve(problem, start, tolerances, observer)` runs it in the start's precision.
template <class S, class Solve>
py::tuple minimize_by_products(const py::dict& called, const py::object& observe, const Solve& solve) {
  FunctionProblem<S> problem;
  const Vector<S> start =
      set_up(problem, called["caller"].cast<std::string>(), called["fun"], called["jac"],
             called["gradient_source"].cast<int>(), called["product_source"].cast<int>(), called["x0"]);
  problem.hessp = called["hessp"];
  const auto tolerance = [&](const char* name) {
    return static_cast<S>(called[name].template cast<double>());
  };
  const Tolerances<S> tolerances{.ftol = tolerance("ftol"),
                                 .xtol = tolerance("xtol"),
                                 .gtol = tolerance("gtol"),
                                 .max_iterations = called["max_iterations"].cast<Index>(),
                                 .max_evaluations = called["max_evaluations"].cast<Index>(),
                                 .gtol_relative = tolerance("gtol_relative")};
  Index seen = 0;
  const auto result = run_released(problem, start.size() > Sweep<S>::chunk, [&] {
    return solve(problem, start, tolerances, function_observer(problem, observe, seen));
  });
  const Curvature<S>& proof = result.curvature;
  return py::make_tuple(to_numpy(result.x), result.cost, to_numpy(result.gradient), result.optimality,
                        static_cast<int>(result.status), result.iterations, problem.functions,
                        problem.gradients, problem.products, result.evaluations, to_numpy(result.trace),
                        static_cast<int>(proof.certificate), proof.lowest, proof.products,
                        proof.failure_bound, proof.resolution);
}

/// Whether a start asks for single precision.
inline bool is_single(const py::dict& called) {
  return py::reinterpret_borrow<py::array>(called["x0"]).itemsize() == sizeof(float);
}

}  // namespace osculate::python
