#pragma once
// One step of Hessian-free optimization (Martens, "Deep learning via Hessian-free optimization", ICML 2010;
// Martens & Sutskever 2012): CG on (B + lambda I) d = -g from the last solution, stopped where the quadratic
// hardly falls; of the iterates kept on the way the one that suits the loss; a line search along it; and
// lambda from how well the quadratic foretold the loss. B may be indefinite, and differ from g in its batch.

#include <cmath>

#include "../linsolve/cg.hpp"
#include "hessian_free_types.hpp"

namespace osculate {

/// Memory of a step, worth keeping from one to the next.
template <class S>
struct HessianFreeWorkspace {
  struct Checkpoint {
    Vector<S> x{};
    double model = 0, slope = 0;
    Index iteration = 0;
  };
  CgWorkspace<S> cg;
  Vector<S> point;  ///< what the loss sees; at the end where the step leads, if it was accepted
  Vector<S> right_side;
  std::vector<Checkpoint> saved;
  DiagonalPreconditioner<S> diagonal;
};

/// The diagonal of B or of an estimate of it, at least 0: the preconditioner is (diagonal + lambda)^exponent.
template <class S>
struct DampedDiagonal {
  Eigen::Ref<const Vector<S>> diagonal;
};

namespace detail {

template <class S, class Loss, class Apply, class Precondition>
struct HessianFree {
  using Numbers = Eigen::Ref<const Vector<S>>;
  const Numbers& theta;
  const Numbers& gradient;
  Loss& loss;
  Apply& apply;
  Precondition& precondition;
  const HessianFreeOptions& options;
  HessianFreeState<S>& state;
  HessianFreeWorkspace<S>& work;
  Sweep<S> sweep;
  HessianFreeStep out{};
  std::size_t kept = 0;  // of work.saved
  bool refused = false;  // the preconditioner, at once
  Index next = 1;        // the iteration whose iterate is kept next
  const S* last_product = nullptr;

  // Armijo's constant and the number of halvings, 1e-6 in all: as far as Martens' own code goes.
  static constexpr double sufficient = 1e-2;
  static constexpr int halvings = 20;

  HessianFreeStep run(double value) {
    out.before = out.after = value;
    const double square = dot(gradient.data(), gradient.data());
    out.damping = state.damping;
    if (!std::isfinite(value) || !std::isfinite(square)) return end(HessianFreeExit::nonfinite);
    if (gradient.isZero(0)) return end(HessianFreeExit::stationary);
    out.damping = state.damping > 0 ? state.damping : first_damping(square);
    solve(options.decay > 0 && state.direction.size() == theta.size());
    if (kept == 0 || refused) return end(without_direction());
    const bool accepted = search(backtrack());
    adapt(accepted);
    return end(accepted ? HessianFreeExit::accepted : HessianFreeExit::rejected);
  }

  HessianFreeExit without_direction() const {
    if (out.cg_exit == KrylovExit::preconditioner) return HessianFreeExit::preconditioner;
    const bool finite = out.cg_exit != KrylovExit::nonfinite && !out.negative_curvature;
    return finite ? HessianFreeExit::stationary : HessianFreeExit::nonfinite;  // g so small that g'g is zero
  }

  double first_damping(double square) {
    if (options.damping > 0) return std::max(options.damping, least());
    work.cg.p = gradient;
    const double curvature = dot(work.cg.p.data(), multiply(work.cg.p, work.cg.q));
    // Along a gradient without curvature: what makes a step of steepest descent 1000 long.
    const bool curved = curvature != 0 && std::isfinite(curvature) && square > 0;
    const double lambda = curved ? std::abs(curvature) / square : std::sqrt(square);
    return std::clamp(1e-3 * lambda, least(), most());
  }

  /// CG from the last solution; from zero where that leads to no iterate below the model's value at zero.
  void solve(bool warm) {
    work.right_side = -gradient;
    const CgOptions<S> how{.rtol = 100 * std::numeric_limits<S>::epsilon(),
                           .max_iterations = std::min(options.max_cg_iterations, 2 * theta.size()),
                           .damping = static_cast<S>(out.damping),
                           .progress_tolerance = static_cast<S>(options.progress_tolerance),
                           .warm_start = warm,
                           .threads = options.threads,
                           .executor = options.executor};
    if (warm) work.cg.x = static_cast<S>(options.decay) * state.direction;
    kept = 0, next = 1;
    const auto product = [&](const Vector<S>& v, Vector<S>& to) { return multiply(v, to); };
    const auto observe = [&](const KrylovIteration& at, const Vector<S>& x) {
      if (at.iteration < next) return true;
      keep(x, at.model, at.iteration);
      next = std::max(at.iteration + 1,
                      static_cast<Index>(std::ceil(double(at.iteration) * options.checkpoint_ratio)));
      return true;
    };
    CgOutcome end;
    if constexpr (std::is_same_v<std::remove_cvref_t<Precondition>, DampedDiagonal<S>>) {
      const S lambda = static_cast<S>(out.damping), power = static_cast<S>(-options.exponent);
      work.diagonal.inverse = (precondition.diagonal.array() + lambda).pow(power).matrix();
      end = cg<S>(product, work.right_side, how, work.cg, work.diagonal, observe);
    } else {
      end = cg<S>(product, work.right_side, how, work.cg, precondition, observe);
    }
    out.cg_exit = end.exit, out.cg_iterations += end.iterations;
    refused = end.exit == KrylovExit::preconditioner && end.iterations == 0;
    if (kept == 0 || work.saved[kept - 1].iteration != end.iterations)
      keep(work.cg.x, end.model, end.iterations);
    if (end.exit == KrylovExit::negative_curvature) descend_further(end);
    if (kept == 0 && warm && !refused) solve(false);
  }

  /// Where p'(B + lambda I)p = -c: from CG's iterate along p, as far as a curvature of +c would lead. The
  /// quadratic knows no better length, for it falls without end.
  void descend_further(const CgOutcome& end) {
    out.negative_curvature = true;
    const S *p = work.cg.p.data(), *r = work.cg.r.data();
    const double pp = dot(p, p), scale = std::sqrt(dot(r, r)) / end.residual_norm;
    const double fall = dot(p, r) / scale, curvature = dot(p, last_product) + out.damping * pp;
    const auto go = [&](double length) {
      if (!(length > 0) || !std::isfinite(length)) return false;
      work.point = work.cg.x + static_cast<S>(length) * work.cg.p;
      const double model = end.model - length * fall + length * length * curvature / 2;
      return keep(work.point, model, end.iterations + 1);
    };
    if (!go(fall / std::max(std::abs(curvature), out.damping * pp))) go(1 / std::sqrt(pp));
  }

  /// Keeps an iterate below the model's value at zero, uphill ones (where B is indefinite) turned round.
  bool keep(const Vector<S>& x, double model, Index iteration) {
    if (!(model < 0) || !std::isfinite(model) || !x.allFinite()) return false;
    if (kept == work.saved.size()) work.saved.emplace_back();
    auto& to = work.saved[kept];
    to.x = x, to.model = model, to.iteration = iteration;
    to.slope = dot(gradient.data(), x.data());
    if (!std::isfinite(to.slope)) return false;
    if (to.slope > 0) to.x = -to.x, to.model -= 2 * to.slope, to.slope = -to.slope;
    ++kept;
    return true;
  }

  /// From the last iterate back as long as the loss falls: the index of the best, with its loss in out.after.
  std::size_t backtrack() {
    std::size_t best = 0;
    out.after = std::numeric_limits<double>::infinity();
    for (std::size_t k = kept; k-- > 0;) {
      const double value = evaluate(k, 1);
      if (std::isfinite(value) && value < out.after)
        best = k, out.after = value;
      else if (std::isfinite(out.after))
        break;
    }
    return best;
  }

  /// Halves the step until the loss falls enough. Where the whole step promises less than rounding, it need
  /// not fall.
  bool search(std::size_t best) {
    const auto& d = work.saved[best];
    const double square = dot(d.x.data(), d.x.data());
    const double bend = 2 * (d.model - d.slope) - out.damping * square;  // d'Bd
    const double noise = 10 * double(std::numeric_limits<S>::epsilon()) * std::abs(out.before);
    const auto reduction = [&](double t) { return -t * (d.slope + t * bend / 2); };
    const double first = reduction(1);
    const double slack = first <= noise ? noise : 0;
    out.ratio = !std::isfinite(out.after) ? -std::numeric_limits<double>::infinity()
                                          : (out.before - out.after + slack) / (first + slack);
    out.checkpoints = static_cast<Index>(kept), out.checkpoint = d.iteration;
    double t = 1, value = out.after;
    for (int k = 0; k <= halvings; ++k, t /= 2) {
      if (k > 0) value = evaluate(best, t);
      const double asked = sufficient * t * (d.slope + std::min(0.0, t * bend / 2));
      if (!std::isfinite(value) || !(value <= out.before + asked + slack)) continue;
      place(best, t);
      out.after = value, out.scale = t, out.predicted = reduction(t);
      out.slope = t * d.slope, out.step_norm = t * std::sqrt(square);
      return true;
    }
    out.after = out.before, out.predicted = first, out.slope = d.slope, out.step_norm = std::sqrt(square);
    return false;
  }

  /// Levenberg & Marquardt's lambda by Martens' factors (2010, section 4.1), and the next start of CG.
  void adapt(bool accepted) {
    const double factor = !(out.ratio >= 0.25) ? 1.5 : out.ratio > 0.75 ? 2.0 / 3 : 1;
    state.damping = std::clamp(out.damping * factor, least(), most());
    if (accepted && work.cg.x.allFinite())
      state.direction = work.cg.x;
    else
      state.direction.resize(0);
  }

  /// The loss at theta + t times an iterate.
  double evaluate(std::size_t k, double t) {
    place(k, t);
    ++out.losses;
    return loss(static_cast<const Vector<S>&>(work.point));
  }
  void place(std::size_t k, double t) {
    work.point.resize(theta.size());
    const S length = static_cast<S>(t), *from = theta.data(), *d = work.saved[k].x.data();
    S* to = work.point.data();
    sweep([=](const auto& at) { at.store(to, at.load(from) + length * at.load(d)); });
  }
  const S* multiply(const Vector<S>& v, Vector<S>& to) {
    ++out.products;
    to.resize(v.size());
    return last_product = product<S>(apply, v, to);
  }
  double dot(const S* a, const S* b) {
    return sweep.template operator()<1>(
        [=](const auto& at) { at.template add<0>(at.load(a), at.load(b)); })[0];
  }
  double least() const {
    return std::clamp(options.least_damping, double(std::numeric_limits<S>::min()), most());
  }
  static double most() { return double(std::numeric_limits<S>::max()) / 4; }
  HessianFreeStep end(HessianFreeExit exit) {
    out.exit = exit;
    return out;
  }
};

}  // namespace detail

/// A step from theta, where the loss is `value`, into work.point. `gradient` may come from another batch than
/// `loss(point) -> double` and the products `apply(v, out)` (see cg), which should be of the same one. The
/// state changes only at the end of a step that came as far as judging the loss: exceptions of the functions
/// pass through and leave it as it was.
template <class S, class Loss, class Apply, class Precondition = const NoPreconditioner>
HessianFreeStep hessian_free_step(const Eigen::Ref<const Vector<S>>& theta, double value,
                                  const Eigen::Ref<const Vector<S>>& gradient, Loss&& loss, Apply&& apply,
                                  const HessianFreeOptions& options, HessianFreeState<S>& state,
                                  HessianFreeWorkspace<S>& work, Precondition&& precondition = {}) {
  return detail::HessianFree<S, std::remove_reference_t<Loss>, std::remove_reference_t<Apply>,
                             std::remove_reference_t<Precondition>>{
      .theta = theta,
      .gradient = gradient,
      .loss = loss,
      .apply = apply,
      .precondition = precondition,
      .options = options,
      .state = state,
      .work = work,
      .sweep = Sweep<S>(theta.size(), options.threads, options.executor)}
      .run(value);
}

}  // namespace osculate
