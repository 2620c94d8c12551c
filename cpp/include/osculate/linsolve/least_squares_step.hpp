#pragma once
// Which linear solve a least-squares method uses for which Jacobian.

#include <functional>
#include <stdexcept>

#include "dense.hpp"
#include "lsmr.hpp"
#include "scaled_step.hpp"
#include "sparse_cholesky.hpp"

namespace osculate {

struct LinearSolverOptions {
  LinearSolver solver = LinearSolver::automatic;
  double max_factor_bytes = 4e9;  ///< a larger sparse factor is not made: `automatic` takes LSMR instead
  double tolerance = 0;           ///< of LSMR, see LsmrStep; 0: chosen from the gradient
  Index max_iterations = 0;       ///< of LSMR; 0: its default
  int threads = 1;
  std::function<void()> poll{};  ///< called every iteration of LSMR, which may be long; may throw to end it
};

/// A factorization, or LSMR where that is asked for, where nothing else is possible (J is an operator) or
/// where the factor would not fit.
template <class S, class J>
class LeastSquaresStep {
  static constexpr bool dense = std::is_same_v<J, Matrix<S>>, sparse = std::is_same_v<J, SparseMatrix<S>>;
  using Factor = std::conditional_t<dense, DenseFactor<S>, SparseCholeskyFactor<S>>;

 public:
  explicit LeastSquaresStep(const LinearSolverOptions& options) : options_(options) {
    using enum LinearSolver;
    const LinearSolver s = options.solver;
    if (!sparse && s == sparse_cholesky)
      throw std::invalid_argument("linear_solver sparse_cholesky needs a sparse Jacobian; auto takes any");
    if (!dense && (s == cholesky || s == qr))
      throw std::invalid_argument("linear_solver cholesky and qr need a dense Jacobian; auto takes any");
    lsmr_.tolerance = static_cast<S>(options.tolerance);
    lsmr_.max_iterations = options.max_iterations;
    lsmr_.poll = options.poll;
    if constexpr (dense) {
      direct_.factor.solver = s;
      direct_.factor.cholesky.threads = options.threads;
    }
    used_ = s != automatic ? s : dense ? automatic : sparse ? sparse_cholesky : lsmr;
  }

  LinearSolver used() const { return used_; }

  void prepare(const GaussNewtonModel<S, J>& q) {
    if constexpr (sparse)
      if (options_.solver == LinearSolver::automatic &&
          q.jacobian.nonZeros() > counted_) {  // the first, or a fuller one
        const double most = options_.max_factor_bytes / factor_bytes<S>(1);
        if (count_factor_nonzeros(q.jacobian, most) > most) used_ = LinearSolver::lsmr;
        counted_ = q.jacobian.nonZeros();
      }
    each([&](auto& step) { step.prepare(q); });
  }
  void restrict(const GaussNewtonModel<S, J>& q, const Mask& fixed, const Vector<S>& displacement) {
    each([&](auto& step) { step.restrict(q, fixed, displacement); });
  }
  bool solve(const GaussNewtonModel<S, J>& q, const Vector<S>& x, Trial<S>& trial, Vector<S>& d) {
    bool solved = false;
    each([&](auto& step) { solved = step.solve(q, x, trial, d); });
    return solved;
  }
  /// See ScaledStep; LSMR cannot.
  void solve_again(const Vector<S>& b, Vector<S>& d) {
    if (used_ == LinearSolver::lsmr)
      throw std::invalid_argument(
          "geodesic_acceleration needs a factorization, which linear_solver lsmr is not");
    direct_.solve_again(b, d);
  }

 private:
  template <class Call>
  void each(Call&& call) {
    if constexpr (dense || sparse) {
      if (used_ != LinearSolver::lsmr) return call(direct_);
    }
    call(lsmr_);
  }
  LinearSolverOptions options_;
  LinearSolver used_ = LinearSolver::automatic;
  Index counted_ = -1;  ///< nonzeros of the Jacobian whose factor was counted
  ScaledStep<S, Factor> direct_;
  LsmrStep<S> lsmr_;
};

}  // namespace osculate
