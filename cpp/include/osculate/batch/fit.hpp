#pragma once
// Fits one model to many data sets: every worker runs a group of lanes, and a lane that ends takes the next
// fit, so that no lane waits for a slow neighbour. What a fit gives does not depend on its lane, on its
// neighbours or on the number of threads. Fits with missing points (NaN) go through a second round with
// weights.

#include <bit>
#include <mutex>
#include <tuple>

#include "../parallel.hpp"
#include "sandwich.hpp"

namespace osculate::batch {

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
        fits_(input.fits()) {}

  /// Fits all; false when `poll` ended it.
  bool run(const Poll& poll) {
    if (!fit_all(poll)) return false;
    return !options_.sandwich || Sandwich<S>(tape_, per_point_, in_, options_, out_).run(poll);
  }

 private:
  struct Queue {
    const std::vector<std::ptrdiff_t>* list;
    std::ptrdiff_t count;
    int threads;
    std::vector<std::ptrdiff_t>* incomplete;
    std::mutex guard{};
    std::atomic<bool> stopped{false};
    // on cache lines of their own: `stopped` is read often
    alignas(alignment) std::atomic<std::ptrdiff_t> next{0};
    alignas(alignment) std::atomic<std::ptrdiff_t> done{0};

    /// Takes fits [first, last), none when all are taken. Long runs, since a dozen arrays are read and
    /// written along, and shorter ones towards the end, so that all threads end together.
    std::pair<std::ptrdiff_t, std::ptrdiff_t> take() {
      constexpr std::ptrdiff_t most = 8192;
      std::ptrdiff_t first = next.load(std::memory_order_relaxed), last;
      do last = first + std::clamp<std::ptrdiff_t>((count - first) / (4 * threads), 1, most);
      while (first < count && !next.compare_exchange_weak(first, last));
      return {std::min(first, count), std::min(last, count)};
    }
  };

  class Worker;

  bool fit_all(const Poll& poll) {
    if (in_.sigma || in_.mask) return round(nullptr, true, nullptr, poll);
    std::vector<std::ptrdiff_t> incomplete;
    if (!round(nullptr, false, &incomplete, poll)) return false;
    if (incomplete.empty()) return true;
    std::sort(incomplete.begin(), incomplete.end());
    return round(&incomplete, true, nullptr, poll);
  }

  bool round(const std::vector<std::ptrdiff_t>* list, bool weighted, std::vector<std::ptrdiff_t>* incomplete,
             const Poll& poll) {
    Queue queue{.list = list,
                .count = list ? static_cast<std::ptrdiff_t>(list->size()) : fits_,
                .threads = options_.threads,
                .incomplete = incomplete};
    const auto caller = std::this_thread::get_id();
    // A thread is worth starting from one group of lanes on.
    const auto most =
        static_cast<int>(std::min<std::ptrdiff_t>(options_.threads, (queue.count + lanes<S> - 1) / lanes<S>));
    parallel_for(most, most, [&](Index) {
      const bool polls = poll && std::this_thread::get_id() == caller;
      Worker(*this, queue, weighted, polls ? &poll : nullptr).run();
    });
    finished_ += queue.done;
    return !queue.stopped;
  }

  const expr::Tape& tape_;
  std::vector<const S*> per_point_;
  const FitInput& in_;
  const FitOptions<S>& options_;
  const FitOutput<S>& out_;
  std::ptrdiff_t fits_, finished_ = 0;
};

/// One thread's lanes.
template <class S>
class Fitter<S>::Worker {
 public:
  Worker(const Fitter& fitter, Queue& queue, bool weighted, const Poll* poll)
      : f_(fitter),
        in_(fitter.in_),
        queue_(queue),
        n_(static_cast<int>(fitter.in_.active.size())),
        weighted_(weighted),
        y_(size(in_.points)),
        weight_(weighted ? size(in_.points) : 0),
        parameters_(size(fitter.tape_.parameters)),
        group_(n_, lane_options(fitter.options_, n_), static_cast<bool>(in_.lower)),
        exchange_(in_, fitter.out_, fitter.tape_.parameters, fitter.options_),
        interpreter_(fitter.tape_, prepare()),
        go_on_(poll) {}

  void run() {
    bool any = false;
    for (int lane = 0; lane < lanes<S>; ++lane) any = refill(lane) || any;
    while (any && !stopped()) {
      if (group_.propose() && !turn_over()) break;
      interpreter_(place_parameters(), group_.at_trial);
      if (group_.judge()) any = turn_over();
    }
    exchange_.flush();
    queue_.done += std::exchange(done_, 0);
    if (queue_.incomplete && !incomplete_.empty()) {
      const std::lock_guard lock(queue_.guard);
      queue_.incomplete->insert(queue_.incomplete->end(), incomplete_.begin(), incomplete_.end());
    }
  }

 private:
  static std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

  bool stopped() {
    constexpr int rounds = 16;  // the clock is worth a hundredth of one
    if (rounds_++ % rounds == 0 &&
        !go_on_([this] { return f_.finished_ + (queue_.done += std::exchange(done_, 0)); }))
      queue_.stopped = true;
    return queue_.stopped.load(std::memory_order_relaxed);
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
    if (n_ == f_.tape_.parameters) return group_.trial.data();
    for (int k = 0; k < n_; ++k)
      std::memcpy(parameters_[size(in_.active[size(k)])], group_.trial[size(k)], sizeof(S) * lanes<S>);
    return parameters_.data();
  }

  /// Writes what has ended and fills its lanes; false when nothing is left to do.
  bool turn_over() {
    for (std::uint32_t left = group_.ended(); left != 0; left &= left - 1) {
      const int lane = std::countr_zero(left);
      exchange_.write(slots_[lane], lane, group_, parameters_);
      ++done_;
      refill(lane);
    }
    return group_.any_active();
  }

  bool next(std::ptrdiff_t& fit) {
    if (at_ == end_) {
      std::tie(at_, end_) = queue_.take();
      if (at_ == end_) return false;
    }
    fit = queue_.list ? (*queue_.list)[size(at_)] : at_;
    ++at_;
    const std::ptrdiff_t soon = at_ + lanes<S> / 4;  // about as many as end in a round
    if (soon < end_) exchange_.prefetch(queue_.list ? (*queue_.list)[size(soon)] : soon);
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
      if (stopped()) break;
    }
    group_.stop(lane);
    return false;
  }

  bool load(int lane, std::ptrdiff_t fit) {
    S* weight = weighted_ ? weight_.data() + lane : nullptr;
    if (exchange_.load_data(fit, y_.data() + lane, weight, lanes<S>, slots_[lane]) && !weighted_) {
      incomplete_.push_back(fit);
      return false;
    }
    exchange_.load_parameters(fit, lane, group_, parameters_);
    if (slots_[lane].points == 0) {
      exchange_.write_no_data(slots_[lane], lane, group_, parameters_);
      ++done_;
      return false;
    }
    for (std::size_t k = 0; k < inputs_.size(); ++k)
      exchange_.load_input(k, fit, inputs_[k].data() + lane, lanes<S>);
    return true;
  }

  const Fitter& f_;
  const FitInput& in_;
  Queue& queue_;
  int n_;
  bool weighted_;
  Rows<S> y_, weight_, parameters_;
  std::vector<Rows<S>> inputs_;
  Data<S> data_;
  LaneGroup<S> group_;
  Exchange<S> exchange_;
  Interpreter<S> interpreter_;
  PacedPoll go_on_;
  Slot slots_[lanes<S>];
  unsigned rounds_ = 0;
  std::ptrdiff_t at_ = 0, end_ = 0, done_ = 0;
  std::vector<std::ptrdiff_t> incomplete_;
};

}  // namespace osculate::batch
