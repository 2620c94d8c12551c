// The batch engine in single precision.
#define OSCULATE_TESTS_INSTANTIATE
#include "batch_engine.hpp"

OSCULATE_TESTS_ENGINE(, float)
