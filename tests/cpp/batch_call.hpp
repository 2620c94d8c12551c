#pragma once
// Data and models for the tests of batch fits.

#include <osculate/batch/batch.hpp>
#include <random>

#include "batch_engine.hpp"
#include "random_model.hpp"

namespace tests {

namespace batch = osculate::batch;
using osculate::Index, osculate::Status;
template <class S>
using Rows = batch::RowMatrix<S>;

/// a exp(-k t) + c.
inline batch::Model decay() {
  return batch::model(1, 3, [](const auto& t, const auto& p) { return p[0] * exp(-p[1] * t[0]) + p[2]; });
}

/// A batch of decays with noise, each with its own parameters, and starts a fifth off.
template <class S>
struct Decays {
  Rows<double> t;
  Rows<S> y;
  Rows<double> truth, start;

  Decays(Index fits, Index points, double noise = 0.02, unsigned seed = 5)
      : t(1, points), y(fits, points), truth(fits, 3), start(fits, 3) {
    std::mt19937_64 bits(seed);
    for (Index i = 0; i < points; ++i) t(0, i) = 4 * static_cast<double>(i) / static_cast<double>(points);
    for (Index f = 0; f < fits; ++f) {
      truth.row(f) << 2 + even(bits, 1), 1 + even(bits, 0.5), even(bits, 1);
      for (Index k = 0; k < 3; ++k) start(f, k) = truth(f, k) * (1 + even(bits, 0.2));
      for (Index i = 0; i < points; ++i)
        y(f, i) =
            static_cast<S>(truth(f, 0) * std::exp(-truth(f, 1) * t(0, i)) + truth(f, 2) + even(bits, noise));
    }
  }
};

template <class S>
bool same_bits(S a, S b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

/// Whether fit i of one result is fit j of another, bit by bit.
template <class S>
bool same_fit(const batch::BatchResult<S>& a, Index i, const batch::BatchResult<S>& b, Index j) {
  bool same = same_bits(a.cost[i], b.cost[j]);
  for (Index k = 0; k < a.params.cols(); ++k)
    same = same && same_bits(a.params(i, k), b.params(j, k)) &&
           same_bits(a.standard_errors(i, k), b.standard_errors(j, k));
  for (Index k = 0; k < a.packed_covariance.cols(); ++k)
    same = same && same_bits(a.packed_covariance(i, k), b.packed_covariance(j, k));
  const auto u = static_cast<std::size_t>(i), v = static_cast<std::size_t>(j);
  return same && a.status[u] == b.status[v] && a.flags[u] == b.flags[v] &&
         a.iterations[u] == b.iterations[v] && a.points[u] == b.points[v];
}

template <class S>
bool same_fits(const batch::BatchResult<S>& a, const batch::BatchResult<S>& b) {
  bool same = a.params.rows() == b.params.rows();
  for (Index i = 0; same && i < a.params.rows(); ++i) same = same_fit(a, i, b, i);
  return same;
}

}  // namespace tests
