#pragma once
// Fits one model that is a callback to many data sets. Many lanes propose together and are evaluated by one
// call, so that what a call costs is shared; a lane that ends takes the next fit. A callback that several
// threads may run at once is run by all of them, each on its own lanes; another one by the caller's thread
// alone, and so is the rest, which is short beside it: threads that wait for it would only be in the way.

#include "../parallel.hpp"
#include "callback_group.hpp"

namespace osculate::batch {

class CallbackFitter {
 public:
  CallbackFitter(const CallbackModel& model, const FitInput& input, const FitOptions<double>& options,
                 const FitOutput<double>& output)
      : model_(model), in_(input), options_(options), out_(output), fits_(input.fits()) {}

  /// Fits all; false when `poll` ended it. What the callback throws comes out; fits that have ended before
  /// have their results.
  bool run(const Poll& poll) {
    pass(poll, false);
    if (options_.sandwich && !stopped_) pass(poll, true);
    return !stopped_;
  }

 private:
  class Worker;

  void pass(const Poll& poll, bool sandwich);

  const CallbackModel& model_;
  const FitInput& in_;
  const FitOptions<double>& options_;
  const FitOutput<double>& out_;
  std::ptrdiff_t fits_;
  std::atomic<std::ptrdiff_t> next_{0}, done_{0};
  std::atomic<bool> stopped_{false};
};

class CallbackFitter::Worker {
 public:
  Worker(CallbackFitter& fitter, bool sandwich, const Poll* poll)
      : f_(fitter), sandwich_(sandwich), go_on_(poll) {
    const int capacity = CallbackGroup::capacity(f_.in_.points);
    const std::ptrdiff_t fits = std::min(f_.model_.chunk, f_.fits_);
    for (std::ptrdiff_t k = 0; k < std::max<std::ptrdiff_t>(1, (fits + capacity - 1) / capacity); ++k)
      groups_.push_back(std::make_unique<CallbackGroup>(f_.model_, f_.in_, f_.options_, f_.out_));
  }

  void run() {
    try {
      sandwich_ ? sandwiches() : fit();
    } catch (...) {
      for (const auto& group : groups_) group->flush();
      throw;
    }
    for (const auto& group : groups_) group->flush();
  }

 private:
  using Evaluation = std::pair<const double*, std::ptrdiff_t>;  ///< the callback's rows and how many

  void fit() {
    for (const auto& group : groups_)
      for (int lane = 0; lane < group->capacity(); ++lane) refill(*group, lane);
    while (!stopped()) {
      for (const auto& group : groups_) f_.done_ += group->propose([&](int lane) { refill(*group, lane); });
      if (!values(false)) return;
      const auto [slopes, count] = this->slopes();
      for (const auto& group : groups_) {
        group->take_slopes(slopes, count, false);
        f_.done_ += group->judge([&](int lane) { refill(*group, lane); });
      }
    }
  }

  void sandwiches() {
    do {
      for (const auto& group : groups_)
        for (int lane = 0; lane < group->capacity(); ++lane) {
          group->stop(lane);
          if (next(*group, lane)) group->load_result(lane);
        }
      if (!values(true)) return;
      const auto [slopes, count] = this->slopes();
      for (const auto& group : groups_) {
        group->take_slopes(slopes, count, true);
        group->write_sandwiches();
      }
    } while (!stopped());
  }

  /// Values of all lanes; false when there are none at work. Then the rows of derivatives are known.
  bool values(bool all) {
    std::ptrdiff_t count = 0;
    for (const auto& group : groups_) count += group->value_rows();
    if (count == 0) return false;
    const double* values = evaluate(f_.model_.values, 0, count, &CallbackGroup::place_values);
    slope_rows_ = 0;
    for (const auto& group : groups_) {
      group->take_values(values);
      slope_rows_ += group->slope_rows(all);
    }
    return true;
  }

  Evaluation slopes() {
    if (slope_rows_ == 0) return {nullptr, 0};
    const bool exact = static_cast<bool>(f_.model_.jacobian);
    const auto& function = exact ? f_.model_.jacobian : f_.model_.values;
    return {evaluate(function, 1, slope_rows_, &CallbackGroup::place_slopes), slope_rows_};
  }

  template <class Place>
  const double* evaluate(const CallbackModel::Function& function, int scratch, std::ptrdiff_t count,
                         Place place) {
    parameters_.resize(static_cast<std::size_t>(count * f_.model_.parameters));
    fits_.resize(static_cast<std::size_t>(count));
    std::ptrdiff_t row = 0;
    for (const auto& group : groups_)
      row = (group.get()->*place)(row, count, parameters_.data(), fits_.data());
    return function({.count = count, .parameters = parameters_.data(), .fits = fits_.data()},
                    scratch_[scratch]);
  }

  /// Loads the next fit that has data into the lane; false when there is none.
  bool next(CallbackGroup& group, int lane) {
    std::ptrdiff_t fit;
    while ((fit = f_.next_.fetch_add(1)) < f_.fits_) {
      if (group.load(lane, fit)) return true;
      ++f_.done_;
      if (stopped()) break;
    }
    return false;
  }
  void refill(CallbackGroup& group, int lane) { next(group, lane) ? group.start(lane) : group.stop(lane); }

  bool stopped() {
    if (!go_on_([this] { return sandwich_ ? f_.fits_ : f_.done_.load(); })) f_.stopped_ = true;
    return f_.stopped_;
  }

  CallbackFitter& f_;
  bool sandwich_;
  std::vector<std::unique_ptr<CallbackGroup>> groups_;
  std::vector<double> parameters_;
  std::vector<std::ptrdiff_t> fits_;
  std::ptrdiff_t slope_rows_ = 0;
  CallbackScratch scratch_[2];  ///< of values and of slopes: both are needed at a time
  PacedPoll go_on_;
};

inline void CallbackFitter::pass(const Poll& poll, bool sandwich) {
  next_ = 0, done_ = 0;
  const std::ptrdiff_t batches =
      std::max<std::ptrdiff_t>(1, fits_ / std::max<std::ptrdiff_t>(1, model_.chunk));
  const int workers =
      model_.concurrent ? static_cast<int>(std::min<std::ptrdiff_t>(options_.threads, batches)) : 1;
  const auto caller = std::this_thread::get_id();
  parallel_for(workers, workers, [&](Index) {
    const bool polls = poll && std::this_thread::get_id() == caller;
    Worker(*this, sandwich, polls ? &poll : nullptr).run();
  });
}

}  // namespace osculate::batch
