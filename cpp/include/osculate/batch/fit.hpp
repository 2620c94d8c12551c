#pragma once
// Fits one model to many data sets: every worker runs a group of lanes, and a lane that ends takes the next
// fit, so that no lane waits for a slow neighbour. What a fit gives does not depend on its lane, on its
// neighbours or on the number of threads. Fits with missing points (NaN) go through a second round with
// weights.

#include <chrono>
#include <limits>
#include <mutex>

#include "../parallel.hpp"
#include "covariance.hpp"
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
  int threads = 1;
};

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
/// triangles of the active parameters; it and `points` may be nullptr.
template <class S>
struct FitOutput {
  S* parameters = nullptr;
  S* stderr_ = nullptr;
  S* covariance = nullptr;
  S* cost = nullptr;
  std::int8_t* status = nullptr;
  std::uint8_t* flags = nullptr;
  std::int32_t* iterations = nullptr;
  std::int32_t* points = nullptr;
};

/// Called by the calling thread every few hundredths of a second with the number of fits that have ended;
/// false ends the call, and fits that have not ended keep Status::not_run.
using Poll = std::function<bool(std::ptrdiff_t done)>;

template <class S>
class Fitter {
 public:
  Fitter(const expr::Tape& tape, std::vector<const S*> per_point, const FitInput& input,
         const FitOptions<S>& options, const FitOutput<S>& output)
      : tape_(tape),
        per_point_(std::move(per_point)),
        in_(input),
        options_(options),
        out_(output),
        fits_(input.fits()),
        n_(static_cast<int>(input.active.size())) {}

  /// Fits all; false when `poll` ended it.
  bool run(const Poll& poll) {
    const bool weights = static_cast<bool>(in_.sigma) || static_cast<bool>(in_.mask);
    std::vector<std::ptrdiff_t> incomplete;
    if (weights) return round(nullptr, true, nullptr, poll);
    if (!round(nullptr, false, &incomplete, poll)) return false;
    if (incomplete.empty()) return true;
    std::sort(incomplete.begin(), incomplete.end());
    return round(&incomplete, true, nullptr, poll);
  }

 private:
  struct Queue {
    const std::vector<std::ptrdiff_t>* list;
    std::ptrdiff_t count, chunk;
    std::atomic<std::ptrdiff_t> next{0}, done{0};
    std::atomic<bool> stopped{false};
    std::mutex guard{};
    std::vector<std::ptrdiff_t>* incomplete;
  };

  class Worker;

  bool round(const std::vector<std::ptrdiff_t>* list, bool weighted, std::vector<std::ptrdiff_t>* incomplete,
             const Poll& poll) {
    Queue queue{.list = list,
                .count = list ? static_cast<std::ptrdiff_t>(list->size()) : fits_,
                .chunk = 1,
                .incomplete = incomplete};
    queue.chunk = std::clamp<std::ptrdiff_t>(queue.count / (4 * options_.threads), 1, 256);
    const auto caller = std::this_thread::get_id();
    // A thread is worth starting from one group of lanes on.
    const auto most =
        static_cast<int>(std::min<std::ptrdiff_t>(options_.threads, (queue.count + lanes<S> - 1) / lanes<S>));
    const auto work = [&](Index) {
      const bool polls = poll && std::this_thread::get_id() == caller;
      Worker(*this, queue, weighted).run(polls ? &poll : nullptr);
    };
    try {
      parallel_for(most, most, work);
    } catch (...) {
      queue.stopped = true;
      throw;
    }
    finished_ += queue.done;
    return !queue.stopped;
  }

  const expr::Tape& tape_;
  std::vector<const S*> per_point_;
  const FitInput& in_;
  const FitOptions<S>& options_;
  const FitOutput<S>& out_;
  std::ptrdiff_t fits_, finished_ = 0;
  int n_;
};

/// One thread's lanes.
template <class S>
class Fitter<S>::Worker {
 public:
  Worker(const Fitter& fitter, Queue& queue, bool weighted)
      : f_(fitter),
        in_(fitter.in_),
        queue_(queue),
        weighted_(weighted),
        y_(size(in_.points)),
        weight_(weighted ? size(in_.points) : 0),
        parameters_(size(fitter.tape_.parameters)),
        group_(fitter.n_, lane_options(), static_cast<bool>(in_.lower)),
        covariance_(fitter.n_),
        interpreter_(fitter.tape_, prepare()),
        row_(size(std::max<std::ptrdiff_t>(fitter.tape_.parameters, 1))) {}

  void run(const Poll* poll) {
    covariance_.absolute = f_.options_.absolute_sigma;
    using Clock = std::chrono::steady_clock;
    constexpr auto pause = std::chrono::milliseconds(20);
    auto last = Clock::now();
    bool any = false;
    for (int lane = 0; lane < lanes<S>; ++lane) any = refill(lane) || any;
    while (any && !queue_.stopped.load(std::memory_order_relaxed)) {
      group_.propose();
      interpreter_(place_parameters(), group_.at_trial);
      if (group_.judge()) {
        any = false;
        for (int lane = 0; lane < lanes<S>; ++lane) {
          if (group_.active[0][lane] == 0) continue;
          if (group_.status[0][lane] != S(static_cast<int>(Status::not_run))) {
            harvest(lane);
            if (!refill(lane)) continue;
          }
          any = true;
        }
      }
      if (poll && Clock::now() - last > pause) {
        queue_.done += std::exchange(done_, 0);
        if (!(*poll)(f_.finished_ + queue_.done.load())) queue_.stopped = true;
        last = Clock::now();
      }
    }
    flush();
    queue_.done += std::exchange(done_, 0);
    if (queue_.incomplete && !incomplete_.empty()) {
      const std::lock_guard lock(queue_.guard);
      queue_.incomplete->insert(queue_.incomplete->end(), incomplete_.begin(), incomplete_.end());
    }
  }

 private:
  static std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

  LaneOptions<S> lane_options() const {
    const FitOptions<S>& o = f_.options_;
    const auto limit = o.max_evaluations > 0 ? o.max_evaluations : 100 * std::max(1, f_.n_);
    return {.ftol = o.ftol,
            .xtol = o.xtol,
            .gtol = o.gtol,
            .max_iterations =
                o.max_iterations > 0 ? static_cast<S>(o.max_iterations) : std::numeric_limits<S>::infinity(),
            .max_evaluations = static_cast<S>(limit),
            .initial_radius = o.initial_radius};
  }

  const Data<S>& prepare() {
    data_.points = in_.points;
    data_.y = y_.data();
    data_.weight = weighted_ ? weight_.data() : nullptr;
    data_.per_point = f_.per_point_;
    data_.loss = f_.options_.loss;
    data_.loss_scale = f_.options_.loss_scale;
    for (std::size_t k = 0; k < in_.inputs.size(); ++k) inputs_.emplace_back(size(in_.points));
    for (const Rows<S>& rows : inputs_) data_.inputs.push_back(rows.data());
    return data_;
  }

  /// The parameters' rows: those that are fitted from the group's trial, the others as they were loaded.
  const S* place_parameters() {
    if (f_.n_ == f_.tape_.parameters) return group_.trial.data();
    for (int k = 0; k < f_.n_; ++k)
      std::memcpy(parameters_[size(in_.active[size(k)])], group_.trial[size(k)], sizeof(S) * lanes<S>);
    return parameters_.data();
  }

  bool next(std::ptrdiff_t& fit) {
    if (at_ == end_) {
      at_ = queue_.next.fetch_add(queue_.chunk);
      end_ = std::min(at_ + queue_.chunk, queue_.count);
      if (at_ >= queue_.count) {
        at_ = end_ = queue_.count;
        return false;
      }
    }
    fit = queue_.list ? (*queue_.list)[size(at_)] : at_;
    ++at_;
    return true;
  }

  /// Loads the next fit that can run into the lane; false when there is none.
  bool refill(int lane) {
    std::ptrdiff_t fit;
    while (next(fit)) {
      if (load(lane, fit)) {
        group_.start(lane);
        return true;
      }
    }
    group_.stop(lane);
    return false;
  }

  bool load(int lane, std::ptrdiff_t fit) {
    fit_[lane] = fit, flags_[lane] = 0, counted_[lane] = in_.points;
    const std::ptrdiff_t n = in_.points;
    S* y = y_.data() + lane;
    const bool missing = read_row(in_.y.type, in_.y.row(fit, in_.shape), in_.y.point_stride, n, y, lanes<S>);
    if (weighted_) {
      load_weights(lane, fit, y);
      if (counted_[lane] == 0) return refuse(lane, fit);
    } else if (missing) {
      incomplete_.push_back(fit);
      return false;
    }
    for (std::size_t k = 0; k < in_.inputs.size(); ++k)
      read_row(in_.inputs[k].type, in_.inputs[k].row(fit, in_.shape), in_.inputs[k].point_stride, n,
               inputs_[k].data() + lane, lanes<S>);
    load_parameters(lane, fit);
    return true;
  }

  void load_weights(int lane, std::ptrdiff_t fit, S* y) {
    const std::ptrdiff_t n = in_.points;
    S* w = weight_.data() + lane;
    if (in_.sigma)
      read_row(in_.sigma.type, in_.sigma.row(fit, in_.shape), in_.sigma.point_stride, n, w, lanes<S>);
    const char* mask = in_.mask ? in_.mask.row(fit, in_.shape) : nullptr;
    std::ptrdiff_t counted = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      S& data = y[i * lanes<S>];
      S& weight = w[i * lanes<S>];
      const bool out = mask && mask[i * in_.mask.point_stride] != 0;
      if (in_.sigma) {
        const bool usable = weight > 0;  // false for NaN
        if (!usable && !out) flags_[lane] |= flag_points_excluded;
        weight = usable ? S(1) / weight : S(0);
      } else {
        weight = 1;
      }
      if (out || data != data) weight = 0;
      if (weight == 0) data = 0;
      counted += weight != 0;
    }
    counted_[lane] = counted;
  }

  void load_parameters(int lane, std::ptrdiff_t fit) {
    const auto row = [&](const BatchArray& a) {
      read_row(a.type, a.row(fit, in_.shape), a.point_stride, f_.tape_.parameters, row_.data(), 1);
      return row_.data();
    };
    if (in_.lower) {
      const S* lower = row(in_.lower);
      for (int k = 0; k < f_.n_; ++k) group_.lower[size(k)][lane] = lower[in_.active[size(k)]];
      const S* upper = row(in_.upper);
      for (int k = 0; k < f_.n_; ++k) group_.upper[size(k)][lane] = upper[in_.active[size(k)]];
    }
    const S* start = row(in_.start);
    for (int k = 0; k < f_.tape_.parameters; ++k) parameters_[size(k)][lane] = start[k];
    for (int k = 0; k < f_.n_; ++k) {
      S value = start[in_.active[size(k)]];
      if (in_.lower)
        value = std::min(std::max(value, group_.lower[size(k)][lane]), group_.upper[size(k)][lane]);
      group_.trial[size(k)][lane] = value;
    }
  }

  /// A fit without data.
  bool refuse(int lane, std::ptrdiff_t fit) {
    constexpr S nan = std::numeric_limits<S>::quiet_NaN();
    load_parameters(lane, fit);
    write_parameters(lane, fit, group_.trial);
    const int p = f_.tape_.parameters;
    std::fill_n(f_.out_.stderr_ + fit * p, p, nan);
    if (f_.out_.covariance) std::fill_n(f_.out_.covariance + fit * packed(f_.n_, 0), packed(f_.n_, 0), nan);
    f_.out_.cost[fit] = 0;
    f_.out_.status[fit] = static_cast<std::int8_t>(Status::singular);
    f_.out_.flags[fit] = static_cast<std::uint8_t>(flags_[lane] | flag_no_freedom | flag_rank_deficient);
    f_.out_.iterations[fit] = 0;
    if (f_.out_.points) f_.out_.points[fit] = 0;
    ++done_;
    return false;
  }

  void write_parameters(int lane, std::ptrdiff_t fit, const Rows<S>& from) {
    const int p = f_.tape_.parameters;
    S* to = f_.out_.parameters + fit * p;
    if (f_.n_ < p)
      for (int k = 0; k < p; ++k) to[k] = parameters_[size(k)][lane];
    for (int k = 0; k < f_.n_; ++k) to[in_.active[size(k)]] = from[size(k)][lane];
  }

  void harvest(int lane) {
    const std::ptrdiff_t fit = fit_[lane];
    const FitOutput<S>& out = f_.out_;
    const auto status = static_cast<std::int8_t>(group_.status[0][lane]);
    write_parameters(lane, fit, group_.x);
    out.cost[fit] = group_.normal.cost[0][lane];
    out.status[fit] = status;
    out.iterations[fit] = static_cast<std::int32_t>(group_.iterations[0][lane]);
    if (out.points) out.points[fit] = static_cast<std::int32_t>(counted_[lane]);
    unsigned flags = flags_[lane];
    if (status == static_cast<std::int8_t>(Status::nonfinite)) flags |= flag_nonfinite_model;
    if (in_.lower)
      for (int k = 0; k < f_.n_; ++k) {
        const S at = group_.x[size(k)][lane];
        if (at <= group_.lower[size(k)][lane] || at >= group_.upper[size(k)][lane]) flags |= flag_at_bound;
      }
    out.flags[fit] = static_cast<std::uint8_t>(flags);
    ++done_;
    covariance_.add({fit, 2 * group_.normal.cost[0][lane], counted_[lane]}, group_.normal.matrix, lane,
                    [&](int k) { return group_.fixed(k, lane); });
    if (covariance_.full()) flush();
  }

  void flush() {
    if (covariance_.empty()) return;
    const int p = f_.tape_.parameters, n = f_.n_;
    covariance_.flush([&](std::ptrdiff_t fit, const S* covariance, const S* errors, unsigned flags) {
      S* error = f_.out_.stderr_ + fit * p;
      if (n < p) std::fill_n(error, p, std::numeric_limits<S>::quiet_NaN());
      for (int u = 0; u < n; ++u) error[in_.active[size(u)]] = errors[u * lanes<S>];
      if (f_.out_.covariance) {
        S* to = f_.out_.covariance + fit * packed(n, 0);
        for (int k = 0; k < packed(n, 0); ++k) to[k] = covariance[k * lanes<S>];
      }
      f_.out_.flags[fit] = static_cast<std::uint8_t>(f_.out_.flags[fit] | flags);
    });
  }

  const Fitter& f_;
  const FitInput& in_;
  Queue& queue_;
  bool weighted_;
  Rows<S> y_, weight_, parameters_;
  std::vector<Rows<S>> inputs_;
  Data<S> data_;
  LaneGroup<S> group_;
  Covariance<S> covariance_;
  Interpreter<S> interpreter_;
  Rows<S> row_;
  std::ptrdiff_t at_ = 0, end_ = 0, done_ = 0;
  std::ptrdiff_t fit_[lanes<S>] = {}, counted_[lanes<S>] = {};
  unsigned flags_[lanes<S>] = {};
  std::vector<std::ptrdiff_t> incomplete_;
};

}  // namespace osculate::batch
