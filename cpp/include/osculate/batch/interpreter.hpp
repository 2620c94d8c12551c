#pragma once
// Runs a tape over tiles of points and lanes and sums up the normal equations: cost, J'r and J'J for every
// lane. A tile is as long as fits the first-level cache with everything it needs.

#include "../expr/tape.hpp"
#include "accumulate.hpp"
#include "products.hpp"
#include "registers.hpp"

namespace osculate::batch {

template <class S>
class Interpreter {
 public:
  Interpreter(const expr::Tape& tape, const Data<S>& data)
      : tape_(tape), data_(data), registers_(tape, data), lane_code_(registers_.bind(tape.lane_code)) {
    plan();
    const int most = tape.cell_registers + static_cast<int>(buffered_.size());
    tile_ = tile_points(data.points, most + 2 + data.robust());
    registers_.make_cells(most + 1 + data.robust(), tile_);
    cell_code_ = registers_.bind(tape.cell_code);
    cell_code_.resize(cell_code_.size() - products_.size());
    place_columns();
    const auto count = columns_.size();
    const std::size_t rows = count * (count + 1) / 2 + count;
    part_ = Rows<S>(rows), total_ = Rows<S>(rows), lost_ = Rows<S>(rows), norms_ = Rows<S>(count);
  }

  /// Evaluates the model at `parameters` (a row each) at all points.
  void operator()(const S* parameters, Normal<S>& out) { (*this)(parameters, 0, data_.points, out); }

  /// At the points [first, last) alone.
  void operator()(const S* parameters, std::ptrdiff_t first, std::ptrdiff_t last, Normal<S>& out) {
    set_parameters(parameters);
    begin();
    for (std::ptrdiff_t offset = first; offset < last; offset += tile_)
      tile(offset, std::min(tile_, last - offset));
    summed_ = last - first;
    finish(out);
  }

  /// The model's values at all points, into a number a point and lane.
  void values(const S* parameters, S* to) {
    set_parameters(parameters);
    for (std::ptrdiff_t offset = 0; offset < data_.points; offset += tile_) {
      const std::ptrdiff_t n = std::min(tile_, data_.points - offset);
      for (const Bound<S>& q : cell_code_) q.run(q, offset, n);
      std::memcpy(to + offset * lanes<S>, registers_.cell(tape_.value.index),
                  sizeof(S) * static_cast<std::size_t>(n) * lanes<S>);
    }
  }

 private:
  static constexpr std::ptrdiff_t cache_bytes =
      28 * 1024;  // of the 32 KiB that a first-level cache has at least

  static std::ptrdiff_t tile_points(std::ptrdiff_t points, int rows) {
    const std::ptrdiff_t most = std::clamp<std::ptrdiff_t>(
        cache_bytes / (rows * lanes<S> * static_cast<std::ptrdiff_t>(sizeof(S))), 4, 64);
    const std::ptrdiff_t tiles = std::max<std::ptrdiff_t>(1, (points + most - 1) / most);
    const std::ptrdiff_t equal = std::max<std::ptrdiff_t>(1, (points + tiles - 1) / tiles);
    if (tiles == 1 || equal < spaced_block) return equal;
    return (equal + spaced_block - 1) / spaced_block * spaced_block;
  }

  /// Which columns the sums need in memory: with weights or a loss a scaled copy of each, else a copy of
  /// those that are a number a point, and of all constant ones but the first, which needs only sums.
  void plan() {
    for (std::size_t k = 0; k < tape_.columns.size(); ++k) {
      if (!tape_.influences[k]) continue;
      const expr::Where where = tape_.columns[k].values.where;
      if (!data_.scaled() && where == expr::Where::nowhere && constant_ < 0) {
        constant_ = static_cast<int>(k);
        continue;
      }
      moving_.push_back(static_cast<int>(k));
      if (data_.scaled() || where == expr::Where::nowhere || where == expr::Where::point)
        buffered_.push_back(static_cast<int>(k));
    }
    const int columns = static_cast<int>(moving_.size()) + 1;
    if (data_.scaled() || columns > detail::most_with_products) return;
    products_ = product_columns(tape_, moving_, detail::most_products, detail::may_chain(columns));
    for (const ProductColumn& p : products_) {
      moving_.erase(std::find(moving_.begin(), moving_.end(), p.column));
      moving_.push_back(p.column);
    }
  }

  void place_columns() {
    const auto buffer = [&](std::size_t b) {
      return registers_.cell(tape_.cell_registers + static_cast<int>(b));
    };
    scale_ = buffer(buffered_.size());
    if (data_.robust()) metric_ = buffer(buffered_.size() + 1);
    columns_ = {registers_.cell(tape_.value.index)};  // the residuals
    for (std::size_t m = 0; m + products_.size() < moving_.size(); ++m) {
      const int k = moving_[m];
      const auto found = std::find(buffered_.begin(), buffered_.end(), k);
      const expr::Operand& values = tape_.columns[static_cast<std::size_t>(k)].values;
      const bool in_buffer = found != buffered_.end();
      columns_.push_back(in_buffer ? buffer(static_cast<std::size_t>(found - buffered_.begin()))
                                   : registers_.source(values).data);
      steps_.push_back(in_buffer ? 0 : registers_.source(values).step);
    }
    for (const ProductColumn& p : products_) {
      columns_.push_back(registers_.cell(p.first.index));
      factors_.push_back({registers_.cell(p.second.index), registers_.cell(p.to.index), p.chained});
      steps_.push_back(0);
    }
    shifted_ = columns_;
  }

  void set_parameters(const S* parameters) {
    registers_.set_parameters(parameters);
    for (const Bound<S>& q : lane_code_) q.run(q, 0, 1);
    registers_.prepare();
  }

  void begin() {
    tiles_ = 0;
    std::fill_n(cost_[0], lanes<S>, S(0));
    std::fill_n(square_[0], lanes<S>, S(0));
    std::fill_n(norms_.data(), columns_.size() * lanes<S>, S(0));
  }

  void tile(std::ptrdiff_t offset, std::ptrdiff_t n) {
    for (const Bound<S>& q : cell_code_) q.run(q, offset, n);
    S* residual = registers_.cell(tape_.value.index);
    const S* y = data_.y + offset * lanes<S>;
    if (data_.scaled()) {
      const S* weight =
          !data_.weight ? nullptr : data_.weight + offset * (data_.shared_weight ? 1 : lanes<S>);
      correct(data_.loss, data_.loss_scale, n, y, weight, data_.shared_weight, residual, scale_, metric_,
              cost_[0], square_[0], data_.score);
    }
    fill_buffers(offset, n);
    for (std::size_t k = 0; metric_ && k < moving_.size(); ++k)
      add_squares(columns_[k + 1], metric_, n, norms_[k]);
    for (std::size_t k = 0; k < moving_.size(); ++k) shifted_[k + 1] = columns_[k + 1] + steps_[k] * offset;
    const int count = static_cast<int>(columns_.size());
    const std::size_t triangle = static_cast<std::size_t>(packed(count, 0));
    S* gram = tiles_ == 0 ? total_.data() : part_.data();
    batch::accumulate(shifted_.data(), count, n, gram, constant_ < 0 ? nullptr : gram + triangle * lanes<S>,
                      residual, data_.scaled() ? nullptr : y, factors_);
    if (tiles_++ > 0) add_part(triangle + (constant_ < 0 ? 0 : static_cast<std::size_t>(count)));
  }

  void fill_buffers(std::ptrdiff_t offset, std::ptrdiff_t n) {
    const bool kept = !data_.scaled() && tiles_ == 0 && filled_ && data_.points <= tile_;
    if (kept) return;  // what is a number a point stays from the last evaluation
    for (std::size_t b = 0; b < buffered_.size(); ++b) {
      const expr::Operand& values = tape_.columns[static_cast<std::size_t>(buffered_[b])].values;
      S* to = registers_.cell(tape_.cell_registers + static_cast<int>(b));
      const auto from = registers_.source(values);
      const S* column = from.data ? from.at(offset) : nullptr;
      const bool shared = from.kind == Kind::point;
      if (data_.scaled())
        scale_column(column, shared, scale_, n, to);
      else
        for (std::ptrdiff_t i = 0; i < n; ++i)
          std::fill_n(to + i * lanes<S>, lanes<S>, column ? column[i] : S(1));
    }
    filled_ = true;
  }

  /// Adds a tile's sums; in float with the errors of the additions carried along (Neumaier 1974).
  void add_part(std::size_t rows) {
    if (tiles_ == 2) std::fill_n(lost_.data(), rows * lanes<S>, S(0));
    for (std::size_t i = 0; i < rows * lanes<S>; i += part<S>) {
      const Wide<S> sum = Wide<S>::load(total_.data() + i), more = Wide<S>::load(part_.data() + i),
                    next = sum + more;
      if constexpr (sizeof(S) < sizeof(double)) {
        const Wide<S> behind = choose(abs(sum) >= abs(more), (sum - next) + more, (more - next) + sum);
        (Wide<S>::load(lost_.data() + i) + behind).store(lost_.data() + i);
      }
      next.store(total_.data() + i);
    }
  }

  Wide<S> sum(std::size_t row, int offset) const {
    if (sizeof(S) == sizeof(double) || tiles_ < 2) return Wide<S>::load(total_[row] + offset);
    return Wide<S>::load(total_[row] + offset) + Wide<S>::load(lost_[row] + offset);
  }

  Wide<S> factor(int column, int offset) {
    const expr::Operand& f = tape_.columns[static_cast<std::size_t>(column)].factor;
    if (f.where == expr::Where::nowhere) return Wide<S>(1);
    return Wide<S>::load(registers_.lane(f.index) + offset);
  }

  /// Puts the sums where their parameters are, times the columns' factors.
  void finish(Normal<S>& out) {
    const int all = static_cast<int>(tape_.columns.size()), moving = static_cast<int>(moving_.size());
    if (moving + (constant_ >= 0) < all) {
      std::fill_n(out.gradient.data(), static_cast<std::size_t>(all) * lanes<S>, S(0));
      std::fill_n(out.norms.data(), static_cast<std::size_t>(all) * lanes<S>, S(0));
      std::fill_n(out.matrix.data(), static_cast<std::size_t>(packed(all, 0)) * lanes<S>, S(0));
    }
    for_parts<S>([&](int offset) { finish_part(out, offset); });
  }

  void finish_part(Normal<S>& out, int offset) {
    const int moving = static_cast<int>(moving_.size());
    const std::size_t sums = static_cast<std::size_t>(packed(moving + 1, 0));
    const auto place = [&](int row, int column) {
      const int k = row > column ? packed(row, column) : packed(column, row);
      return out.matrix[static_cast<std::size_t>(k)] + offset;
    };
    if (data_.scaled()) {
      Wide<S>::load(cost_[0] + offset).store(out.cost[0] + offset);
      Wide<S>::load(square_[0] + offset).store(out.square[0] + offset);
    } else {
      const Wide<S> square = summed_ > 0 ? sum(0, offset) : Wide<S>(0);
      square.store(out.square[0] + offset);
      (Wide<S>(S(0.5)) * square).store(out.cost[0] + offset);
    }
    for (int u = 0; u < moving; ++u) {
      const int k = moving_[static_cast<std::size_t>(u)];
      const Wide<S> f = factor(k, offset);
      (f * sum(static_cast<std::size_t>(packed(u + 1, 0)), offset))
          .store(out.gradient[static_cast<std::size_t>(k)] + offset);
      (f * f * Wide<S>::load(norms_[static_cast<std::size_t>(u)] + offset))
          .store(out.norms[static_cast<std::size_t>(k)] + offset);
      for (int v = 0; v <= u; ++v) {
        const int other = moving_[static_cast<std::size_t>(v)];
        const auto row = static_cast<std::size_t>(packed(u + 1, v + 1));
        (f * factor(other, offset) * sum(row, offset)).store(place(k, other));
      }
      if (constant_ >= 0)
        (f * factor(constant_, offset) * sum(sums + static_cast<std::size_t>(u) + 1, offset))
            .store(place(k, constant_));
    }
    if (constant_ < 0) return;
    const Wide<S> f = factor(constant_, offset);
    (f * sum(sums, offset)).store(out.gradient[static_cast<std::size_t>(constant_)] + offset);
    (f * f * Wide<S>(static_cast<S>(summed_))).store(place(constant_, constant_));
  }

  const expr::Tape& tape_;
  const Data<S>& data_;
  Registers<S> registers_;
  Rows<S> part_, total_, lost_, norms_;
  Rows<S> cost_{1}, square_{1};
  std::vector<Bound<S>> lane_code_, cell_code_;
  std::vector<int> moving_, buffered_;  ///< columns that are summed as vectors, and those of them in buffers
  int constant_ = -1;                   ///< the column that is constant
  std::vector<const S*> columns_, shifted_;
  std::vector<std::ptrdiff_t> steps_;
  std::vector<ProductColumn> products_;  ///< the last of the columns
  std::vector<Factor<S>> factors_;       ///< what those are multiplied by
  S *scale_ = nullptr, *metric_ = nullptr;
  std::ptrdiff_t tile_ = 1;
  int tiles_ = 0;
  std::ptrdiff_t summed_ = 0;  ///< points of the last evaluation
  bool filled_ = false;
};

}  // namespace osculate::batch
