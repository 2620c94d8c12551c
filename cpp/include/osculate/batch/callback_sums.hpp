#pragma once
// Normal equations of a group of lanes from rows of model values that a callback has computed: a row for the
// point itself and one or two for each derivative by differences, or rows of a Jacobian. Tile by tile the
// rows become lanes; weights, losses and sums are those of the tape.

#include <array>

#include "interpreter.hpp"

namespace osculate::batch {

/// Where the values of a group's lanes are, each row one number a point.
struct LaneRows {
  explicit LaneRows(int n)
      : first(static_cast<std::size_t>(n)), second(static_cast<std::size_t>(n)), a(first.size()), b(a) {}

  using Pointers = std::array<const double*, lanes<double>>;
  Pointers value{};                ///< the model
  std::vector<Pointers> first;     ///< for each parameter the model at its first step, or the derivative
  std::vector<Pointers> second{};  ///< at its second step
  bool jacobian = false;           ///< whether `first` holds derivatives
  bool two_steps = false;          ///< whether there are second steps
  std::vector<std::array<double, lanes<double>>> a,
      b;  ///< derivative = a (first - value) + b (second - value)
};

class CallbackSums {
 public:
  /// `spread`: the lanes hold the points of one fit, the first lane's, instead of a fit each; `y` and
  /// `weight` are then padded to whole rows with zeros.
  CallbackSums(int n, std::ptrdiff_t points, bool spread, BatchLoss loss, double loss_scale)
      : n_(n),
        points_(points),
        rows_(spread ? (points + width - 1) / width : points),
        spread_(spread),
        loss_(loss),
        loss_scale_(loss_scale),
        tile_(std::min(rows_, most_rows(n))),
        cells_(static_cast<std::size_t>(tile_ * (n + 5))),
        part_(static_cast<std::size_t>(packed(n + 1, 0))),
        total_(static_cast<std::size_t>(packed(n + 1, 0))) {
    for (int k = 0; k <= n; ++k) columns_.push_back(cell(k));
  }

  /// Rows of lanes that data take.
  std::ptrdiff_t rows() const { return rows_; }

  /// Cost and square alone, into `out`.
  void cost(const LaneRows& from, const double* y, const double* weight, Normal<double>& out) {
    begin(out);
    for (std::ptrdiff_t at = 0; at < rows_; at += tile_) {
      const std::ptrdiff_t n = std::min(tile_, rows_ - at);
      gather(from.value, at, n, values());
      residuals(y, weight, at, n, false, out);
    }
    end(out);
  }

  /// Normal equations, after the same point's cost; `score` as in correct().
  void operator()(const LaneRows& from, const double* y, const double* weight, bool score,
                  Normal<double>& out) {
    const bool kept = rows_ <= tile_ && !score;  // values, residuals, cost and square are still there
    if (!kept) begin(out);
    std::fill_n(out.norms.data(), n_ * width, 0.0);
    for (std::ptrdiff_t at = 0; at < rows_; at += tile_) {
      const std::ptrdiff_t n = std::min(tile_, rows_ - at);
      if (!kept) gather(from.value, at, n, values());
      if (!kept) residuals(y, weight, at, n, score, out);
      for (std::size_t k = 0; k + 1 < columns_.size(); ++k) {
        derivative(from, k, at, n);
        if (robust(loss_)) add_squares(columns_[k + 1], metric(), n, out.norms[k]);
      }
      Rows<double>& gram = at == 0 ? total_ : part_;
      accumulate(columns_.data(), n_ + 1, n, gram.data(), static_cast<double*>(nullptr));
      if (at > 0)
        for (int k = 0; k < packed(n_ + 1, 0) * width; ++k) total_.data()[k] += part_.data()[k];
    }
    if (!kept) end(out);
    for (int k = 0; k < n_ && spread_; ++k) add_lanes(out.norms[static_cast<std::size_t>(k)]);
    const auto place = [&](int u, int v, double* to) {
      double* sum = total_[static_cast<std::size_t>(packed(u, v))];
      if (spread_) add_lanes(sum);
      std::copy_n(sum, width, to);
    };
    for (int u = 0; u < n_; ++u) {
      place(u + 1, 0, out.gradient[static_cast<std::size_t>(u)]);
      for (int v = 0; v <= u; ++v) place(u + 1, v + 1, out.matrix[static_cast<std::size_t>(packed(u, v))]);
    }
  }

 private:
  static constexpr std::ptrdiff_t width = lanes<double>;

  /// Of a tile: it stays in the second-level cache, with the rows that it is read from.
  static std::ptrdiff_t most_rows(int n) {
    constexpr std::ptrdiff_t cache_bytes = 256 * 1024;
    return std::max<std::ptrdiff_t>(4, cache_bytes / ((n + 5) * width * std::ptrdiff_t(sizeof(double))));
  }

  double* cell(int k) { return cells_[static_cast<std::size_t>(k * tile_)]; }

  static void begin(Normal<double>& out) {
    std::fill_n(out.cost[0], width, 0.0);
    std::fill_n(out.square[0], width, 0.0);
  }

  static void add_lanes(double* sums) {
    for (std::ptrdiff_t lane = 1; lane < width; ++lane) sums[0] += sums[lane];
  }

  void end(Normal<double>& out) const {
    if (spread_) add_lanes(out.cost[0]), add_lanes(out.square[0]);
  }

  // Cells: the residuals, a column for each derivative, what scales them, second steps, the values, the
  // metric.
  double* scale() { return cell(n_ + 1); }
  double* second() { return cell(n_ + 2); }
  double* values() { return cell(n_ + 3); }
  double* metric() { return cell(n_ + 4); }

  void residuals(const double* y, const double* weight, std::ptrdiff_t at, std::ptrdiff_t n, bool score,
                 Normal<double>& out) {
    std::copy_n(values(), n * width, cell(0));
    correct(loss_, loss_scale_, n, y + at * width, weight + at * width, false, cell(0), scale(), metric(),
            out.cost[0], out.square[0], score);
  }

  /// Points [at, at + n) of the rows, a number a lane.
  void gather(const LaneRows::Pointers& from, std::ptrdiff_t at, std::ptrdiff_t n, double* to) const {
    if (spread_) {
      const std::ptrdiff_t first = at * width, count = std::min(n * width, points_ - first);
      std::copy_n(from[0] + first, count, to);
      std::fill(to + count, to + n * width, 0.0);  // beyond the data
      return;
    }
    constexpr std::ptrdiff_t w = batch::width<double>;
    std::ptrdiff_t i = 0;
    for (; i + w <= n; i += w)
      for (std::ptrdiff_t lane = 0; lane < width; lane += w) {
        Pack<double> square[w];
        for (std::ptrdiff_t j = 0; j < w; ++j)
          square[j] = Pack<double>::load_unaligned(from[static_cast<std::size_t>(lane + j)] + at + i);
        xsimd::transpose(square, square + w);
        for (std::ptrdiff_t j = 0; j < w; ++j) square[j].store_aligned(to + (i + j) * width + lane);
      }
    for (; i < n; ++i)
      for (std::ptrdiff_t lane = 0; lane < width; ++lane)
        to[i * width + lane] = from[static_cast<std::size_t>(lane)][at + i];
  }

  /// The derivative's column, scaled.
  void derivative(const LaneRows& from, std::size_t k, std::ptrdiff_t at, std::ptrdiff_t n) {
    double* const to = cell(static_cast<int>(k) + 1);
    gather(from.first[k], at, n, to);
    if (!from.jacobian) {
      const double *value = values(), *a = from.a[k].data(), *b = from.b[k].data();
      if (from.two_steps) gather(from.second[k], at, n, second());
      for (std::ptrdiff_t i = 0; i < n * width; i += width)
        for (std::ptrdiff_t lane = 0; lane < width; ++lane) {
          double slope = a[lane] * (to[i + lane] - value[i + lane]);
          if (from.two_steps) slope += b[lane] * (second()[i + lane] - value[i + lane]);
          to[i + lane] = slope;
        }
    }
    scale_column(to, false, scale(), n, to);
  }

  int n_;
  std::ptrdiff_t points_, rows_;
  bool spread_;
  BatchLoss loss_;
  double loss_scale_;
  std::ptrdiff_t tile_;
  Rows<double> cells_, part_, total_;
  std::vector<const double*> columns_;
};

}  // namespace osculate::batch
