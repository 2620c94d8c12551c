#pragma once
// The empirical Fisher matrix F = S'S / N of per-sample scores S (N x P), and x = (F + damping I)^-1 v. With
// fewer samples than parameters the N x N Gram matrix takes the place of F, by the identity of Woodbury
//   x = (v - S' (S S' / N + damping I)^-1 S v / N) / damping
// (Golub & Van Loan 2013, 2.1.4; in this use: Ren & Goldfarb 2019, arXiv:1906.02353; Chen & Heyl 2024,
// doi:10.1038/s41567-024-02566-1, "minSR"). Nothing of the size of S is made.

#include <Eigen/Cholesky>
#include <functional>
#include <stdexcept>
#include <type_traits>

#include "../linsolve/gemm.hpp"
#include "../linsolve/row_gram.hpp"
#include "../linsolve/score_passes.hpp"
#include "../linsolve/spd_inverse.hpp"
#include "../status.hpp"

namespace osculate {

/// Which matrix is factorized: N x N, or P x P.
enum class FisherForm { samples, parameters };

struct FisherOptions {
  FisherForm form = FisherForm::samples;
  bool centered = false;  ///< the covariance of the scores instead of their second moment
  /// The products of the Gram matrix in single precision, corrected by conjugate gradients in double to a
  /// relative residual of 1e-10. Form `samples` in double alone.
  bool mixed = false;
  int threads = 1;
  std::function<void()> poll = {};  ///< called now and then from the calling thread; may throw
};

namespace detail {

/// Lower triangle of target = decay target + scale S S' or, where `parameters`, scale S'S, multiplied in the
/// type T.
template <class T, class S>
void score_gram(const Scores<S>& s, bool parameters, T decay, T scale, S* target,
                const FisherOptions& options) {
  const Index n = parameters ? s.parameters : s.samples, inner = parameters ? s.samples : s.parameters;
  GemmWorkspace<T> work;
  // Some 0.05 s of one thread between two polls, and whole blocks of the product.
  const Index most = static_cast<Index>(2e9 / (double(n) * double(n) + 1));
  const Index slice = std::max<Index>(most / GemmBlock<T>::depth, 1) * GemmBlock<T>::depth;
  for (Index first = 0; first == 0 || first < inner; first += slice) {
    if (options.poll) options.poll();
    const Index depth = std::min(slice, inner - first);
    Operand<S> a{.data = s.data + first,
                 .rows = n,
                 .columns = depth,
                 .row_stride = s.parameters,
                 .column_stride = 1,
                 .shift = s.mean ? s.mean + first : nullptr};
    if (parameters)
      a = {.data = s.data + first * s.parameters,
           .rows = n,
           .columns = depth,
           .row_stride = 1,
           .column_stride = s.parameters,
           .row_shift = s.mean};
    multiply<T, S, S>(
        a, a, {.alpha = scale, .beta = first == 0 ? decay : T(1), .lower = true, .threads = options.threads},
        target, n, work);
  }
}

/// y = (S S'/N + damping I)^-1 b by conjugate gradients, preconditioned by the factors of that matrix from
/// products in single precision (Golub & Van Loan 2013, algorithm 11.5.1).
template <class S>
Status refine(const Scores<S>& s, double damping, const Eigen::LLT<Eigen::Ref<Matrix<S>>>& factor,
              const Vector<S>& b, Vector<S>& y, const FisherOptions& options) {
  const S scale = S(1) / static_cast<S>(s.samples);
  const S enough = S(1e-10) * b.norm();
  y.setZero(b.size());
  Vector<S> r = b, z, d, q;
  S product = 0;
  for (int k = 0; k < 100; ++k) {
    if (r.norm() <= enough) return Status::gradient;
    if (options.poll) options.poll();
    z = factor.solve(r);
    const S next = r.dot(z);
    d = k == 0 ? z : Vector<S>(z + (next / product) * d);
    product = next;
    gram_product(s, d, q, options.threads);
    q = scale * q + static_cast<S>(damping) * d;
    const S curvature = d.dot(q);
    if (!(curvature > 0) || !std::isfinite(curvature)) return Status::singular;
    y += (product / curvature) * d;
    r -= (product / curvature) * q;
  }
  return Status::max_iterations;
}

}  // namespace detail

/// target = decay target + (1 - decay) S'S / N (P x P), both triangles.
template <class S>
void fisher_matrix(Scores<S> scores, S decay, S* target, const FisherOptions& options) {
  Vector<S> mean;
  if (options.centered) {
    column_means(scores, mean, options.threads);
    scores.mean = mean.data();
  }
  const S scale = (S(1) - decay) / static_cast<S>(std::max<Index>(scores.samples, 1));
  detail::score_gram<S, S>(scores, true, decay, scale, target, options);
  detail::mirror_lower(target, scores.parameters);
}

namespace detail {

/// use(factor) with Cholesky's factor of A + damping I, in the memory of A, of which the lower triangle is
/// read.
template <class S, class Use>
Status with_damped_factor(Matrix<S>& a, S damping, const Use& use) {
  if (!a.diagonal().allFinite()) return Status::nonfinite;
  a.diagonal().array() += damping;
  const Eigen::LLT<Eigen::Ref<Matrix<S>>> factor(a);
  return factor.info() == Eigen::Success ? use(factor) : Status::singular;
}

/// y = (A + damping I)^-1 y.
template <class S>
Status damped_solve(Matrix<S>& a, S damping, Eigen::Ref<Vector<S>> y) {
  return with_damped_factor(a, damping, [&](const auto& factor) {
    factor.solveInPlace(y);
    return Status::gradient;
  });
}

/// The solution by samples where there are few of them, from a copy whose rows are aligned, padded with zeros
/// and less their mean.
template <class S>
Status solve_few(const Scores<S>& s, const S* v, S damping, S* x) {
  const Index n = s.samples, p = s.parameters, stride = spread<S>(p);
  const Eigen::Map<const Vector<S>> right(v, p);
  const S scale = S(1) / static_cast<S>(n);
  Workspace<S> space;
  S* const rows = space.need((n + 1) * stride);
  S* const combined = rows + n * stride;
  Vector<S> y(n);
  for (Index i = 0; i < n; ++i) {
    Eigen::Map<Vector<S>> row(rows + i * stride, stride);
    row.head(p) = Eigen::Map<const Vector<S>>(s.data + i * p, p);
    if (s.mean) row.head(p) -= Eigen::Map<const Vector<S>>(s.mean, p);
    row.tail(stride - p).setZero();
    y[i] = row.head(p).dot(right);
  }
  Matrix<S> gram(n, n);
  row_gram(rows, n, stride, stride, scale, gram.data());
  if (const Status end = damped_solve<S>(gram, damping, y); end != Status::gradient) return end;
  y *= scale;
  row_combination(rows, n, stride, y.data(), combined);
  Eigen::Map<Vector<S>>(x, p) = (right - Eigen::Map<const Vector<S>>(combined, p)) / damping;
  return Status::gradient;
}

}  // namespace detail

/// x = (F + damping I)^-1 v. `Status::singular` where the matrix is not positive definite in the precision of
/// S, `Status::nonfinite` where x is not finite; x is then of no use.
template <class S>
Status fisher_solve(Scores<S> scores, const S* v, double damping, S* x, const FisherOptions& options) {
  if (options.mixed && (std::is_same_v<S, float> || options.form == FisherForm::parameters))
    throw std::invalid_argument("fisher_solve: mixed needs numbers in double and the form samples");
  const Index n = scores.samples, p = scores.parameters;
  const S scale = S(1) / static_cast<S>(n), added = static_cast<S>(damping);
  Vector<S> mean;
  if (options.centered) {
    column_means(scores, mean, options.threads);
    scores.mean = mean.data();
  }
  Eigen::Map<Vector<S>> solution(x, p);
  Status end = Status::not_run;
  if (options.form == FisherForm::parameters) {
    Matrix<S> fisher(p, p);
    detail::score_gram<S, S>(scores, true, S(0), scale, fisher.data(), options);
    solution = Eigen::Map<const Vector<S>>(v, p);
    end = detail::damped_solve<S>(fisher, added, solution);
  } else if (n <= detail::few_rows && n * p <= 1'000'000 && !options.mixed) {
    end = detail::solve_few(scores, v, added, x);
  } else {
    Vector<S> y;
    score_product(scores, v, y, options.threads);
    y *= scale;
    if (!y.allFinite()) return Status::nonfinite;
    Matrix<S> gram(n, n);
    if constexpr (std::is_same_v<S, double>) {
      if (options.mixed) {
        detail::score_gram<float, S>(scores, false, 0.0F, static_cast<float>(scale), gram.data(), options);
        const Vector<S> right = y;
        end = detail::with_damped_factor(gram, added, [&](const auto& factor) {
          return detail::refine(scores, damping, factor, right, y, options);
        });
      }
    }
    if (!options.mixed) {
      detail::score_gram<S, S>(scores, false, S(0), scale, gram.data(), options);
      end = detail::damped_solve<S>(gram, added, y);
    }
    if (end == Status::gradient) transposed_score_product(scores, y, v, S(1), 1 / added, x, options.threads);
  }
  if (end != Status::gradient) return end;
  return solution.allFinite() ? Status::gradient : Status::nonfinite;
}

}  // namespace osculate
