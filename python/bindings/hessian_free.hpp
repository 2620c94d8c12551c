#pragma once
// The options of Hessian-free steps, which two bindings read.

#include <pybind11/pybind11.h>
#include <osculate/solve/hessian_free_types.hpp>

namespace osculate::python {

inline HessianFreeOptions hessian_free_options(const pybind11::dict& given) {
  return {.damping = given["damping"].cast<double>(),
          .least_damping = given["least_damping"].cast<double>(),
          .decay = given["decay"].cast<double>(),
          .progress_tolerance = given["progress_tolerance"].cast<double>(),
          .exponent = given["exponent"].cast<double>(),
          .checkpoint_ratio = given["checkpoint_ratio"].cast<double>(),
          .max_cg_iterations = given["max_cg_iterations"].cast<Index>(),
          .threads = given["threads"].cast<int>()};
}

}  // namespace osculate::python
