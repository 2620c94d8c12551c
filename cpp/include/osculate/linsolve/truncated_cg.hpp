#pragma once
// Newton's step by truncated conjugate gradients within a trust region (Steihaug, SIAM J. Numer. Anal. 20,
// 1983; Toint 1981). Where the step is rejected its direction is kept and shortened, which takes no further
// product (Nocedal & Yuan, "Combining trust region and line search techniques", 1998). The accuracy follows
// the gradient's fall (Eisenstat & Walker, SIAM J. Sci. Comput. 17, 1996, choice 2). With a preconditioner M
// the radius bounds sqrt(s'M^-1 s), which grows along CG's path (Conn, Gould & Toint, "Trust-Region Methods",
// 2000, section 7.5.1).

#include <utility>

#include "../curvature/matrix_free.hpp"
#include "../status.hpp"
#include "cg.hpp"
#include "lanczos_step.hpp"
#include "lbfgs_preconditioner.hpp"

namespace osculate {

template <class S>
class TruncatedCg {
 public:
  Index max_iterations = 0;  ///< of one solve; 0: 2 n, as rounding may make CG take more than n
  int threads = 1;
  S enough = 0;  ///< a residual below which no step is solved for: about what the gradient may be at the end
  const Preconditioner<S>* preconditioner = nullptr;  ///< none
  /// Whether the step is the best of the whole Krylov space where the radius binds, see lanczos_step.hpp,
  /// which takes no preconditioner. The space then has at most max_iterations dimensions, or 200.
  bool lanczos = false;
  Index iterations = 0;               ///< out: in all
  Status failure = Status::singular;  ///< out: why a solve gave nothing
  bool stood_in = false;              ///< out: whether no product was finite at the last point solved at

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
    stood_in_before_ = std::exchange(stood_in, false);
    if (preconditioner && preconditioner->probes > 1) probe(q);
  }

  bool solve(const ProductModel<S>& q, const Vector<S>& x, Trial<S>& trial, Vector<S>& d) {
    if (!solved_ && !direct(q, x, trial)) return false;
    solved_ = true;
    if (in_space_ && length_ > trial.radius) {
      space_.shorten(trial.radius);
      take_from_space();
    }
    const S t = length_ > trial.radius ? trial.radius / length_ : S(1);
    q.promise = -(t * slope_ + t * t * curvature_ / 2);
    q.step_length = t * length_;
    d = t * direction_;
    return true;
  }

 private:
  static constexpr S least_eta = S(1e-6), largest_eta = S(0.5);

  bool direct(const ProductModel<S>& q, const Vector<S>& x, const Trial<S>& trial) {
    in_space_ = false;
    if (q.curvature.escape.size()) {
      const Vector<S>& u = q.curvature.escape;
      length_ = std::isfinite(trial.radius) ? trial.radius : S(1);
      direction_ = (q.gradient.dot(u) > 0 ? -length_ : length_) * u;
      slope_ = q.gradient.dot(direction_);
      curvature_ = length_ * length_ * q.curvature.lowest;
      return true;
    }
    right_side_ = -q.gradient;
    if (lanczos) return in_krylov_space(q, x, trial);
    const CgOptions<S> options{.rtol = rtol_,
                               .max_iterations = max_iterations > 0 ? max_iterations : 2 * right_side_.size(),
                               .radius = trial.radius,
                               .threads = threads};
    const bool collects = preconditioner && preconditioner->pairs > 0,
               given = preconditioner && preconditioner->given();
    const auto apply = [&](const Vector<S>& v, Vector<S>& out) {
      q.multiply(v, out);
      if (collects) pairs_.offer(v, out);
    };
    const auto run = [&](auto&& m) { return cg<S>(apply, right_side_, options, work_, m); };
    const auto by_function = [&](const Vector<S>& r, Vector<S>& out) {
      given ? preconditioner->apply(x, r, out) : pairs_.apply(r, out);
    };
    const bool diagonal = diagonal_.inverse.size() > 0, function = given || pairs_.ready();
    if (collects) pairs_.begin(preconditioner->pairs);
    const CgOutcome out = function ? run(by_function) : diagonal ? run(diagonal_) : run(NoPreconditioner{});
    iterations += out.iterations, last_ = out.iterations, since_probe_ += out.iterations;
    if (out.iterations == 0 && !given && pairs_.ready()) {  // M is worn out
      pairs_.forget();
      return direct(q, x, trial);
    }
    if (out.iterations == 0) return without_product(q, x, out.exit);
    direction_ = work_.x;
    length_ = function || diagonal ? static_cast<S>(out.step_norm) : direction_.norm();
    slope_ = q.gradient.dot(direction_);
    curvature_ = 2 * (static_cast<S>(out.model) - slope_);
    // The direction is as long in the new unit as it was, so that the radius keeps its meaning: where it
    // binds M stays, or it would become another one with every step.
    if (collects && out.exit == KrylovExit::residual) pairs_.end(direction_, length_ * length_);
    return direction_.allFinite();
  }

  bool in_krylov_space(const ProductModel<S>& q, const Vector<S>& x, const Trial<S>& trial) {
    const Index n = right_side_.size();
    const Index most = std::min<Index>(max_iterations > 0 ? max_iterations : 200, n);
    const KrylovExit exit = space_.solve(q.multiply, q.gradient, trial.radius, rtol_, most);
    iterations += space_.products;
    if (space_.products == 0) return without_product(q, x, exit);
    in_space_ = true;
    take_from_space();
    return direction_.allFinite();
  }
  void take_from_space() {
    direction_ = space_.step;
    length_ = direction_.norm(), slope_ = space_.slope, curvature_ = space_.curvature;
  }

  /// Where no product along the gradient is finite, for one point in a row: the multiple of I whose Newton
  /// step is as long as x stands in for the Hessian, as in curvature/hessian.hpp.
  bool without_product(const ProductModel<S>& q, const Vector<S>& x, KrylovExit exit) {
    failure = exit == KrylovExit::nonfinite ? Status::nonfinite : Status::singular;
    if (exit != KrylovExit::nonfinite || stood_in_before_) return false;
    stood_in = true;
    const S g = q.gradient.norm();
    length_ = std::max(x.norm(), S(1));
    direction_ = (length_ / g) * right_side_;
    slope_ = -length_ * g, curvature_ = length_ * g;
    return direction_.allFinite();
  }

  /// Estimates the Hessian's diagonal where CG has become long, or long enough ago.
  void probe(const ProductModel<S>& q) {
    const Index probes = preconditioner->probes;
    const bool first = diagonal_.inverse.size() == 0;
    if (refused_ || (first ? last_ < 2 * probes : since_probe_ < 10 * probes)) return;
    if (!estimate_diagonal<S>(q.multiply, q.gradient.size(), probes, estimate_)) {
      refused_ = first;
      return;
    }
    since_probe_ = 0;
    // In the unit in which the last direction is as long as it was, so that the radius keeps its meaning.
    const S length = direction_.cwiseProduct(estimate_.cwiseSqrt()).norm();
    diagonal_.inverse = (length / length_) * (length / length_) * estimate_.cwiseInverse();
  }

  CgWorkspace<S> work_;
  LanczosStep<S> space_;
  LbfgsPreconditioner<S> pairs_;
  DiagonalPreconditioner<S> diagonal_;  ///< estimated; empty: none yet
  Vector<S> right_side_, direction_, estimate_;
  S eta_ = largest_eta, rtol_ = largest_eta, previous_ = 0, length_ = 0;
  S slope_ = 0, curvature_ = 0;  ///< g'd and d'Bd of the whole direction
  Index last_ = 0, since_probe_ = 0;
  bool solved_ = false, stood_in_before_ = false, refused_ = false;
  bool in_space_ = false;  ///< whether the direction is space_'s
};

}  // namespace osculate
