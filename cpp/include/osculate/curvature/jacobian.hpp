#pragma once
// What a Jacobian must be able to do, for its three forms: dense, sparse (compressed columns), and an
// operator of which only the products J v and J'u are known.

#include <cmath>
#include <concepts>
#include <cstdint>

#include "../types.hpp"

namespace osculate {

/// A Jacobian known only by products: `multiply(v, out)` sets out = J v, and `multiply_transposed(u, out)`
/// sets out = J'u.
template <class J, class S>
concept JacobianOperator = requires(const J& j, const Vector<S>& v, Vector<S>& out) {
  { j.rows() } -> std::convertible_to<Index>;
  { j.cols() } -> std::convertible_to<Index>;
  j.multiply(v, out);
  j.multiply_transposed(v, out);
};

template <class S>
void multiply(const Matrix<S>& j, const Vector<S>& v, Vector<S>& out) {
  out.noalias() = j * v;
}
template <class S>
void multiply(const SparseMatrix<S>& j, const Vector<S>& v, Vector<S>& out) {
  out.noalias() = j * v;
}
template <class S, JacobianOperator<S> J>
void multiply(const J& j, const Vector<S>& v, Vector<S>& out) {
  j.multiply(v, out);
}

template <class S>
void multiply_transposed(const Matrix<S>& j, const Vector<S>& u, Vector<S>& out) {
  out.noalias() = j.transpose() * u;
}
template <class S>
void multiply_transposed(const SparseMatrix<S>& j, const Vector<S>& u, Vector<S>& out) {
  out.noalias() = j.transpose() * u;
}
template <class S, JacobianOperator<S> J>
void multiply_transposed(const J& j, const Vector<S>& u, Vector<S>& out) {
  j.multiply_transposed(u, out);
}

/// out_j = |J_j|. For an operator an estimate: the mean of (J'u)_j^2 over eight vectors u of random signs,
/// whose expectation is |J_j|^2 (Bekas, Kokiopoulou & Saad, Appl. Numer. Math. 57, 2007, eq. 2); relative
/// error about 1/4.
template <class S>
void column_norms(const Matrix<S>& j, Vector<S>& out) {
  out = j.colwise().norm().transpose();
}
template <class S>
void column_norms(const SparseMatrix<S>& j, Vector<S>& out) {
  out.resize(j.cols());
  for (Index k = 0; k < j.cols(); ++k) out[k] = j.col(k).norm();
}
template <class S, JacobianOperator<S> J>
void column_norms(const J& j, Vector<S>& out) {
  constexpr int probes = 8;
  Vector<S> signs(j.rows()), product(j.cols());
  out.setZero(j.cols());
  // xorshift64 (Marsaglia 2003) from a fixed seed: the same bits every time
  std::uint64_t state = 0x9E3779B97F4A7C15u;
  for (int probe = 0; probe < probes; ++probe) {
    for (Index i = 0; i < signs.size(); ++i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      signs[i] = (state >> 63) ? S(1) : S(-1);
    }
    j.multiply_transposed(signs, product);
    out += product.cwiseAbs2();
  }
  out = (out / S(probes)).cwiseSqrt();
}

/// out_i = sum_j |J_ij x_j|, the size of the terms of residual i; zero where it is unknown, for an operator.
template <class S>
void absolute_row_sums(const Matrix<S>& j, const Vector<S>& x, Vector<S>& out) {
  out.setZero(j.rows());
  for (Index k = 0; k < j.cols(); ++k) out += std::abs(x[k]) * j.col(k).cwiseAbs();
}
template <class S>
void absolute_row_sums(const SparseMatrix<S>& j, const Vector<S>& x, Vector<S>& out) {
  out.setZero(j.rows());
  for (Index k = 0; k < j.cols(); ++k)
    for (typename SparseMatrix<S>::InnerIterator it(j, k); it; ++it)
      out[it.row()] += std::abs(it.value() * x[k]);
}
template <class S, JacobianOperator<S> J>
void absolute_row_sums(const J& j, const Vector<S>&, Vector<S>& out) {
  out.setZero(j.rows());
}

/// J <- diag(w) J.
template <class S>
void scale_rows(Matrix<S>& j, const Vector<S>& w) {
  j.array().colwise() *= w.array();
}
template <class S>
void scale_rows(SparseMatrix<S>& j, const Vector<S>& w) {
  for (Index k = 0; k < j.cols(); ++k)
    for (typename SparseMatrix<S>::InnerIterator it(j, k); it; ++it) it.valueRef() *= w[it.row()];
}
template <class S, JacobianOperator<S> J>
void scale_rows(J& j, const Vector<S>& w) {
  j.scale_rows(w);
}

template <class S>
bool all_finite(const Matrix<S>& j) {
  return j.allFinite();
}
template <class S>
bool all_finite(const SparseMatrix<S>& j) {
  return j.coeffs().allFinite();
}
template <class J>
  requires(JacobianOperator<J, float> || JacobianOperator<J, double>)
bool all_finite(const J&) {
  return true;  // seen in the products: a gradient that is not finite ends the solve
}

}  // namespace osculate
