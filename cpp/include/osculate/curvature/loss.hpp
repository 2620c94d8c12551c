#pragma once
// Robust losses of least squares: cost = C^2/2 sum_i rho((r_i / C)^2), with SciPy's definitions of rho.
// The correction turns them into an ordinary Gauss-Newton model: with z = (r/C)^2, rows of J are multiplied
// by sqrt(rho' + 2 rho'' z) and r by rho' / sqrt(rho' + 2 rho'' z), so that J'r is the gradient of the cost
// and J'J its second-order approximation (Triggs, McLauchlan, Hartley & Fitzgibbon, "Bundle adjustment",
// 2000, section 4.3 and appendix).

#include <cmath>
#include <functional>
#include <limits>

#include "../types.hpp"

namespace osculate {

enum class LossKind { linear, soft_l1, huber, cauchy, arctan, custom };

template <class S>
struct Loss {
  LossKind kind = LossKind::linear;
  S scale = 1;  ///< C, the residual at which the loss leaves the parabola, in units of the residuals
  /// For LossKind::custom: sets rho, rho', rho'' for every z.
  std::function<void(const Vector<S>& z, Vector<S>& rho, Vector<S>& rho1, Vector<S>& rho2)> custom{};

  bool linear() const { return kind == LossKind::linear; }
};

/// rho, rho' and rho'' at z = (r / C)^2 >= 0.
template <class S>
void evaluate(const Loss<S>& loss, const Vector<S>& z, Vector<S>& rho, Vector<S>& rho1, Vector<S>& rho2) {
  using std::sqrt;
  const Index m = z.size();
  if (loss.kind == LossKind::custom) return loss.custom(z, rho, rho1, rho2);
  rho.resize(m), rho1.resize(m), rho2.resize(m);
  for (Index i = 0; i < m; ++i) {
    const S t = 1 + z[i];
    switch (loss.kind) {
      case LossKind::soft_l1:
        // 2 (sqrt(1 + z) - 1), written without the cancellation at small z
        rho[i] = 2 * z[i] / (1 + sqrt(t)), rho1[i] = 1 / sqrt(t), rho2[i] = -S(0.5) / (t * sqrt(t));
        break;
      case LossKind::huber:
        if (z[i] <= 1)
          rho[i] = z[i], rho1[i] = 1, rho2[i] = 0;
        else
          rho[i] = 2 * sqrt(z[i]) - 1, rho1[i] = 1 / sqrt(z[i]), rho2[i] = -S(0.5) * rho1[i] / z[i];
        break;
      case LossKind::cauchy:
        rho[i] = std::log1p(z[i]), rho1[i] = 1 / t, rho2[i] = -1 / (t * t);
        break;
      case LossKind::arctan: {
        const S u = 1 + z[i] * z[i];
        rho[i] = std::atan(z[i]), rho1[i] = 1 / u, rho2[i] = -2 * z[i] / (u * u);
        break;
      }
      default:
        rho[i] = z[i], rho1[i] = 1, rho2[i] = 0;
    }
  }
}

/// Cost of a residual vector, and the correction of a Gauss-Newton model at it.
template <class S>
class LossEvaluator {
 public:
  explicit LossEvaluator(Loss<S> loss) : loss_(std::move(loss)) {}

  bool linear() const { return loss_.linear(); }

  S cost(const Vector<S>& r) {
    if (linear()) return r.squaredNorm() / 2;
    prepare(r);
    return loss_.scale * loss_.scale * rho_.sum() / 2;
  }

  /// Sets r to the corrected residual, `irls` to sqrt(rho') and `row_weight` to sqrt(rho' + 2 rho'' z).
  void correct(Vector<S>& r, Vector<S>& irls, Vector<S>& row_weight) {
    prepare(r);
    irls = rho1_.cwiseMax(S(0)).cwiseSqrt();
    row_weight.resize(r.size());
    // Beyond the inflection the curvature rho' + 2 rho'' z is negative; the floor keeps J'J positive
    // semidefinite and the corrected residual finite.
    const S floor = std::sqrt(std::numeric_limits<S>::epsilon());
    for (Index i = 0; i < r.size(); ++i) {
      const S w = std::sqrt(std::max(rho1_[i] + 2 * rho2_[i] * z_[i], floor * rho1_[i]));
      row_weight[i] = w;
      r[i] *= w > 0 ? rho1_[i] / w : S(0);
    }
  }

 private:
  void prepare(const Vector<S>& r) {
    z_ = (r / loss_.scale).cwiseAbs2();
    evaluate(loss_, z_, rho_, rho1_, rho2_);
  }
  Loss<S> loss_;
  Vector<S> z_, rho_, rho1_, rho2_;
};

}  // namespace osculate
