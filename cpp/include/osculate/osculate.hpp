#pragma once
// osculate: second-order optimization. This header brings everything that needs only Eigen.

#include "curvature/fisher.hpp"
#include "curvature/kronecker.hpp"
#include "linsolve/cg.hpp"
#include "linsolve/minres.hpp"
#include "linsolve/modified_cholesky.hpp"
#include "linsolve/subproblem.hpp"
#include "solve/gauss_newton.hpp"
#include "solve/hessian_free.hpp"
#include "solve/levenberg_marquardt.hpp"
#include "solve/natural_gradient.hpp"
#include "solve/newton.hpp"
#include "solve/newton_cg.hpp"
