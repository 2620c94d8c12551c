#pragma once
// What the bindings of the minimizers share: reading arguments, watching iterations.

#include <osculate/quadratic.hpp>
#include <osculate/result.hpp>

#include "function_problem.hpp"

namespace osculate::python {

inline Vector<double> optional_vector(const py::object& object) {
  Vector<double> out;
  if (!object.is_none()) to_vector(object, "_core", out);
  return out;
}

/// Calls observe(iteration, f, optimality, step, evaluations, x, gradient) once per iteration;
/// without it only looks for signals.
inline auto function_observer(PythonFunction& problem, const py::object& observe, Index& seen) {
  return [&problem, &observe, &seen](const Iteration<double>& it, const Vector<double>& x,
                                     const Quadratic<double>& q) {
    const GilSwitch::Callback hold(problem.gil);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (observe.is_none()) return true;
    const py::object go_on =
        observe(seen++, it.cost, it.optimality, it.step, it.evaluations, to_numpy(x), to_numpy(q.gradient));
    return go_on.is_none() || go_on.cast<bool>();
  };
}

}  // namespace osculate::python
