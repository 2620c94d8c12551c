#pragma once
// The Kronecker-factored approximation A (x) G of a layer's Fisher block (Martens & Grosse 2015,
// arXiv:1503.05671, section 3): running averages of the factors from rows of activations or output
// gradients, their damped inverses, and the product G^-1 V A^-1. Many layers at a time.

#include <span>
#include <vector>

#include "../linsolve/spd_inverse.hpp"
#include "../linsolve/tasks.hpp"

namespace osculate {

/// target = decay target + scale R' diag(weights) R, both triangles, contiguous. R is `samples` x `order`,
/// the last column being ones and not in memory where `ones` is set. decay = 0 does not read the target.
template <class S>
struct GramUpdate {
  S* target = nullptr;
  Index order = 0;
  const S* rows = nullptr;
  Index samples = 0;
  Index sample_stride = 0;   ///< numbers from one row of R to the next
  Index feature_stride = 1;  ///< numbers from one column of R to the next
  const S* weights = nullptr;
  bool ones = false;
  S decay = S(0);
  S scale = S(1);
};

template <class S>
void gram_updates(std::span<const GramUpdate<S>> updates, int threads) {
  std::vector<double> cost;
  for (const auto& u : updates) cost.push_back(double(u.order) * double(u.order) * double(u.samples + 16));
  std::vector<detail::GemmWorkspace<S>> work(static_cast<std::size_t>(std::max(threads, 1)));
  run_jobs(cost, threads, 0.95, [&](std::size_t job, int inside, int worker) {
    const GramUpdate<S>& u = updates[job];
    detail::Operand<S> right{.data = u.rows,
                             .rows = u.order,
                             .columns = u.samples,
                             .row_stride = u.feature_stride,
                             .column_stride = u.sample_stride,
                             .ones = u.ones};
    detail::Operand<S> left = right;
    left.weights = u.weights;
    detail::multiply<S, S, S>(left, right,
                              {.alpha = u.scale, .beta = u.decay, .lower = true, .threads = inside}, u.target,
                              u.order, work[static_cast<std::size_t>(worker)]);
    detail::mirror_lower(u.target, u.order);
  });
}

/// out = (matrix + damping I)^-1, both triangles; of `matrix`, contiguous by rows, the lower triangle is
/// read. `out` may be `matrix`.
template <class S>
struct SpdInverse {
  const S* matrix = nullptr;
  Index order = 0;
  S damping = S(0);
  S* out = nullptr;
  Index failed = 0;  ///< as spd_inverse returns it
};

template <class S>
void spd_inverses(std::span<SpdInverse<S>> inverses, int threads) {
  std::vector<double> cost;
  for (const auto& i : inverses) cost.push_back(double(i.order + 64) * double(i.order) * double(i.order));
  std::vector<SpdInverseWorkspace<S>> work(static_cast<std::size_t>(std::max(threads, 1)));
  run_jobs(cost, threads, 0.85, [&](std::size_t job, int inside, int worker) {
    SpdInverse<S>& i = inverses[job];
    i.failed =
        spd_inverse(i.matrix, i.order, i.damping, i.out, inside, work[static_cast<std::size_t>(worker)]);
  });
}

/// out = L V R, all by rows, for L (rows x rows) and R (columns x columns); null means the identity, and
/// `out` may be `vectors`.
template <class S>
struct KroneckerProduct {
  const S* left = nullptr;
  const S* vectors = nullptr;
  const S* right = nullptr;
  Index rows = 0;
  Index columns = 0;
  S* out = nullptr;
};

template <class S>
void kronecker_products(std::span<const KroneckerProduct<S>> products, int threads) {
  struct Work {
    detail::GemmWorkspace<S> products;
    detail::Workspace<S> between;
  };
  std::vector<double> cost;
  for (const auto& p : products)
    cost.push_back(double(p.rows) * double(p.columns) * double(p.rows + p.columns + 64));
  std::vector<Work> work(static_cast<std::size_t>(std::max(threads, 1)));
  run_jobs(cost, threads, 0.95, [&](std::size_t job, int inside, int worker) {
    const KroneckerProduct<S>& p = products[job];
    auto& [packed, memory] = work[static_cast<std::size_t>(worker)];
    const Index m = p.rows, n = p.columns;
    S* between = memory.need(m * n);  // (V R)' by columns, which is V R by rows
    if (p.right)
      detail::multiply<S, S, S>(
          {.data = p.right, .rows = n, .columns = n, .column_stride = n},
          {.data = p.vectors, .rows = m, .columns = n, .row_stride = n, .column_stride = 1},
          {.threads = inside}, between, n, packed);
    else
      std::copy_n(p.vectors, m * n, between);
    if (p.left)
      detail::multiply<S, S, S>(
          {.data = between, .rows = n, .columns = m, .column_stride = n},
          {.data = p.left, .rows = m, .columns = m, .row_stride = m, .column_stride = 1}, {.threads = inside},
          p.out, n, packed);
    else
      std::copy_n(between, m * n, p.out);
  });
}

}  // namespace osculate
