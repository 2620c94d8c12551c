#pragma once
// Reproducible vectors and matrices with elements in [-1, 1): the same bits with every standard library.

#include <cmath>
#include <osculate/types.hpp>
#include <random>

namespace tests {

inline osculate::Matrix<double> random_matrix(Eigen::Index rows, Eigen::Index cols, unsigned seed) {
  std::mt19937_64 bits(seed);
  return osculate::Matrix<double>::NullaryExpr(
      rows, cols, [&] { return std::ldexp(static_cast<double>(bits() >> 11), -52) - 1; });
}

inline osculate::Vector<double> random_vector(Eigen::Index size, unsigned seed) {
  return random_matrix(size, 1, seed);
}

}  // namespace tests
