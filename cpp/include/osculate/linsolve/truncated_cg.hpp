#pragma once
// Newton's step by truncated conjugate gradients within a trust region (Steihaug, SIAM J. Numer. Anal. 20,
// 1983; Toint 1981). Where the step is rejected its direction is kept and shortened, which takes no further
// product (Nocedal & Yuan, "Combining trust region and line search techniques", 1998). The accuracy follows
// the gradient's fall (Eisenstat & Walker, SIAM J. Sci. Comput. 17, 1996, choice 2).

#include "../curvature/matrix_free.hpp"
#include "cg.hpp"

namespace osculate {

template <class S>
class TruncatedCg {
 public:
  Index max_iterations = 0;  ///< of one solve; 0: 2 n, as rounding may make CG take more than n
  int threads = 1;
  S enough = 0;  ///< a residual below which no step is solved for: about what the gradient may be at the end
  Index iterations = 0;  ///< out: in all

  void prepare(const ProductModel<S>& q) {
    const S g = q.gradient.norm();
    // eta = 0.9 (|g| / |g before|)^2, which must not fall faster than 0.9 eta^2 while that is large.
    if (previous_ > 0) {
      const S ratio = g / previous_, safeguard = S(0.9) * eta_ * eta_;
      eta_ = S(0.9) * ratio * ratio;
      if (safeguard > S(0.1)) eta_ = std::max(eta_, safeguard);
    }
    eta_ = std::clamp(eta_, least_eta, largest_eta);
    rtol_ = g > 0 ? std::clamp(enough / g, eta_, largest_eta) : eta_;
    previous_ = g;
    solved_ = false;
  }

  bool solve(const ProductModel<S>& q, const Vector<S>&, Trial<S>& trial, Vector<S>& d) {
    if (!solved_ && !direct(q, trial)) return false;
    solved_ = true;
    const S t = length_ > trial.radius ? trial.radius / length_ : S(1);
    q.promise = -(t * slope_ + t * t * curvature_ / 2);
    d = t * direction_;
    return true;
  }

 private:
  static constexpr S least_eta = S(1e-6), largest_eta = S(0.5);

  bool direct(const ProductModel<S>& q, const Trial<S>& trial) {
    if (q.curvature.escape.size()) {
      const Vector<S>& u = q.curvature.escape;
      length_ = std::isfinite(trial.radius) ? trial.radius : S(1);
      direction_ = (q.gradient.dot(u) > 0 ? -length_ : length_) * u;
      slope_ = q.gradient.dot(direction_);
      curvature_ = length_ * length_ * q.curvature.lowest;
      return true;
    }
    right_side_ = -q.gradient;
    const CgOptions<S> options{.rtol = rtol_,
                               .max_iterations = max_iterations > 0 ? max_iterations : 2 * right_side_.size(),
                               .radius = trial.radius,
                               .threads = threads};
    const auto apply = [&](const Vector<S>& v, Vector<S>& out) { q.multiply(v, out); };
    const CgOutcome out = cg<S>(apply, right_side_, options, work_);
    iterations += out.iterations;
    if (out.iterations == 0) return false;  // products that are not finite, or no gradient
    direction_ = work_.x;
    length_ = direction_.norm();
    slope_ = q.gradient.dot(direction_);
    curvature_ = 2 * (static_cast<S>(out.model) - slope_);
    return direction_.allFinite();
  }

  CgWorkspace<S> work_;
  Vector<S> right_side_, direction_;
  S eta_ = largest_eta, rtol_ = largest_eta, previous_ = 0, length_ = 0;
  S slope_ = 0, curvature_ = 0;  ///< g'd and d'Bd of the whole direction
  bool solved_ = false;
};

}  // namespace osculate
