#pragma once
// The batch engine for the tests, compiled once a precision in batch_double.cpp and batch_single.cpp.

#include <osculate/batch/batch.hpp>

#define OSCULATE_TESTS_ENGINE(prefix, S)                                                         \
  prefix template osculate::batch::Bound<S>::Kernel osculate::batch::kernel<S>(const Bound<S>&); \
  prefix template class osculate::batch::Interpreter<S>;                                         \
  prefix template class osculate::batch::BoundedStep<S>;                                         \
  prefix template class osculate::batch::LaneGroup<S>;                                           \
  prefix template class osculate::batch::Exchange<S>;                                            \
  prefix template class osculate::batch::Sandwich<S>;                                            \
  prefix template class osculate::batch::Fitter<S>;                                              \
  prefix template class osculate::batch::PointFitter<S>;

#if !defined(OSCULATE_TESTS_INSTANTIATE)
OSCULATE_TESTS_ENGINE(extern, double)
OSCULATE_TESTS_ENGINE(extern, float)
#endif
