#pragma once
// What a solve returns. Always filled, also on failure: x is the best accepted point.

#include <vector>

#include "status.hpp"
#include "types.hpp"

namespace osculate {

/// One iteration of the loop, for traces and observers.
template <class Scalar>
struct Iteration {
  Scalar cost = 0;        ///< f at the point reached
  Scalar optimality = 0;  ///< the gradient measure of stop.hpp there
  Scalar step = 0;        ///< |D s| of the accepted step, in the model's metric
  Scalar radius = 0;      ///< trust-region radius of the accepted trial; infinite without a trust region
  Scalar damping = 0;     ///< lambda of the accepted trial
  Scalar ratio = 0;       ///< actual over predicted reduction
  Index evaluations = 0;  ///< values of f asked for so far
};

template <class Scalar>
struct Result {
  Vector<Scalar> x;                        ///< the best accepted point
  Scalar cost = 0;                         ///< f(x); for least squares sum_i rho_i / 2
  Vector<Scalar> gradient;                 ///< of f at x
  Scalar optimality = 0;                   ///< the gradient measure at x, see Status::gradient
  Status status = Status::not_run;         ///< why the loop ended
  Index iterations = 0;                    ///< accepted points, the start not counted
  Index evaluations = 0;                   ///< values of f (residual vectors) asked for by the loop
  Index derivatives = 0;                   ///< Jacobians or Hessians asked for
  std::vector<Iteration<Scalar>> trace{};  ///< row 0 is the start
};

}  // namespace osculate
