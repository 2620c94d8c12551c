#pragma once
// Between a call's arrays and the lanes: loads a fit's data, weights, start and bounds, and writes its
// results.

#include "covariance.hpp"
#include "request.hpp"

namespace osculate::batch {

/// The fit that a lane has.
struct Slot {
  std::ptrdiff_t fit = 0;
  std::ptrdiff_t points = 0;  ///< that count
  unsigned flags = 0;
};

template <class S>
class Exchange {
 public:
  /// A model of `parameters` parameters, of which input.active are fitted.
  Exchange(const FitInput& input, const FitOutput<S>& output, int parameters, const FitOptions<S>& options)
      : in_(input),
        out_(output),
        p_(parameters),
        n_(static_cast<int>(input.active.size())),
        sandwich_(options.sandwich),
        covariance_(n_),
        row_(size(parameters)) {
    covariance_.absolute = options.absolute_sigma || sandwich_;
  }

  /// Reads the data of a fit to y[0], y[step], ..., and with `weight` what 1 / sigma is there: 0 where a
  /// point does not count. True when numbers of y are missing.
  bool load_data(std::ptrdiff_t fit, S* y, S* weight, std::ptrdiff_t step, Slot& slot) const {
    slot = {.fit = fit, .points = in_.points};
    const bool missing = read(in_.y, fit, in_.points, y, step);
    if (weight) load_weights(y, weight, step, slot);
    return missing;
  }

  /// Fetches the first of a fit's data and the places of its results into the cache while others are worked
  /// on. Inlined: gcc takes a call that only prefetches for one without effects and drops it.
  XSIMD_INLINE void prefetch(std::ptrdiff_t fit) const {
    constexpr std::ptrdiff_t line = 64, most = 4096;
    const char* y = in_.y.row(fit, in_.shape);
    const std::ptrdiff_t bytes = std::min(most, in_.y.point_stride * in_.points);
    for (std::ptrdiff_t i = 0; i < bytes; i += line) __builtin_prefetch(y + i, 0, 3);
    __builtin_prefetch(in_.start.row(fit, in_.shape));
    __builtin_prefetch(out_.parameters + fit * p_, 1, 2);
    __builtin_prefetch(out_.stderr_ + fit * p_, 1, 2);
    if (out_.covariance) {
      S* first = out_.covariance + fit * packed(n_, 0);
      __builtin_prefetch(first, 1, 2);
      __builtin_prefetch(first + packed(n_, 0) - 1, 1, 2);
    }
  }

  /// Reads the coordinates of a fit that has its own.
  void load_input(std::size_t k, std::ptrdiff_t fit, S* to, std::ptrdiff_t step) const {
    read(in_.inputs[k], fit, in_.points, to, step);
  }

  /// Start and bounds of a fit into a lane; `all` gets the start of every parameter, a row each.
  void load_parameters(std::ptrdiff_t fit, int lane, LaneGroup<S>& group, Rows<S>& all) {
    const auto row = [&](const BatchArray& a) {
      read(a, fit, p_, row_.data(), 1);
      return row_.data();
    };
    if (in_.lower) {
      const S* lower = row(in_.lower);
      for (int k = 0; k < n_; ++k) group.lower[size(k)][lane] = lower[in_.active[size(k)]];
      const S* upper = row(in_.upper);
      for (int k = 0; k < n_; ++k) group.upper[size(k)][lane] = upper[in_.active[size(k)]];
    }
    const S* start = row(in_.start);
    for (int k = 0; k < p_; ++k) all[size(k)][lane] = start[k];
    for (int k = 0; k < n_; ++k) {
      S value = start[in_.active[size(k)]];
      if (in_.lower)
        value = std::min(std::max(value, group.lower[size(k)][lane]), group.upper[size(k)][lane]);
      group.trial[size(k)][lane] = value;
    }
  }

  /// The results of a fit without data.
  void write_no_data(const Slot& slot, int lane, const LaneGroup<S>& group, const Rows<S>& all) {
    constexpr S nan = std::numeric_limits<S>::quiet_NaN();
    const std::ptrdiff_t fit = slot.fit;
    write_parameters(fit, lane, group.trial, all);
    std::fill_n(out_.stderr_ + fit * p_, p_, nan);
    if (out_.covariance) std::fill_n(out_.covariance + fit * packed(n_, 0), packed(n_, 0), nan);
    out_.cost[fit] = 0;
    if (out_.redchi) out_.redchi[fit] = nan;
    out_.status[fit] = static_cast<std::int8_t>(Status::singular);
    out_.flags[fit] = static_cast<std::uint8_t>(slot.flags | flag_no_freedom | flag_rank_deficient);
    out_.iterations[fit] = 0;
    if (out_.points) out_.points[fit] = 0;
  }

  /// The results of a fit that has ended; errors and covariances follow when enough of them have come
  /// together.
  void write(const Slot& slot, int lane, const LaneGroup<S>& group, const Rows<S>& all) {
    const std::ptrdiff_t fit = slot.fit;
    const auto status = static_cast<std::int8_t>(group.status[0][lane]);
    write_parameters(fit, lane, group.x, all);
    out_.cost[fit] = group.normal.cost[0][lane];
    out_.status[fit] = status;
    out_.iterations[fit] = static_cast<std::int32_t>(group.iterations[0][lane]);
    if (out_.points) out_.points[fit] = static_cast<std::int32_t>(slot.points);
    unsigned flags = slot.flags;
    if (status == static_cast<std::int8_t>(Status::nonfinite)) flags |= flag_nonfinite_model;
    if (in_.lower)
      for (int k = 0; k < n_; ++k) {
        const S at = group.x[size(k)][lane];
        if (at <= group.lower[size(k)][lane] || at >= group.upper[size(k)][lane]) flags |= flag_at_bound;
      }
    out_.flags[fit] = static_cast<std::uint8_t>(flags);
    covariance_.add({fit, 2 * group.normal.cost[0][lane], slot.points}, group.normal.matrix, lane,
                    group.all_free(), [&](int k) { return group.fixed(k, lane); });
    if (covariance_.full()) flush();
  }

  /// Parameters of a fit that has ended, as `load_parameters` gave its start.
  void load_result(std::ptrdiff_t fit, int lane, Rows<S>& all) const {
    for (int k = 0; k < p_; ++k) all[size(k)][lane] = out_.parameters[fit * p_ + k];
  }

  /// Turns the inverse H^-1 of the curvature, which the output has as covariance, into the sandwich
  /// H^-1 M H^-1 times points / (points - free parameters), with M the sum of the squares of the points'
  /// gradients.
  void write_sandwich(const Slot& slot, int lane, const Rows<S>& matrix) {
    S* packed_inverse = out_.covariance + slot.fit * packed(n_, 0);
    std::vector<int> free;
    for (int k = 0; k < n_; ++k)
      if (packed_inverse[packed(k, k)] == packed_inverse[packed(k, k)]) free.push_back(k);  // not NaN
    const auto m = static_cast<Eigen::Index>(free.size());
    Matrix<double> inverse(m, m), middle(m, m);
    for (Eigen::Index i = 0; i < m; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) {
        const int k = packed(free[size(i)], free[size(j)]);
        inverse(i, j) = inverse(j, i) = double(packed_inverse[k]);
        middle(i, j) = middle(j, i) = double(matrix[size(k)][lane]);
      }
    const double freedom = double(slot.points - m);
    const double factor =
        freedom > 0 ? double(slot.points) / freedom : std::numeric_limits<double>::quiet_NaN();
    const Matrix<double> covariance = factor * (inverse * middle * inverse);
    for (Eigen::Index i = 0; i < m; ++i) {
      for (Eigen::Index j = 0; j <= i; ++j)
        packed_inverse[packed(free[size(i)], free[size(j)])] = static_cast<S>(covariance(i, j));
      out_.stderr_[slot.fit * p_ + in_.active[size(free[size(i)])]] =
          static_cast<S>(std::sqrt(covariance(i, i)));
    }
  }

  /// Writes the errors and covariances that are waiting; where a sandwich follows, NaN and H^-1.
  void flush() {
    if (covariance_.empty()) return;
    constexpr S nan = std::numeric_limits<S>::quiet_NaN();
    const auto write = [&](std::ptrdiff_t fit, const S* covariance, const S* errors, S redchi,
                           unsigned flags) {
      S* error = out_.stderr_ + fit * p_;
      if (n_ < p_ || sandwich_) std::fill_n(error, p_, nan);
      for (int u = 0; u < n_ && !sandwich_; ++u) error[in_.active[size(u)]] = errors[u * lanes<S>];
      if (out_.covariance) {
        S* to = out_.covariance + fit * packed(n_, 0);
        for (int k = 0; k < packed(n_, 0); ++k) to[k] = covariance[k * lanes<S>];
      }
      if (out_.redchi) out_.redchi[fit] = redchi;
      out_.flags[fit] = static_cast<std::uint8_t>(out_.flags[fit] | flags);
    };
    covariance_.flush(write);
  }

 private:
  static std::size_t size(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

  bool read(const BatchArray& a, std::ptrdiff_t fit, std::ptrdiff_t n, S* to, std::ptrdiff_t step) const {
    return read_row(a.type, a.row(fit, in_.shape), a.point_stride, n, to, step);
  }

  void load_weights(S* y, S* w, std::ptrdiff_t step, Slot& slot) const {
    if (in_.sigma) read(in_.sigma, slot.fit, in_.points, w, step);
    const char* mask = in_.mask ? in_.mask.row(slot.fit, in_.shape) : nullptr;
    slot.points = 0;
    for (std::ptrdiff_t i = 0; i < in_.points; ++i) {
      S& data = y[i * step];
      S& weight = w[i * step];
      const bool out = mask && mask[i * in_.mask.point_stride] != 0;
      if (in_.sigma) {
        const bool usable = weight > 0;  // false for NaN
        if (!usable && !out) slot.flags |= flag_points_excluded;
        weight = usable ? S(1) / weight : S(0);
      } else {
        weight = 1;
      }
      if (out || data != data) weight = 0;
      if (weight == 0) data = 0;
      slot.points += weight != 0;
    }
  }

  void write_parameters(std::ptrdiff_t fit, int lane, const Rows<S>& from, const Rows<S>& all) {
    S* to = out_.parameters + fit * p_;
    if (n_ < p_)
      for (int k = 0; k < p_; ++k) to[k] = all[size(k)][lane];
    for (int k = 0; k < n_; ++k) to[in_.active[size(k)]] = from[size(k)][lane];
  }

  const FitInput& in_;
  const FitOutput<S>& out_;
  int p_, n_;
  bool sandwich_;
  Covariance<S> covariance_;
  std::vector<S> row_;
};

}  // namespace osculate::batch
