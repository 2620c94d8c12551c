#pragma once
// Runs Levenberg-Marquardt on a Python problem: the one template behind the three forms of request.hpp.

#include <chrono>

#include "request.hpp"

namespace osculate::python {

/// Calls `observe(iteration, cost, optimality, step, evaluations, x, residual, jacobian, gradient)` once per
/// iteration; without it only looks for signals.
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

/// Looks for signals, at most every 50 ms: it may have to wait for the GIL.
template <class Problem>
auto signal_check(Problem& problem) {
  using Clock = std::chrono::steady_clock;
  return [&problem, last = Clock::now()]() mutable {
    if (Clock::now() - last < std::chrono::milliseconds(50)) return;
    const GilSwitch::Callback hold(problem.gil);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    last = Clock::now();
  };
}

inline py::object jacobian_to_python(const Matrix<double>& j) { return to_numpy(j); }
inline py::object jacobian_to_python(const SparseMatrix<double>& j) { return sparse_to_python(j); }
inline py::object jacobian_to_python(const PythonOperator& j) { return j.methods->object; }

template <class Problem>
py::tuple run_levenberg_marquardt(Problem& problem, Request& request) {
  const Index n = request.x0.size(), m = problem.size();
  // The linear algebra of an iteration, in about nanoseconds, beside which switching the GIL is nothing.
  constexpr double long_work = 1e5;
  Index seen = 0;
  request.options.linear.poll = signal_check(problem);
  LeastSquaresResult<double, typename Problem::Jacobian> result;
  if (double(m) * double(n) * double(std::min<Index>(m, n)) > long_work) problem.gil.release();
  result = levenberg_marquardt(problem, request.x0, request.options, request.bounds, request.loss,
                               observer(problem, request.observe, seen));
  problem.gil.acquire();
  py::array_t<bool> fixed(n);
  std::copy_n(result.fixed.data(), result.fixed.size(), fixed.mutable_data());
  return py::make_tuple(
      to_numpy(result.x), result.cost, to_numpy(result.residual), jacobian_to_python(result.jacobian),
      to_numpy(result.gradient), result.optimality, fixed, static_cast<int>(result.status), result.iterations,
      result.evaluations, result.derivatives, problem.all_evaluations,
      py::array_t<Iteration<double>>(static_cast<py::ssize_t>(result.trace.size()), result.trace.data()),
      static_cast<int>(result.linear_solver));
}

}  // namespace osculate::python
