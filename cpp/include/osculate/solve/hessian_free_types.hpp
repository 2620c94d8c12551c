#pragma once
// What a step of Hessian-free optimization (hessian_free_step.hpp) is told and tells. Sections are those of
// Martens, "Deep learning via Hessian-free optimization", ICML 2010; 2012 is Martens & Sutskever, "Training
// deep and recurrent networks with Hessian-free optimization".

#include <cmath>
#include <cstdint>

#include "../linsolve/krylov.hpp"

namespace osculate {

struct HessianFreeOptions {
  double damping = 0;  ///< first lambda, in the unit of B; 0: 1e-3 |g'Bg| / g'g
  double least_damping =
      0;  ///< lambda falls no lower; a floor keeps it from vanishing where batches flatter the ratio
  double decay = 0.95;  ///< CG starts at the last solution times this (2010, 4.5; 2012); 0: at zero
  double progress_tolerance = 5e-4;  ///< eps of KrylovExit::progress (2010, 4.4)
  double exponent = 0.75;            ///< of a diagonal preconditioner, (diagonal + lambda)^exponent (4.7)
  double checkpoint_ratio = 1.3;     ///< between the iterations whose iterates are kept (4.6)
  Index max_cg_iterations = 250;     ///< and never more than 2 n
  int threads = 1;                   ///< for vectors longer than Sweep::chunk
  const Executor* executor = nullptr;
};

inline void check(const HessianFreeOptions& o) {
  using detail::require;
  const auto at_least_zero = [&](const char* name, double value) {
    require(value >= 0 && std::isfinite(value), name, "finite and at least 0", value);
  };
  at_least_zero("damping", o.damping), at_least_zero("least_damping", o.least_damping);
  at_least_zero("progress_tolerance", o.progress_tolerance);
  require(o.decay >= 0 && o.decay <= 1, "decay", "between 0 and 1", o.decay);
  require(o.exponent >= 0 && o.exponent <= 1, "exponent", "between 0 and 1", o.exponent);
  require(o.checkpoint_ratio > 1, "checkpoint_ratio", "greater than 1", o.checkpoint_ratio);
  require(o.max_cg_iterations >= 1, "max_cg_iterations", "at least 1", o.max_cg_iterations);
}

/// How a step ended. Where it was not accepted the point stays.
enum class HessianFreeExit : std::int8_t {
  accepted = 1,         ///< the loss is lower, or equal to rounding where the step promised no more
  stationary = 2,       ///< the gradient is zero, or so small that its square is
  rejected = -1,        ///< no iterate and no shorter step lowers the loss; lambda is larger next time
  nonfinite = -2,       ///< the loss, the gradient or the first product is; the state stays as it was
  preconditioner = -3,  ///< see KrylovExit::preconditioner; the state stays as it was
};

/// Cause and remedy in one sentence.
constexpr const char* sentence(HessianFreeExit exit) {
  switch (exit) {
    case HessianFreeExit::accepted:
      return "The step was taken.";
    case HessianFreeExit::stationary:
      return "The gradient is zero: no step.";
    case HessianFreeExit::rejected:
      return "No step along the solution reduces the loss: the point stays, and the damping grows.";
    case HessianFreeExit::nonfinite:
      return "The loss, the gradient or a product is NaN or infinite; check them, or start elsewhere.";
    case HessianFreeExit::preconditioner:
      return "The preconditioner is not positive definite; use another one, or none.";
  }
  return "Unknown exit.";
}

/// What one step hands on to the next.
template <class S>
struct HessianFreeState {
  double damping = 0;     ///< lambda; 0: not known yet
  Vector<S> direction{};  ///< the last solution of CG; empty: none
};

struct HessianFreeStep {
  HessianFreeExit exit = HessianFreeExit::nonfinite;
  KrylovExit cg_exit = KrylovExit::residual;
  double before = 0, after = 0;  ///< the loss at the point, and where the step leads
  double damping = 0;            ///< lambda of this step
  double ratio = 0;      ///< actual over predicted reduction of the iterate taken, before the line search
  double predicted = 0;  ///< by the quadratic without damping, for the whole step
  double slope = 0;      ///< g's of the whole step
  double step_norm = 0;  ///< |s|
  double scale = 0;      ///< of the line search
  Index cg_iterations = 0, products = 0, losses = 0;
  Index checkpoints = 0;            ///< iterates kept
  Index checkpoint = 0;             ///< the iteration of the one that was taken
  bool negative_curvature = false;  ///< whether CG met p'(B + lambda I)p <= 0
};

}  // namespace osculate
