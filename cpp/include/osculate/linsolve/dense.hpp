#pragma once
// Chooses between Cholesky and QR for every lambda: Cholesky of the normal matrix is two to four times
// cheaper, and as good until it is ill-conditioned.

#include "cholesky.hpp"
#include "qr.hpp"

namespace osculate {

enum class LinearSolver { automatic, cholesky, qr, sparse_cholesky, lsmr };

/// A Factor of solve_secular over a dense Jacobian.
template <class S>
class DenseFactor {
 public:
  LinearSolver solver = LinearSolver::automatic;
  CholeskyFactor<S> cholesky{};

  template <class Model>
  void prepare(const Model& q, const Vector<S>& inverse_scale) {
    jacobian_ = &q.jacobian, residual_ = &q.residual, inverse_scale_ = &inverse_scale;
    qr_ready_ = qr_restricted_ = false;
    if (solver != LinearSolver::qr) cholesky.prepare(q, inverse_scale);
  }

  void restrict(const Mask& fixed, const Vector<S>& z) {
    fixed_ = &fixed, held_ = z;
    qr_restricted_ = false;
    if (solver != LinearSolver::qr) cholesky.restrict(fixed, z);
  }

  bool factorize(S lambda) {
    use_qr_ = solver == LinearSolver::qr;
    if (!use_qr_) {
      const bool done = cholesky.factorize(lambda);
      if (solver == LinearSolver::cholesky) return done;
      // The normal equations lose about eps / rcond(A) of the step. A loss of 1e-3 slows convergence down no
      // more than the inexact lambda does; beyond that QR pays.
      use_qr_ = !done || cholesky.reciprocal_condition() < 1000 * std::numeric_limits<S>::epsilon();
    }
    if (!use_qr_) return true;
    restrict_qr();
    return qr_.factorize(lambda);
  }

  bool full_rank() const { return use_qr_ ? qr_.full_rank() : cholesky.full_rank(); }
  void solve(Vector<S>& z) { use_qr_ ? qr_.solve(z) : cholesky.solve(z); }
  void solve_for(Vector<S>& b) { use_qr_ ? qr_.solve_for(b) : cholesky.solve_for(b); }
  S inverse_form(const Vector<S>& z) { return use_qr_ ? qr_.inverse_form(z) : cholesky.inverse_form(z); }
  S gradient_norm() {
    if (solver != LinearSolver::qr) return cholesky.gradient_norm();
    restrict_qr();
    return qr_.gradient_norm();
  }
  S magnitude() const { return solver == LinearSolver::qr ? qr_.magnitude() : cholesky.magnitude(); }
  Index size() const { return held_.size(); }

 private:
  void restrict_qr() {
    if (!qr_ready_) qr_.prepare(*jacobian_, *residual_, *inverse_scale_);
    if (!qr_restricted_) qr_.restrict(*fixed_, held_);
    qr_ready_ = qr_restricted_ = true;
  }
  QrFactor<S> qr_;
  const Matrix<S>* jacobian_ = nullptr;  // the point's model, which outlives its trials
  const Vector<S>*residual_ = nullptr, *inverse_scale_ = nullptr;
  const Mask* fixed_ = nullptr;
  Vector<S> held_;
  bool qr_ready_ = false, qr_restricted_ = false, use_qr_ = false;
};

}  // namespace osculate
