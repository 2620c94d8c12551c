#pragma once
// osculate: second-order optimization. This header brings everything that needs only Eigen.

#include "solve/gauss_newton.hpp"
#include "solve/levenberg_marquardt.hpp"
#include "solve/newton.hpp"
