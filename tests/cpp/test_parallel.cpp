// parallel.hpp. This file is built twice: without OpenMP, where std::jthread runs the workers, and with it.

#include <doctest/doctest.h>

#include <osculate/parallel.hpp>
#include <stdexcept>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using osculate::Index;
using osculate::parallel_for;

namespace {

/// How often each task was run.
std::vector<int> counts(Index tasks, int threads, const osculate::Executor& executor = {}) {
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
  parallel_for(tasks, threads, [&](Index i) { ++runs[static_cast<std::size_t>(i)]; }, executor);
  return {runs.begin(), runs.end()};
}

}  // namespace

TEST_CASE("parallel_for_runs_every_task_once_for_any_number_of_threads") {
  for (const int threads : {-1, 0, 1, 2, 3, 8})
    for (const Index tasks : {0, 1, 2, 7, 1000}) {
      CAPTURE(threads);
      CHECK(counts(tasks, threads) == std::vector<int>(static_cast<std::size_t>(tasks), 1));
    }
}

TEST_CASE("parallel_for_runs_in_the_calling_thread_one_thread_or_one_task") {
  const auto caller = std::this_thread::get_id();
  parallel_for(5, 1, [&](Index) { CHECK(std::this_thread::get_id() == caller); });
  parallel_for(1, 4, [&](Index) { CHECK(std::this_thread::get_id() == caller); });
}

TEST_CASE("parallel_for_keeps_the_order_of_the_tasks_one_thread") {
  std::vector<Index> order;
  parallel_for(4, 1, [&](Index i) { order.push_back(i); });
  CHECK(order == std::vector<Index>{0, 1, 2, 3});
}

TEST_CASE("parallel_for_rethrows_the_exception_of_a_task_and_skips_the_rest") {
  int runs = 0;
  const auto body = [&](Index i) {
    ++runs;
    if (i == 3) throw std::runtime_error("task 3");
  };
  CHECK_THROWS_WITH_AS(parallel_for(100, 1, body), "task 3", std::runtime_error);
  CHECK(runs == 4);
  // Two workers one after the other: which tasks are left does not depend on the scheduler.
  const osculate::Executor executor = [](int, const std::function<void()>& worker) { worker(), worker(); };
  runs = 0;
  CHECK_THROWS_WITH_AS(parallel_for(100, 2, body, executor), "task 3", std::runtime_error);
  CHECK(runs == 4);
}

TEST_CASE("parallel_for_rethrows_one_exception_every_task_throws") {
  const auto body = [](Index) { throw std::out_of_range("each"); };
  CHECK_THROWS_AS(parallel_for(64, 4, body), std::out_of_range);
  CHECK(counts(64, 4) == std::vector<int>(64, 1));  // and is as good as new
}

TEST_CASE("parallel_for_uses_the_callers_executor_with_no_more_threads_than_tasks") {
  int asked = 0;
  const osculate::Executor executor = [&](int threads, const std::function<void()>& worker) {
    asked = threads;
    for (int t = 0; t < threads; ++t) worker();  // workers one after the other are allowed
  };
  CHECK(counts(100, 7, executor) == std::vector<int>(100, 1));
  CHECK(asked == 7);
  CHECK(counts(3, 7, executor) == std::vector<int>(3, 1));
  CHECK(asked == 3);
}

TEST_CASE("parallel_for_may_be_called_inside_a_task") {
  std::atomic<int> runs{0};
  parallel_for(4, 2, [&](Index) { parallel_for(8, 2, [&](Index) { ++runs; }); });
  CHECK(runs == 32);
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("parallel_for_works_in_a_child_forked_after_a_parallel_call") {
  REQUIRE(counts(64, 4) == std::vector<int>(64, 1));
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a hang ends by this signal, which the parent reports
    _exit(counts(64, 4) == std::vector<int>(64, 1) ? 0 : 1);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(counts(64, 4) == std::vector<int>(64, 1));  // and the parent's threads still work
}
#endif
