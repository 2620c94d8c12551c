#pragma once
// Products with a tall or wide matrix of per-sample scores S (samples x parameters, by rows), each in one
// pass over its memory. Columns are taken in panels that stay in the second cache; partial sums belong to
// fixed groups of panels, so results have the same bits for any number of threads.

#include <algorithm>
#include <vector>

#include "../parallel.hpp"
#include "../types.hpp"

namespace osculate {

/// S less `mean` (a number a column, or none: nothing is subtracted).
template <class S>
struct Scores {
  const S* data = nullptr;
  Index samples = 0;
  Index parameters = 0;
  const S* mean = nullptr;
};

namespace detail {

template <class S>
using RowBlock = Eigen::Map<const Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
                            Eigen::OuterStride<>>;

inline constexpr Index most_groups = 32;

/// Calls use(group, first column, width) for every panel; panels of a group come in order, on one thread.
/// Returns the number of groups.
template <class Use>
Index for_panels(Index samples, Index parameters, int threads, const Use& use) {
  const Index panel = std::clamp<Index>(65536 / std::max<Index>(samples, 1) / 8 * 8, 16, 2048);
  const Index panels = (parameters + panel - 1) / panel, groups = std::min(panels, most_groups);
  parallel_for(groups, samples * parameters < 100'000 ? 1 : threads, [&](Index g) {
    for (Index p = g * panels / groups; p < (g + 1) * panels / groups; ++p)
      use(g, p * panel, std::min(panel, parameters - p * panel));
  });
  return groups;
}

template <class S>
RowBlock<S> panel_of(const Scores<S>& s, Index first, Index width) {
  return {s.data + first, s.samples, width, Eigen::OuterStride<>(s.parameters)};
}

template <class S>
Eigen::Map<const Vector<S>> mean_of(const Scores<S>& s, Index first, Index width) {
  return {s.mean + first, width};
}

/// y = the sum over the panels of what add(first column, width, sum) adds, group after group.
template <class S, class Add>
void sum_over_panels(const Scores<S>& s, int threads, Vector<S>& y, const Add& add) {
  std::vector<Vector<S>> parts(most_groups, Vector<S>::Zero(s.samples));
  const Index groups = for_panels(s.samples, s.parameters, threads, [&](Index g, Index first, Index width) {
    add(first, width, parts[static_cast<std::size_t>(g)]);
  });
  y.setZero(s.samples);
  for (Index g = 0; g < groups; ++g) y += parts[static_cast<std::size_t>(g)];
}

}  // namespace detail

/// The means of the columns.
template <class S>
void column_means(const Scores<S>& s, Vector<S>& mean, int threads) {
  mean.resize(s.parameters);
  detail::for_panels(s.samples, s.parameters, threads, [&](Index, Index first, Index width) {
    mean.segment(first, width) =
        detail::panel_of(s, first, width).colwise().sum().transpose() / static_cast<S>(s.samples);
  });
}

/// y = S x.
template <class S>
void score_product(const Scores<S>& s, const S* x, Vector<S>& y, int threads) {
  detail::sum_over_panels(s, threads, y, [&](Index first, Index width, Vector<S>& sum) {
    const Eigen::Map<const Vector<S>> part(x + first, width);
    sum.noalias() += detail::panel_of(s, first, width) * part;
    if (s.mean) sum.array() -= detail::mean_of(s, first, width).dot(part);
  });
}

/// out = (v - scale S'y) factor.
template <class S>
void transposed_score_product(const Scores<S>& s, const Vector<S>& y, const S* v, S scale, S factor, S* out,
                              int threads) {
  const S total = s.mean ? y.sum() : S(0);
  detail::for_panels(s.samples, s.parameters, threads, [&](Index, Index first, Index width) {
    Vector<S> u = detail::panel_of(s, first, width).transpose() * y;
    if (s.mean) u -= total * detail::mean_of(s, first, width);
    Eigen::Map<Vector<S>>(out + first, width) =
        factor * (Eigen::Map<const Vector<S>>(v + first, width) - scale * u);
  });
}

/// z = S S' y, in one pass.
template <class S>
void gram_product(const Scores<S>& s, const Vector<S>& y, Vector<S>& z, int threads) {
  const S total = s.mean ? y.sum() : S(0);
  detail::sum_over_panels(s, threads, z, [&](Index first, Index width, Vector<S>& sum) {
    const detail::RowBlock<S> panel = detail::panel_of(s, first, width);
    Vector<S> u = panel.transpose() * y;
    if (s.mean) u -= total * detail::mean_of(s, first, width);
    sum.noalias() += panel * u;
    if (s.mean) sum.array() -= detail::mean_of(s, first, width).dot(u);
  });
}

}  // namespace osculate
