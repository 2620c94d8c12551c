#pragma once
// Jobs of very different cost on a few threads: small ones side by side, the longest first (Graham 1969,
// doi:10.1137/0117039), and those that would leave threads idle one after another with all threads inside.

#include <algorithm>
#include <numeric>
#include <vector>

#include "../parallel.hpp"

namespace osculate {

/// The time of jobs [first, end) on `threads` threads, longest first, where `cost` is sorted downward.
inline double side_by_side(const std::vector<double>& cost, std::size_t first, int threads) {
  std::vector<double> load(static_cast<std::size_t>(threads), 0);
  for (std::size_t i = first; i < cost.size(); ++i) *std::min_element(load.begin(), load.end()) += cost[i];
  return *std::max_element(load.begin(), load.end());
}

/// Calls run(job, threads_inside, worker) for every job once, where `worker` < `threads` is never in use
/// twice at a time. `efficiency`: the share of its speed that a job keeps with all threads inside. A job's
/// result must not depend on the threads inside it.
template <class Run>
void run_jobs(const std::vector<double>& cost, int threads, double efficiency, const Run& run) {
  std::vector<std::size_t> order(cost.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return cost[i] > cost[j]; });
  if (threads <= 1) {
    for (const std::size_t job : order) run(job, 1, 0);
    return;
  }
  std::vector<double> sorted;
  for (const std::size_t job : order) sorted.push_back(cost[job]);
  std::size_t inside = 0;
  double together = 0, best = side_by_side(sorted, 0, threads);
  for (std::size_t k = 1; k <= std::min<std::size_t>(sorted.size(), 64); ++k) {
    together += sorted[k - 1] / (efficiency * threads);
    if (const double time = together + side_by_side(sorted, k, threads); time < best) best = time, inside = k;
  }
  for (std::size_t k = 0; k < inside; ++k) run(order[k], threads, 0);
  std::atomic<std::size_t> next{inside};
  parallel_for(threads, inside < order.size() ? threads : 1, [&](Index worker) {
    for (std::size_t k; (k = next.fetch_add(1)) < order.size();) run(order[k], 1, static_cast<int>(worker));
  });
}

}  // namespace osculate
