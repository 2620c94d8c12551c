#include "run.hpp"

namespace osculate::python {

py::tuple solve(OperatorProblem& problem, Request& request) {
  return run_levenberg_marquardt(problem, request);
}

}  // namespace osculate::python
