#pragma once
// A call of the batch engine: its options, where its data are, and where its results go.

#include <chrono>
#include <functional>

#include "../types.hpp"
#include "input.hpp"
#include "levenberg_marquardt.hpp"

namespace osculate::batch {

template <class S>
struct FitOptions {
  S ftol, xtol, gtol;         ///< as in stop.hpp; 0: no such test
  Index max_iterations = 0;   ///< accepted steps; 0: no limit of its own
  Index max_evaluations = 0;  ///< of the model; 0: 100 times the number of active parameters
  S initial_radius = 1;       ///< in units of |D x0|
  BatchLoss loss = BatchLoss::linear;
  S loss_scale = 1;
  bool absolute_sigma = false;
  bool sandwich = false;  ///< covariances of robust fits by sandwich.hpp; needs output.covariance
  int threads = 1;
};

/// For a model of n active parameters.
template <class S>
LaneOptions<S> lane_options(const FitOptions<S>& o, int n) {
  const Index limit = o.max_evaluations > 0 ? o.max_evaluations : 100 * std::max(1, n);
  return {.ftol = o.ftol,
          .xtol = o.xtol,
          .gtol = o.gtol,
          .max_iterations =
              o.max_iterations > 0 ? static_cast<S>(o.max_iterations) : std::numeric_limits<S>::infinity(),
          .max_evaluations = static_cast<S>(limit),
          .initial_radius = o.initial_radius,
          .robust = robust(o.loss)};
}

/// The data of a call. Arrays are over [fit, point], parameters over [fit, parameter].
struct FitInput {
  std::vector<std::ptrdiff_t> shape{};  ///< of the batch
  std::ptrdiff_t points = 0;
  BatchArray y{}, sigma{}, mask{};   ///< mask: a point where it is not 0 does not count
  std::vector<BatchArray> inputs{};  ///< of the tape, where fits have coordinates of their own
  BatchArray start{}, lower{}, upper{};
  std::vector<int> active{};  ///< parameters that are fitted

  std::ptrdiff_t fits() const {
    std::ptrdiff_t n = 1;
    for (const std::ptrdiff_t s : shape) n *= s;
    return n;
  }
};

/// Where results go: arrays over [fit] or [fit, parameter], C order. `covariance` holds packed lower
/// triangles of the active parameters; it, `redchi` and `points` may be nullptr.
template <class S>
struct FitOutput {
  S* parameters = nullptr;
  S* stderr_ = nullptr;  ///< of robust fits NaN until the sandwich, where there is one, has been written
  S* covariance = nullptr;
  S* cost = nullptr;
  S* redchi = nullptr;  ///< 2 cost / (points - parameters that the data determine); NaN where that is not > 0
  std::int8_t* status = nullptr;
  std::uint8_t* flags = nullptr;
  std::int32_t* iterations = nullptr;
  std::int32_t* points = nullptr;
};

/// Called by the calling thread every few hundredths of a second with the number of fits that have ended;
/// false ends the call, and fits that have not ended keep Status::not_run.
using Poll = std::function<bool(std::ptrdiff_t done)>;

/// Calls a poll, where there is one, when 20 ms have passed since it returned.
class PacedPoll {
 public:
  explicit PacedPoll(const Poll* poll) : poll_(poll) {}

  /// False when the call is to end; `done()` counts the fits that have ended.
  template <class Done>
  bool operator()(Done&& done) {
    if (!poll_ || Clock::now() - last_ <= std::chrono::milliseconds(20)) return true;
    const bool go_on = (*poll_)(done());
    last_ = Clock::now();
    return go_on;
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Poll* poll_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace osculate::batch
