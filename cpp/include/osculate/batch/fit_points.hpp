#pragma once
// Fits of many points each: one fit after the other, its points spread over lanes and threads in fixed
// blocks, so that a single fit of ten million points is as fast a point as many small fits. The number of
// points alone decides for this (`many_points`), so that a fit's bits do not depend on its batch.

#include "../parallel.hpp"
#include "exchange.hpp"

namespace osculate::batch {

/// From here on the data of a group of lanes would leave the second-level cache.
inline constexpr std::ptrdiff_t many_points = 8192;

template <class S>
class PointFitter {
 public:
  /// `tape` is compiled for fits with coordinates of their own; input.inputs are what it reads.
  PointFitter(const expr::Tape& tape, const FitInput& input, const FitOptions<S>& options,
              const FitOutput<S>& output)
      : tape_(tape),
        in_(input),
        options_(options),
        n_(static_cast<int>(input.active.size())),
        rows_((input.points + lanes<S> - 1) / lanes<S>),
        y_(size(rows_)),
        weight_(size(rows_)),
        parameters_(size(tape.parameters)),
        group_(n_, lane_options(options, n_), static_cast<bool>(input.lower)),
        exchange_(input, output, tape.parameters, options) {
    for (std::size_t k = 0; k < in_.inputs.size(); ++k) inputs_.emplace_back(size(rows_));
    Data<S> plain{.points = rows_, .y = y_.data(), .loss = options.loss, .loss_scale = options.loss_scale};
    for (const Rows<S>& rows : inputs_) plain.inputs.push_back(rows.data());
    plain_ = plain, weighted_ = plain;
    weighted_.weight = weight_.data();
    score_ = weighted_;
    score_.score = true;
    for (int t = 0; t < options.threads; ++t) {
      normals_.emplace_back(n_);
      plain_run_.push_back(std::make_unique<Interpreter<S>>(tape, plain_));
      weighted_run_.push_back(std::make_unique<Interpreter<S>>(tape, weighted_));
      if (options.sandwich) score_run_.push_back(std::make_unique<Interpreter<S>>(tape, score_));
    }
  }

  /// Fits all; false when `poll` ended it.
  bool run(const Poll& poll) {
    PacedPoll go_on(poll ? &poll : nullptr);
    for (std::ptrdiff_t fit = 0; fit < in_.fits(); ++fit) {
      if (!go_on([&] { return fit; })) return false;
      load(fit);
      if (slot_.points == 0) {
        exchange_.write_no_data(slot_, 0, group_, parameters_);
        continue;
      }
      group_.start(0);
      do {
        if (!go_on([&] { return fit; })) return false;
        if (group_.propose()) break;
        evaluate(has_weights_ ? weighted_run_ : plain_run_, weighted_run_, group_.trial);
      } while (!group_.judge());
      exchange_.write(slot_, 0, group_, parameters_);
      exchange_.flush();
      if (!options_.sandwich) continue;
      evaluate(score_run_, score_run_, group_.x);
      exchange_.write_sandwich(slot_, 0, group_.at_trial.matrix);
    }
    return true;
  }

 private:
  using Runs = std::vector<std::unique_ptr<Interpreter<S>>>;  ///< one a thread
  static constexpr std::ptrdiff_t block_rows = 512;  ///< of a task: enough to be worth a thread's attention
  static constexpr std::ptrdiff_t blocks_per_thread = 4;
  static std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

  void load(std::ptrdiff_t fit) {
    const std::ptrdiff_t end = rows_ * lanes<S>;
    has_weights_ = in_.sigma || in_.mask;
    if (exchange_.load_data(fit, y_.data(), has_weights_ ? weight_.data() : nullptr, 1, slot_) &&
        !has_weights_) {
      has_weights_ = true;
      exchange_.load_data(fit, y_.data(), weight_.data(), 1, slot_);
    }
    if (!has_weights_) std::fill_n(weight_.data(), in_.points, S(1));
    std::fill(y_.data() + in_.points, y_.data() + end, S(0));
    std::fill(weight_.data() + in_.points, weight_.data() + end, S(0));  // beyond the data
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      if (fit > 0 && in_.inputs[k].shared()) continue;
      S* input = inputs_[k].data();
      exchange_.load_input(k, fit, input, 1);
      std::fill(input + in_.points, input + end, input[0]);
    }
    exchange_.load_parameters(fit, 0, group_, parameters_);
    for (int k = 0; k < tape_.parameters; ++k)
      std::fill_n(parameters_[size(k)], lanes<S>, parameters_[size(k)][0]);
  }

  /// Normal equations at the trial point: sums over lanes and blocks in double, in a fixed order. The row
  /// that the data end in is a part of its own, with weights.
  void evaluate(const Runs& runs, const Runs& tail_runs, const Rows<S>& at) {
    for (int k = 0; k < n_; ++k)
      std::fill_n(parameters_[size(in_.active[size(k)])], lanes<S>, at[size(k)][0]);
    const std::ptrdiff_t whole = in_.points / lanes<S>, blocks = (whole + block_rows - 1) / block_rows;
    const std::ptrdiff_t parts = blocks + (whole < rows_);
    const std::size_t triangle = size(packed(n_, 0)), numbers = 2 + 2 * size(n_) + triangle;
    sums_.assign(size(parts) * numbers, 0);
    std::atomic<std::ptrdiff_t> next{0};
    // Waking a thread, on busy processors most of all, costs more than a few blocks.
    const auto threads =
        static_cast<int>(std::clamp<std::ptrdiff_t>(parts / blocks_per_thread, 1, options_.threads));
    parallel_for(threads, threads, [&](Index thread) {
      Normal<S>& normal = normals_[size(thread)];
      for (std::ptrdiff_t part; (part = next.fetch_add(1)) < parts;) {
        const std::ptrdiff_t first = part * block_rows, last = std::min(first + block_rows, whole);
        const bool tail = part == blocks;
        Interpreter<S>& run = *(tail ? tail_runs : runs)[size(thread)];
        tail ? run(parameters_.data(), whole, rows_, normal) : run(parameters_.data(), first, last, normal);
        double* to = sums_.data() + size(part) * numbers;
        add(normal.cost, 1, to);
        add(normal.square, 1, to + 1);
        add(normal.gradient, size(n_), to + 2);
        add(normal.norms, size(n_), to + 2 + n_);
        add(normal.matrix, triangle, to + 2 + 2 * n_);
      }
    });
    for (std::ptrdiff_t part = 1; part < parts; ++part)
      for (std::size_t k = 0; k < numbers; ++k) sums_[k] += sums_[size(part) * numbers + k];
    Normal<S>& there = group_.at_trial;
    there.cost[0][0] = static_cast<S>(sums_[0]);
    there.square[0][0] = static_cast<S>(sums_[1]);
    for (std::size_t k = 0; k < size(n_); ++k) there.gradient[k][0] = static_cast<S>(sums_[2 + k]);
    for (std::size_t k = 0; k < size(n_); ++k) there.norms[k][0] = static_cast<S>(sums_[2 + size(n_) + k]);
    for (std::size_t k = 0; k < triangle; ++k)
      there.matrix[k][0] = static_cast<S>(sums_[2 + 2 * size(n_) + k]);
  }

  static void add(const Rows<S>& rows, std::size_t count, double* to) {
    for (std::size_t k = 0; k < count; ++k)
      for (int lane = 0; lane < lanes<S>; ++lane) to[k] += double(rows[k][lane]);
  }

  const expr::Tape& tape_;
  const FitInput& in_;
  const FitOptions<S>& options_;
  int n_;
  std::ptrdiff_t rows_;
  Rows<S> y_, weight_, parameters_;
  std::vector<Rows<S>> inputs_;
  LaneGroup<S> group_;
  Exchange<S> exchange_;
  Data<S> plain_, weighted_, score_;
  Runs plain_run_, weighted_run_, score_run_;
  std::vector<Normal<S>> normals_;  ///< one a thread
  std::vector<double> sums_;
  Slot slot_;
  bool has_weights_ = false;
};

}  // namespace osculate::batch
