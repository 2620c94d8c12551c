#include "run.hpp"

namespace osculate::python {

py::tuple solve(SparseProblem& problem, Request& request) {
  return run_levenberg_marquardt(problem, request);
}

}  // namespace osculate::python
