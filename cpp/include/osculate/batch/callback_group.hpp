#pragma once
// Lanes whose model is a callback. A round of all groups is
//   propose() | place_values, evaluate, take_values | place_slopes, evaluate, take_slopes -> lanes that ended
// Derivatives are asked for only where the step is not refused for its cost already.

#include <bit>

#include "callback_model.hpp"
#include "callback_sums.hpp"
#include "exchange.hpp"
#include "fit_points.hpp"

namespace osculate::batch {

class CallbackGroup {
 public:
  CallbackGroup(const CallbackModel& model, const FitInput& input, const FitOptions<double>& options,
                const FitOutput<double>& output)
      : model_(model),
        in_(input),
        n_(static_cast<int>(input.active.size())),
        spread_(input.points >= many_points),
        lanes_(n_, lane_options(options, n_), static_cast<bool>(input.lower)),
        exchange_(input, output, model.parameters, options),
        sums_(n_, input.points, spread_, options.loss, options.loss_scale),
        rows_(n_),
        parameters_(size(model.parameters)),
        y_(size(sums_.rows())),
        weight_(size(sums_.rows())),
        steps_(size(n_)) {
    rows_.jacobian = static_cast<bool>(model.jacobian);
    rows_.two_steps = !model.jacobian && model.difference == Difference::three_point;
    rows_.second.resize(rows_.first.size());
  }

  /// Fits at a time; the others of the lanes stay empty.
  static int capacity(std::ptrdiff_t points) { return points >= many_points ? 1 : lanes<double>; }
  int capacity() const { return capacity(in_.points); }

  /// Gives a lane a fit; false where it has no data, and its results are written.
  bool load(int lane, std::ptrdiff_t fit) {
    Slot& slot = slots_[lane];
    exchange_.load_data(fit, y_.data() + lane, weight_.data() + lane, spread_ ? 1 : lanes<double>, slot);
    exchange_.load_parameters(fit, lane, lanes_, parameters_);
    if (slot.points == 0) exchange_.write_no_data(slot, lane, lanes_, parameters_);
    return slot.points > 0;
  }
  void start(int lane) { lanes_.start(lane); }
  void stop(int lane) { lanes_.stop(lane); }

  /// The lane's point becomes what its fit has ended at.
  void load_result(int lane) {
    exchange_.load_result(slots_[lane].fit, lane, parameters_);
    for (int k = 0; k < n_; ++k) lanes_.trial[size(k)][lane] = parameters_[size(in_.active[size(k)])][lane];
    lanes_.active[0][lane] = 1;
  }

  /// As judge(), of lanes whose last step needs no evaluation.
  template <class Refill>
  int propose(Refill&& refill) {
    return lanes_.propose() ? turn_over(refill) : 0;
  }

  /// How many rows the values take: one for each lane that is at work.
  std::ptrdiff_t value_rows() {
    at_work_.clear();
    for (int lane = 0; lane < capacity(); ++lane)
      if (lanes_.active[0][lane] != 0) at_work_.push_back(lane);
    return std::ssize(at_work_);
  }

  /// Writes the rows from `first` on, of `count` ones; returns what comes after them.
  std::ptrdiff_t place_values(std::ptrdiff_t first, std::ptrdiff_t count, double* parameters,
                              std::ptrdiff_t* fits) {
    first_ = first;
    for (const int lane : at_work_) place_row(lane, first++, count, parameters, fits);
    return first;
  }

  /// Reads the values, a row of each, and the cost where it may refuse a step.
  void take_values(const double* values) {
    for (const int lane : at_work_) rows_.value[size(lane)] = values + in_.points * first_++;
    if (at_work_.empty()) return;
    fill_idle(rows_.value);
    sums_.cost(rows_, y_.data(), weight_.data(), lanes_.at_trial);
  }

  /// How many rows the derivatives take: those of all lanes, or of those that may go where they look.
  std::ptrdiff_t slope_rows(bool all) {
    wanted_.clear();
    for (const int lane : at_work_)
      if (all || !lanes_.refuses(lane)) wanted_.push_back(lane);
    if (rows_.jacobian) return std::ssize(wanted_);
    for (const int lane : wanted_) choose_steps(lane);
    return std::ssize(wanted_) * n_ * (rows_.two_steps ? 2 : 1);
  }

  std::ptrdiff_t place_slopes(std::ptrdiff_t first, std::ptrdiff_t count, double* parameters,
                              std::ptrdiff_t* fits) {
    first_ = first;
    for (const int lane : wanted_) {
      if (rows_.jacobian) {
        place_row(lane, first++, count, parameters, fits);
        continue;
      }
      const auto moved = [&](int k, double step) {
        place_row(lane, first, count, parameters, fits);
        parameters[in_.active[size(k)] * count + first++] += step;
      };
      for (int k = 0; k < n_; ++k) {
        moved(k, steps_[size(k)][size(lane)].first);
        if (rows_.two_steps) moved(k, steps_[size(k)][size(lane)].second);
      }
    }
    return first;
  }

  /// Normal equations from the rows, of which there are `count`; `score` as in correct().
  void take_slopes(const double* slopes, std::ptrdiff_t count, bool score) {
    if (wanted_.empty()) return;
    for (const int lane : wanted_)
      for (int k = 0; k < n_; ++k) {
        const std::ptrdiff_t row = rows_.jacobian ? in_.active[size(k)] * count + first_ : first_++;
        rows_.first[size(k)][size(lane)] = slopes + in_.points * row;
        if (rows_.two_steps) rows_.second[size(k)][size(lane)] = slopes + in_.points * first_++;
        if (rows_.jacobian && k + 1 == n_) ++first_;
      }
    for (int k = 0; k < n_; ++k) {
      fill_idle(rows_.first[size(k)], wanted_.front());
      if (rows_.two_steps) fill_idle(rows_.second[size(k)], wanted_.front());
    }
    sums_(rows_, y_.data(), weight_.data(), score, lanes_.at_trial);
  }

  /// Judges the step and calls `refill(lane)`, which loads the next fit or stops the lane, for those that
  /// have ended; returns how many have.
  template <class Refill>
  int judge(Refill&& refill) {
    return !at_work_.empty() && lanes_.judge() ? turn_over(refill) : 0;
  }

  /// Covariances from the scores of the points, where the lanes' fits have ended.
  void write_sandwiches() {
    for (const int lane : wanted_) exchange_.write_sandwich(slots_[lane], lane, lanes_.at_trial.matrix);
  }

  /// Writes what waits to be written.
  void flush() { exchange_.flush(); }

 private:
  static std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

  template <class Refill>
  int turn_over(Refill&& refill) {
    const std::uint32_t ended = lanes_.ended();
    for (std::uint32_t left = ended; left != 0; left &= left - 1) {
      const int lane = std::countr_zero(left);
      exchange_.write(slots_[lane], lane, lanes_, parameters_);
      refill(lane);
    }
    return std::popcount(ended);
  }

  void place_row(int lane, std::ptrdiff_t row, std::ptrdiff_t count, double* parameters,
                 std::ptrdiff_t* fits) const {
    fits[row] = slots_[lane].fit;
    if (n_ < model_.parameters)
      for (int k = 0; k < model_.parameters; ++k) parameters[k * count + row] = parameters_[size(k)][lane];
    for (int k = 0; k < n_; ++k) parameters[in_.active[size(k)] * count + row] = lanes_.trial[size(k)][lane];
  }

  void choose_steps(int lane) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double relative = relative_step(model_.difference, model_.epsilon);
    for (int k = 0; k < n_; ++k) {
      const double x = lanes_.trial[size(k)][lane], scale = x == 0 ? 1 : std::abs(x);
      const DifferenceStep<double> s = difference_step(model_.difference, relative * scale, x,
                                                       in_.lower ? lanes_.lower[size(k)][lane] : -infinity,
                                                       in_.lower ? lanes_.upper[size(k)][lane] : infinity);
      steps_[size(k)][size(lane)] = s;
      double a = 0, b = 0;
      if (s.first != 0 && rows_.two_steps && s.second != s.first) {  // Lagrange through 0, first and second
        a = s.second / (s.first * (s.second - s.first));
        b = -s.first / (s.second * (s.second - s.first));
      } else if (s.first != 0) {
        a = 1 / s.first;
      }
      std::array<double, lanes<double>>&all_a = rows_.a[size(k)], &all_b = rows_.b[size(k)];
      all_a[size(lane)] = a, all_b[size(lane)] = b;
      if (spread_) all_a.fill(a), all_b.fill(b);
    }
  }

  /// Lanes that have no row read another's: whatever they compute is not used.
  void fill_idle(LaneRows::Pointers& pointers) const { fill_idle(pointers, at_work_.front(), at_work_); }
  void fill_idle(LaneRows::Pointers& pointers, int lane) const { fill_idle(pointers, lane, wanted_); }
  static void fill_idle(LaneRows::Pointers& pointers, int from, const std::vector<int>& busy) {
    const double* row = pointers[size(from)];
    std::size_t next = 0;
    for (int lane = 0; lane < lanes<double>; ++lane) {
      if (next < busy.size() && busy[next] == lane)
        ++next;
      else
        pointers[size(lane)] = row;
    }
  }

  const CallbackModel& model_;
  const FitInput& in_;
  int n_;
  bool spread_;  ///< one fit whose points are spread over the lanes
  LaneGroup<double> lanes_;
  Exchange<double> exchange_;
  CallbackSums sums_;
  LaneRows rows_;
  Rows<double> parameters_, y_, weight_;
  std::vector<std::array<DifferenceStep<double>, lanes<double>>> steps_;
  Slot slots_[lanes<double>];
  std::vector<int> at_work_, wanted_;  ///< lanes with a fit, and those of them whose derivatives are wanted
  std::ptrdiff_t first_ = 0;           ///< row of the next lane
};

}  // namespace osculate::batch
