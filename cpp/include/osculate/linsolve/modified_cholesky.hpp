#pragma once
// L L' = A + shift I for a symmetric A that need not be definite: the Newton solve of shifted_cholesky.hpp as
// a factorization of its own (Nocedal & Wright 2006, algorithm 3.3).

#include "shifted_cholesky.hpp"

namespace osculate {

template <class S>
struct ModifiedCholesky {
  Matrix<S> l;  ///< lower triangular
  S shift = 0;  ///< 0 where A is positive definite
};

/// `a`: its lower triangle, finite.
template <class S>
ModifiedCholesky<S> modified_cholesky(const Matrix<S>& a) {
  const Index n = a.cols();
  ModifiedCholesky<S> out{.l = a};
  if (n == 0) return out;
  HessianModel<S> q;
  q.hessian = a;
  q.gradient.setZero(n);
  q.scale.setOnes(n);
  ShiftedCholesky<S> factor;
  factor.restrict(q, Mask::Constant(n, false), Vector<S>::Zero(n));
  Trial<S> trial;
  Vector<S> d;
  factor.solve(q, d, trial, d);
  out.l = factor.factor.lower();
  out.shift = trial.damping;
  return out;
}

}  // namespace osculate
