// The batch engine in double precision.
#include "run_fit.hpp"

namespace osculate::python {

bool run_fit_double(FitRequest& request) { return run_fit<double>(request); }

}  // namespace osculate::python
