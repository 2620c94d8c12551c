#pragma once
// Passes over long vectors. A pass reads and writes any number of vectors once and adds up sums on the way:
// in double, in sixteen interleaved parts, over chunks of a fixed length that are spread over the threads.
// So the bits of a sum depend neither on the number of threads nor, but for fused multiply-adds, on the
// processor.

#include <algorithm>
#include <array>
#include <vector>

#include "../parallel.hpp"

namespace osculate {

/// Neighbouring numbers of a vector that a pass handles together: four registers of doubles with AVX2.
template <class S>
using Lanes = Eigen::Array<S, 16, 1>;

namespace detail {

/// Where a pass stands, for its body: `load` and `store` lanes, `add` to a sum. At the end of the vectors
/// zeros stand in for what is missing.
template <class S, int sums, bool whole>
struct Place {
  Index at = 0, count = Lanes<S>::SizeAtCompileTime;
  std::array<Lanes<double>, sums>& total;

  Lanes<S> load(const S* from) const {
    if constexpr (whole) return Eigen::Map<const Lanes<S>>(from + at);
    Lanes<S> some = Lanes<S>::Zero();
    std::copy_n(from + at, count, some.data());
    return some;
  }
  void store(S* to, const Lanes<S>& lanes) const {
    if constexpr (whole)
      Eigen::Map<Lanes<S>>(to + at) = lanes;
    else
      std::copy_n(lanes.data(), count, to + at);
  }
  template <int k>
  void add(const Lanes<S>& a, const Lanes<S>& b) const {
    total[k] += a.template cast<double>() * b.template cast<double>();
  }
};

}  // namespace detail

/// Passes over vectors of n numbers. Makes its memory once.
template <class S>
class Sweep {
 public:
  static constexpr Index chunk =
      16384;  ///< 128 KB of doubles, some microseconds: far more than a thread asks
  static constexpr int most_sums = 3;

  explicit Sweep(Index n, int threads = 1, const Executor* executor = nullptr)
      : n_(n),
        threads_(threads),
        executor_(executor),
        parts_(static_cast<std::size_t>(chunks()) * most_sums) {}

  /// Calls body(place) all along the vectors, and returns the sums. The body must not keep what it sees.
  template <int sums = 0, class Body>
  std::array<double, sums> operator()(const Body& body) {
    static_assert(sums <= most_sums);
    std::array<double, sums> result{};
    if (n_ <= chunk) return piece<sums>(0, n_, body);
    const auto task = [&](Index c) {
      const auto part = piece<sums>(c * chunk, std::min(n_, (c + 1) * chunk), body);
      std::copy(part.begin(), part.end(), parts_.begin() + c * most_sums);
    };
    static const Executor built_in;
    parallel_for(chunks(), threads_, task, executor_ ? *executor_ : built_in);
    for (Index c = 0; c < chunks(); ++c)
      for (int k = 0; k < sums; ++k)
        result[static_cast<std::size_t>(k)] += parts_[static_cast<std::size_t>(c * most_sums + k)];
    return result;
  }

  Index size() const { return n_; }

 private:
  Index chunks() const { return (n_ + chunk - 1) / chunk; }

  template <int sums, class Body>
  static std::array<double, sums> piece(Index first, Index end, const Body& body) {
    constexpr Index lanes = Lanes<S>::SizeAtCompileTime;
    std::array<Lanes<double>, sums> total;
    for (Lanes<double>& t : total) t.setZero();
    detail::Place<S, sums, true> place{.at = first, .total = total};
    for (; place.at + lanes <= end; place.at += lanes) body(place);
    if (place.at < end)
      body(detail::Place<S, sums, false>{.at = place.at, .count = end - place.at, .total = total});
    std::array<double, sums> result{};
    for (std::size_t k = 0; k < sums; ++k)
      for (Index l = 0; l < lanes; ++l) result[k] += total[k][l];
    return result;
  }

  Index n_;
  int threads_;
  const Executor* executor_;
  std::vector<double> parts_;
};

}  // namespace osculate
