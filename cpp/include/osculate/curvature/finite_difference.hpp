#pragma once
// Jacobians by differences: forward (error about sqrt(eps)), central or one-sided three-point (eps^(2/3)),
// with steps proportional to the parameters that stay within the bounds (Dennis & Schnabel 1983,
// section 5.4). Columns that share no row of a known sparsity pattern are perturbed together (Curtis, Powell
// & Reid 1974).

#include <cmath>
#include <limits>
#include <vector>

#include "../types.hpp"

namespace osculate {

enum class Difference { two_point, three_point };

template <class S>
struct DifferenceOptions {
  Difference method = Difference::two_point;
  Vector<S> relative_step{};                      ///< h_j / |x_j|; empty: eps^(1/2) or eps^(1/3) of the size
  Vector<S> typical{};                            ///< |x_j| to use where x_j = 0; empty: 1
  Vector<S> sizes{};                              ///< see remember_sizes(); empty: |x_j|
  Vector<S> lower{}, upper{};                     ///< points evaluated stay inside; empty: unbounded
  Mask skip{};                                    ///< columns left zero (fixed parameters); empty: none
  S epsilon = std::numeric_limits<S>::epsilon();  ///< relative rounding of the function
};

/// One perturbation: column j at x_j + first, for three points also at x_j + second.
template <class S>
struct DifferenceStep {
  S first = 0, second = 0;
  bool one_sided = false;  ///< three points on one side: (4 f1 - f2 - 3 f0) / (2 h)
};

/// The step of a variable at x that would have length h without the bounds, exact in the arithmetic:
/// (x + step) - x = step.
template <class S>
DifferenceStep<S> difference_step(Difference method, S h, S x, S lower, S upper) {
  DifferenceStep<S> step;
  const S room_up = upper - x, room_down = x - lower;
  const auto exact = [&](S d) {
    const volatile S moved = x + d;
    S actual = S(moved) - x;
    // The room to a bound on the other side of zero is rounded, and so is this difference: two units.
    const auto outside = [&] { return x + actual > upper || x + actual < lower; };
    for (int unit = 0; unit < 2 && outside(); ++unit) actual = std::nextafter(actual, S(0));
    return actual;
  };
  const S outward = x < 0 ? -h : h;  // away from zero: the relative step does not grow
  if (method == Difference::two_point) {
    const S room = outward > 0 ? room_up : room_down, other = outward > 0 ? room_down : room_up;
    if (h <= room)
      step.first = exact(outward);
    else if (h <= other)
      step.first = exact(-outward);
    else  // a narrow box: as far as it goes
      step.first = room >= other ? exact(outward > 0 ? room : -room) : exact(outward > 0 ? -other : other);
  } else if (h <= room_up && h <= room_down) {
    step.first = exact(h), step.second = exact(-h);
  } else {
    step.one_sided = true;
    const bool up = room_up >= room_down;
    const S room = up ? room_up : room_down, reach = std::min(h, room / 2);
    step.first = exact(up ? reach : -reach), step.second = exact(up ? 2 * reach : -2 * reach);
    if (step.first == 0) step.first = step.second;  // a box of one unit in the last place
  }
  return step;
}

/// Length of a variable's step relative to its size: it balances truncation and rounding.
template <class S>
S relative_step(Difference method, S epsilon) {
  return method == Difference::three_point ? std::cbrt(epsilon) : std::sqrt(epsilon);
}

/// |x_j|, or what stands for it where x_j = 0.
template <class S>
S parameter_size(const DifferenceOptions<S>& options, const Vector<S>& x, Index j) {
  if (options.sizes.size()) return options.sizes[j];
  if (x[j] != 0) return std::abs(x[j]);
  return options.typical.size() ? options.typical[j] : S(1);
}

/// What a solve calls before each Jacobian: a size falls by ten at most from one Jacobian to the next. A
/// parameter that comes to lie at zero, where |x_j| means nothing, is not differenced by its rounding error.
template <class S>
void remember_sizes(DifferenceOptions<S>& options, const Vector<S>& x) {
  Vector<S> before = S(0.1) * options.sizes;
  options.sizes.resize(0);
  Vector<S> sizes(x.size());
  for (Index j = 0; j < x.size(); ++j) {
    const bool nothing = x[j] == 0 && before.size();
    sizes[j] = std::max(nothing ? S(0) : parameter_size(options, x, j), before.size() ? before[j] : S(0));
  }
  options.sizes = std::move(sizes);
}

/// Steps of every variable at x.
template <class S>
std::vector<DifferenceStep<S>> difference_steps(const DifferenceOptions<S>& options, const Vector<S>& x) {
  constexpr S infinity = std::numeric_limits<S>::infinity();
  const S relative = relative_step(options.method, options.epsilon);
  std::vector<DifferenceStep<S>> steps(static_cast<std::size_t>(x.size()));
  for (Index j = 0; j < x.size(); ++j) {
    const S size = parameter_size(options, x, j);
    const S h = (options.relative_step.size() ? std::abs(options.relative_step[j]) : relative) * size;
    steps[static_cast<std::size_t>(j)] =
        difference_step(options.method, h, x[j], options.lower.size() ? options.lower[j] : -infinity,
                        options.upper.size() ? options.upper[j] : infinity);
  }
  return steps;
}

/// How far J'r may be off where J is by these differences. Rounding: `value_noise`, that of |r|^2/2, over h.
/// Truncation: (h / |x_j|)^p of |J_j| |r|, which is `gradient_scale`, for a function that bends on the scale
/// of x_j, as the choice of h assumes; p is 1 for two points, 2 for three.
template <class S>
Vector<S> gradient_noise(const DifferenceOptions<S>& options, const Vector<S>& x, S value_noise,
                         const Vector<S>& gradient_scale) {
  const auto steps = difference_steps(options, x);
  Vector<S> noise = Vector<S>::Zero(x.size());
  for (Index j = 0; j < x.size(); ++j) {
    const S h = std::abs(steps[static_cast<std::size_t>(j)].first);
    if (h == 0) continue;
    const S relative = h / parameter_size(options, x, j);
    const S order = options.method == Difference::three_point ? relative * relative : relative;
    noise[j] = value_noise / h + order * gradient_scale[j];
  }
  return noise;
}

/// The derivative from the residuals at both points of a step, written into `first`.
template <class S, class Column>
void difference_quotient(const DifferenceStep<S>& step, Difference method, const Vector<S>& r0,
                         Column&& first, const Vector<S>& second) {
  if (step.first == 0)
    first.setZero();
  else if (method == Difference::two_point || step.first == step.second)
    first = (first - r0) / step.first;
  else if (step.one_sided) {
    // Lagrange through three points at 0, h1, h2; h2 need not be exactly 2 h1.
    const S h1 = step.first, h2 = step.second;
    first = (first - r0) * (h2 / (h1 * (h2 - h1))) - (second - r0) * (h1 / (h2 * (h2 - h1)));
  } else {
    const S h1 = step.first, h2 = -step.second;
    first = ((first - r0) * (h2 / h1) + (r0 - second) * (h1 / h2)) / (h1 + h2);
  }
}

/// Dense Jacobian at x with r0 = r(x). `evaluate(points, residuals)` fills one column a column of `points`.
template <class S, class Evaluate>
void difference_jacobian(Evaluate&& evaluate, const DifferenceOptions<S>& options, const Vector<S>& x,
                         const Vector<S>& r0, Matrix<S>& jacobian) {
  constexpr Index chunk = 64;  // points held at once
  const Index n = x.size(), m = r0.size();
  const bool three = options.method == Difference::three_point;
  const auto steps = difference_steps(options, x);
  jacobian.setZero(m, n);
  std::vector<Index> columns;
  Matrix<S> points, residuals;
  Vector<S> first, second;
  for (Index begin = 0; begin < n; begin += chunk) {
    columns.clear();
    for (Index j = begin; j < std::min(n, begin + chunk); ++j)
      if (!(options.skip.size() && options.skip[j])) columns.push_back(j);
    const Index count = static_cast<Index>(columns.size());
    points.resize(n, three ? 2 * count : count);
    points.colwise() = x;
    for (Index c = 0; c < count; ++c) {
      const Index j = columns[static_cast<std::size_t>(c)];
      points(j, c) += steps[static_cast<std::size_t>(j)].first;
      if (three) points(j, count + c) += steps[static_cast<std::size_t>(j)].second;
    }
    residuals.resize(m, points.cols());
    evaluate(points, residuals);
    for (Index c = 0; c < count; ++c) {
      const Index j = columns[static_cast<std::size_t>(c)];
      first = residuals.col(c);
      if (three) second = residuals.col(count + c);
      difference_quotient(steps[static_cast<std::size_t>(j)], options.method, r0, first, second);
      jacobian.col(j) = first;
    }
  }
}

/// Groups of columns without a common row, greedily in the given order; columns in `skip` are in none.
template <class S>
std::vector<std::vector<Index>> column_groups(const SparseMatrix<S>& pattern, const Mask& skip = {}) {
  std::vector<std::vector<Index>> groups;
  std::vector<bool> grouped(static_cast<std::size_t>(pattern.cols()), false);
  for (Index j = 0; j < skip.size(); ++j) grouped[static_cast<std::size_t>(j)] = skip[j];
  std::vector<Index> used(static_cast<std::size_t>(pattern.rows()), -1);
  Index left = pattern.cols() - (skip.size() ? skip.count() : 0);
  while (left > 0) {
    const Index group = static_cast<Index>(groups.size());
    groups.emplace_back();
    for (Index j = 0; j < pattern.cols(); ++j) {
      if (grouped[static_cast<std::size_t>(j)]) continue;
      bool free = true;
      for (typename SparseMatrix<S>::InnerIterator it(pattern, j); it && free; ++it)
        free = used[static_cast<std::size_t>(it.row())] != group;
      if (!free) continue;
      for (typename SparseMatrix<S>::InnerIterator it(pattern, j); it; ++it)
        used[static_cast<std::size_t>(it.row())] = group;
      grouped[static_cast<std::size_t>(j)] = true;
      groups.back().push_back(j);
      --left;
    }
  }
  return groups;
}

/// Sparse Jacobian with the pattern that `jacobian` has on entry, and the groups of its columns.
template <class S, class Evaluate>
void difference_jacobian(Evaluate&& evaluate, const DifferenceOptions<S>& options, const Vector<S>& x,
                         const Vector<S>& r0, const std::vector<std::vector<Index>>& groups,
                         SparseMatrix<S>& jacobian) {
  const bool three = options.method == Difference::three_point;
  const auto steps = difference_steps(options, x);
  const auto skipped = [&](Index j) { return options.skip.size() && options.skip[j]; };
  Matrix<S> points(x.size(), three ? 2 : 1), residuals(r0.size(), points.cols());
  for (const auto& group : groups) {
    points.colwise() = x;
    for (const Index j : group) {
      if (skipped(j)) continue;
      points(j, 0) += steps[static_cast<std::size_t>(j)].first;
      if (three) points(j, 1) += steps[static_cast<std::size_t>(j)].second;
    }
    evaluate(points, residuals);
    for (const Index j : group)
      for (typename SparseMatrix<S>::InnerIterator it(jacobian, j); it; ++it) {
        const Index i = it.row();
        Vector<S> first(1), at(1), second(1);
        first[0] = residuals(i, 0), at[0] = r0[i], second[0] = three ? residuals(i, 1) : S(0);
        difference_quotient(steps[static_cast<std::size_t>(j)], options.method, at, first, second);
        it.valueRef() = skipped(j) ? S(0) : first[0];
      }
  }
}

}  // namespace osculate
