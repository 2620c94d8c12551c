#pragma once
// Symmetric matrices with given eigenvalues, as products, for the tests of Krylov methods.

#include <Eigen/QR>
#include <osculate/types.hpp>

#include "random.hpp"

namespace tests {

using osculate::Index, osculate::Matrix, osculate::Vector;

/// Q diag(eigenvalues) Q' with a random orthogonal Q.
inline Matrix<double> symmetric(const Vector<double>& eigenvalues, unsigned seed) {
  const Index n = eigenvalues.size();
  const Matrix<double> q = Eigen::HouseholderQR<Matrix<double>>(random_matrix(n, n, seed)).householderQ();
  const Matrix<double> a = q * eigenvalues.asDiagonal() * q.transpose();
  return (a + a.transpose()) / 2;
}

/// v -> A v, counted.
template <class S>
struct Product {
  Matrix<S> a{};
  int calls = 0;
  void operator()(const Vector<S>& v, Vector<S>& out) {
    ++calls;
    out.noalias() = a * v;
  }
};

}  // namespace tests
