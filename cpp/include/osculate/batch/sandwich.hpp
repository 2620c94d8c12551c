#pragma once
// Covariances of robust fits: C = H^-1 M H^-1 with H the curvature of the loss and M the sum of the squares
// of the points' gradients (Huber, Proc. Fifth Berkeley Symposium 1, 1967; White, Econometrica 50, 1982). It
// needs no assumption on the scatter, where s^2 H^-1 takes all points for equally scattered. One more
// evaluation a fit, after all have ended.

#include <thread>

#include "../parallel.hpp"
#include "exchange.hpp"

namespace osculate::batch {

template <class S>
class Sandwich {
 public:
  Sandwich(const expr::Tape& tape, const std::vector<const S*>& per_point, const FitInput& input,
           const FitOptions<S>& options, const FitOutput<S>& output)
      : tape_(tape), per_point_(per_point), in_(input), options_(options), out_(output) {}

  /// Writes all; false when `poll` ended it: fits that are left keep NaN as errors.
  bool run(const Poll& poll) {
    const std::ptrdiff_t groups = (in_.fits() + lanes<S> - 1) / lanes<S>;
    const auto most = static_cast<int>(std::min<std::ptrdiff_t>(options_.threads, groups));
    const auto caller = std::this_thread::get_id();
    std::atomic<std::ptrdiff_t> next{0};
    std::atomic<bool> stopped{false};
    parallel_for(most, most, [&](Index) {
      const int n = static_cast<int>(in_.active.size());
      Rows<S> y(size(in_.points)), weight(size(in_.points)), parameters(size(tape_.parameters));
      std::vector<Rows<S>> inputs;
      Data<S> data{.points = in_.points,
                   .per_point = per_point_,
                   .y = y.data(),
                   .weight = weight.data(),
                   .loss = options_.loss,
                   .loss_scale = options_.loss_scale,
                   .score = true};
      for (std::size_t k = 0; k < in_.inputs.size(); ++k) inputs.emplace_back(size(in_.points));
      for (const Rows<S>& rows : inputs) data.inputs.push_back(rows.data());
      Interpreter<S> interpreter(tape_, data);
      Exchange<S> exchange(in_, out_, tape_.parameters, options_);
      Normal<S> normal(n);
      Slot slots[lanes<S>];
      PacedPoll go_on(poll && std::this_thread::get_id() == caller ? &poll : nullptr);
      for (std::ptrdiff_t group; !stopped && (group = next.fetch_add(1)) < groups;) {
        const std::ptrdiff_t first = group * lanes<S>,
                             last = std::min<std::ptrdiff_t>(first + lanes<S>, in_.fits());
        for (std::ptrdiff_t fit = first; fit < last; ++fit) {
          const int lane = static_cast<int>(fit - first);
          exchange.load_data(fit, y.data() + lane, weight.data() + lane, lanes<S>, slots[lane]);
          for (std::size_t k = 0; k < inputs.size(); ++k)
            exchange.load_input(k, fit, inputs[k].data() + lane, lanes<S>);
          exchange.load_result(fit, lane, parameters);
        }
        interpreter(parameters.data(), normal);
        for (std::ptrdiff_t fit = first; fit < last; ++fit) {
          const int lane = static_cast<int>(fit - first);
          if (slots[lane].points > 0) exchange.write_sandwich(slots[lane], lane, normal.matrix);
        }
        if (!go_on([&] { return in_.fits(); })) stopped = true;
      }
    });
    return !stopped;
  }

 private:
  static std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

  const expr::Tape& tape_;
  const std::vector<const S*>& per_point_;
  const FitInput& in_;
  const FitOptions<S>& options_;
  const FitOutput<S>& out_;
};

}  // namespace osculate::batch
