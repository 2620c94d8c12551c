#pragma once
// A call of _core.least_squares with its options read, and the solve for each form of the Jacobian. Each form
// is compiled in a unit of its own: the factorizations take the compiler long.

#include <osculate/solve/levenberg_marquardt.hpp>

#include "problems.hpp"

namespace osculate::python {

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
};

/// Runs the core's solver and returns what Python makes a result of.
py::tuple solve(DenseProblem& problem, Request& request);
py::tuple solve(SparseProblem& problem, Request& request);
py::tuple solve(OperatorProblem& problem, Request& request);

}  // namespace osculate::python
