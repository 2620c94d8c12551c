#pragma once
// Weights, missing points, robust losses and Poisson likelihood of a tile: they turn model values into
// residuals and say by what the rows of the Jacobian are multiplied, so that J'J and J'r are those of an
// ordinary least-squares problem (curvature/loss.hpp tells how; Poisson: Laurence & Chromy, Nature Methods 7,
// 2010, with Fisher's matrix).

#include "../curvature/loss.hpp"
#include "wide.hpp"

namespace osculate::batch {

enum class BatchLoss : std::uint8_t { linear, soft_l1, huber, cauchy, arctan, poisson };

constexpr bool robust(BatchLoss loss) { return loss != BatchLoss::linear && loss != BatchLoss::poisson; }

namespace detail {

/// rho, rho' and rho'' of curvature/loss.hpp at z, for a pack.
template <class S>
void robust(BatchLoss loss, const Pack<S>& z, Pack<S>& rho, Pack<S>& rho1, Pack<S>& rho2) {
  const Pack<S> one(S(1)), two(S(2)), half(S(0.5)), t = z + one;
  switch (loss) {
    case BatchLoss::soft_l1: {
      const Pack<S> root = batch::sqrt(t);
      rho = two * z / (one + root), rho1 = one / root, rho2 = -half / (t * root);
      return;
    }
    case BatchLoss::huber: {
      const PackMask<S> inside = z <= one;
      const Pack<S> root = batch::sqrt(xsimd::select(inside, one, z)), slope = one / root;
      rho = xsimd::select(inside, z, two * root - one);
      rho1 = xsimd::select(inside, one, slope);
      rho2 = xsimd::select(inside, Pack<S>(S(0)), -half * slope / z);
      return;
    }
    case BatchLoss::cauchy:
      rho = batch::log1p(z), rho1 = one / t, rho2 = -one / (t * t);
      return;
    default: {  // arctan
      const Pack<S> u = one + z * z;
      rho = batch::atan(z), rho1 = one / u, rho2 = -two * z / (u * u);
    }
  }
}

}  // namespace detail

/// Turns the n model values of a tile in `residual` into corrected residuals, sets `scale` to what the
/// Jacobian's rows are multiplied by, and adds to `cost` (a number a lane) the loss and to `square` the sum
/// of rho' r^2; a robust loss sets `metric` to what squares of the scaled Jacobian are multiplied by to
/// become those of sqrt(rho') J. `weight` holds 1 / sigma, a number a point and lane or, with `shared`, a
/// number a point; nullptr: 1. Where a weight is 0 the point does not count, whatever data and model are
/// there.
template <class S>
void correct(BatchLoss loss, S loss_scale, std::ptrdiff_t n, const S* y, const S* weight, bool shared,
             S* residual, S* scale, S* metric, S* cost, S* square, bool score = false) {
  const Pack<S> zero(S(0)), one(S(1)), c(loss_scale), inverse_c(S(1) / loss_scale);
  const Pack<S> floor(std::sqrt(std::numeric_limits<S>::epsilon())), half(S(0.5));
  for (int g = 0; g < packs<S>; ++g) {
    Pack<S> total = Pack<S>::load_aligned(cost + g * width<S>);
    Pack<S> squares = Pack<S>::load_aligned(square + g * width<S>);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const std::ptrdiff_t k = i * lanes<S> + g * width<S>;
      const Pack<S> f = Pack<S>::load_aligned(residual + k), data = Pack<S>::load_aligned(y + k);
      const Pack<S> w = !weight ? one : shared ? Pack<S>(weight[i]) : Pack<S>::load_aligned(weight + k);
      const PackMask<S> counts = w != zero;
      Pack<S> r, s, term;
      if (loss == BatchLoss::poisson) {
        // half of the deviance, f - y + y log(y / f), whose gradient is J'(f - y) / f and whose Fisher matrix
        // J'J / f
        const Pack<S> inverse_root = one / batch::sqrt(f);
        const Pack<S> logarithm = data * batch::log(xsimd::select(data > zero, data / f, one));
        term = f - data + logarithm;
        r = (f - data) * inverse_root;
        s = inverse_root;
        squares += xsimd::select(counts, r * r, zero);
      } else {
        r = (f - data) * w;
        s = w;
        if (loss == BatchLoss::linear) {
          term = half * r * r;
          squares += xsimd::select(counts, r * r, zero);
        } else {
          const Pack<S> t = r * inverse_c, z = t * t;
          Pack<S> rho, rho1, rho2;
          detail::robust(loss, z, rho, rho1, rho2);
          const Pack<S> curved = xsimd::fma(rho2 + rho2, z, rho1), least = floor * rho1;
          const Pack<S> row = batch::sqrt(xsimd::select(curved > least, curved, least));
          term = half * c * c * rho;
          squares += xsimd::select(counts, rho1 * r * r, zero);
          s = w * (score ? rho1 * r : row);
          const Pack<S> ratio = xsimd::select(row > zero, rho1 / row, zero);
          r *= ratio;
          xsimd::select(row > zero, ratio / row, zero).store_aligned(metric + k);
        }
      }
      total += xsimd::select(counts, term, zero);
      xsimd::select(counts, r, zero).store_aligned(residual + k);
      xsimd::select(counts, s, zero).store_aligned(scale + k);
    }
    total.store_aligned(cost + g * width<S>);
    squares.store_aligned(square + g * width<S>);
  }
}

/// to = scale * column where scale is not 0, else 0. A column is a number a point and lane, a number a point
/// (`shared`), or the constant 1 (nullptr).
template <class S>
void scale_column(const S* column, bool shared, const S* scale, std::ptrdiff_t n, S* to) {
  const Pack<S> zero(S(0)), one(S(1));
  for (std::ptrdiff_t i = 0; i < n; ++i)
    for (int g = 0; g < packs<S>; ++g) {
      const std::ptrdiff_t k = i * lanes<S> + g * width<S>;
      const Pack<S> s = Pack<S>::load_aligned(scale + k);
      const Pack<S> value = !column ? one : shared ? Pack<S>(column[i]) : Pack<S>::load_aligned(column + k);
      xsimd::select(s != zero, s * value, zero).store_aligned(to + k);
    }
}

/// Adds the sums over n points of metric * column^2, a number a lane.
template <class S>
void add_squares(const S* column, const S* metric, std::ptrdiff_t n, S* sums) {
  for (int g = 0; g < packs<S>; ++g) {
    Pack<S> sum = Pack<S>::load_aligned(sums + g * width<S>);
    for (std::ptrdiff_t k = g * width<S>; k < n * lanes<S>; k += lanes<S>) {
      const Pack<S> value = Pack<S>::load_aligned(column + k);
      sum = xsimd::fma(value * value, Pack<S>::load_aligned(metric + k), sum);
    }
    sum.store_aligned(sums + g * width<S>);
  }
}

}  // namespace osculate::batch
