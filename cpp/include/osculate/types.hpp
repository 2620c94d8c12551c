#pragma once
// The names every other header uses for vectors and matrices.

#include <Eigen/Core>
#include <Eigen/SparseCore>

namespace osculate {

using Eigen::Index;
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
template <class Scalar>
using SparseMatrix = Eigen::SparseMatrix<Scalar>;
/// One flag a variable.
using Mask = Eigen::Array<bool, Eigen::Dynamic, 1>;

}  // namespace osculate
