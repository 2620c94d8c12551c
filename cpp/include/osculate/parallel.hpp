#pragma once
// The only file that knows threads. `parallel_for(tasks, threads, body)` calls body(task) for every task
// once; which thread runs which task never changes a result, because a task's bounds depend on the problem
// alone. Backends: OpenMP where the compiler has it switched on, std::jthread otherwise and in a forked
// child, where GNU OpenMP's thread pool hangs; or the caller's executor.

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include "types.hpp"

namespace osculate {

/// Runs `worker` on up to `threads` threads at once and returns when all have ended. Where it is empty, the
/// built-in backends do that.
using Executor = std::function<void(int threads, const std::function<void()>& worker)>;

namespace detail {

/// Whether this process was forked from one that had loaded this code.
inline bool forked() {
#if defined(__unix__) || defined(__APPLE__)
  static std::atomic<bool> child{false};
  static const bool registered = pthread_atfork(nullptr, nullptr, [] { child = true; }) == 0;
  return child || !registered;
#else
  return false;
#endif
}

inline void run_on_threads(int threads, const std::function<void()>& worker) {
#if defined(_OPENMP)
  if (!forked()) {
#pragma omp parallel num_threads(threads)
    worker();
    return;
  }
#endif
  std::vector<std::jthread> pool;
  pool.reserve(static_cast<std::size_t>(threads - 1));
  for (int t = 1; t < threads; ++t) pool.emplace_back(worker);
  worker();
}

}  // namespace detail

/// Calls body(i) for i in [0, tasks). The first exception a body throws is rethrown here, and the tasks that
/// were not begun are skipped.
template <class Body>
void parallel_for(Index tasks, int threads, Body&& body, const Executor& executor = {}) {
#if defined(_OPENMP)
  static const bool before_any_fork = (detail::forked(), true);  // registers the handler in the parent
  (void)before_any_fork;
#endif
  if (threads <= 1 || tasks <= 1) {
    for (Index i = 0; i < tasks; ++i) body(i);
    return;
  }
  std::atomic<Index> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const std::function<void()> worker = [&] {
    for (Index i; (i = next.fetch_add(1)) < tasks;) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(guard);
        if (!failure) failure = std::current_exception();
        next = tasks;
      }
    }
  };
  const int most = static_cast<int>(std::min<Index>(threads, tasks));
  executor ? executor(most, worker) : detail::run_on_threads(most, worker);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace osculate
