// linsolve/sweep.hpp. This file is built twice: with std::jthread for the threads, and with OpenMP.

#include <doctest/doctest.h>

#include <osculate/linsolve/sweep.hpp>
#include <stdexcept>

#include "random.hpp"

using namespace osculate;

namespace {

/// y += a x with x'y and y'y of the new y.
template <class S>
std::array<double, 2> add_and_sum(Sweep<S>& sweep, S a, const Vector<S>& from, Vector<S>& to) {
  const S* x = from.data();
  S* y = to.data();
  return sweep.template operator()<2>([=](const auto& at) {
    const Lanes<S> v = at.load(x), w = at.load(y) + a * v;
    at.store(y, w);
    at.template add<0>(v, w);
    at.template add<1>(w, w);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("sweep_equals_the_plain_operations_at_any_length", S, double, float) {
  constexpr Index chunk = Sweep<S>::chunk;
  for (const Index n :
       {Index(0), Index(1), Index(15), Index(16), Index(17), chunk, chunk + 1, 2 * chunk - 1}) {
    CAPTURE(n);
    const Vector<S> x = tests::random_vector(n, 1).cast<S>(), before = tests::random_vector(n, 2).cast<S>();
    Vector<S> y(n + 1);
    y.head(n) = before, y[n] = 7;
    Sweep<S> sweep(n);
    const auto [xy, yy] = add_and_sum(sweep, S(0.5), x, y);
    const Vector<double> expected = before.template cast<double>() + 0.5 * x.template cast<double>();
    const double eps = static_cast<double>(std::numeric_limits<S>::epsilon());
    CHECK((y.head(n).template cast<double>() - expected).template lpNorm<Eigen::Infinity>() <= 2 * eps);
    CHECK(y[n] == 7);  // nothing behind the end is touched
    // A part of a sum has 1024 terms, all of one sign in y'y.
    const double rounding = 1100 * 1.2e-16 * y.squaredNorm();
    const Vector<long double> left = x.template cast<long double>(),
                              moved = y.head(n).template cast<long double>();
    CHECK(std::abs(xy - double(left.dot(moved))) <= rounding);
    CHECK(std::abs(yy - double(moved.squaredNorm())) <= rounding);
  }
}

TEST_CASE("sweep_gives_the_same_bits_for_any_number_of_threads_and_any_executor") {
  const Index n = 5 * Sweep<double>::chunk + 3;
  const Vector<double> x = tests::random_vector(n, 1), start = tests::random_vector(n, 2);
  const auto run = [&](int threads, const Executor* executor, Vector<double>& y) {
    y = start;
    Sweep<double> sweep(n, threads, executor);
    return add_and_sum(sweep, 0.3, x, y);
  };
  Vector<double> one, other;
  const auto sums = run(1, nullptr, one);
  const Executor serial = [](int, const std::function<void()>& worker) { worker(); };
  for (const int threads : {2, 3, 8}) {
    CHECK(run(threads, nullptr, other) == sums);
    CHECK(other == one);
    CHECK(run(threads, &serial, other) == sums);
  }
}
