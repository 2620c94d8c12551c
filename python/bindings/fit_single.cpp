// The batch engine in single precision.
#include "run_fit.hpp"

namespace osculate::python {

bool run_fit_single(FitRequest& request) { return run_fit<float>(request); }

}  // namespace osculate::python
