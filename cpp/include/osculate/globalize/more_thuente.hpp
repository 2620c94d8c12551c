#pragma once
// A line search for the strong Wolfe conditions,
//   phi(t) <= phi(0) + c1 t phi'(0)   and   |phi'(t)| <= c2 |phi'(0)|,   phi(t) = f(x + t d),
// by More & Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM Trans. Math. Softw.
// 20, 1994: an interval that holds acceptable steps once it is bracketed, trials from cubics and secants in
// four cases (their section 4), first on psi(t) = phi(t) - phi(0) - c1 t phi'(0), which is negative where
// steps decrease f enough, later on phi.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "../linsolve/krylov.hpp"
#include "../types.hpp"

namespace osculate {

template <class S>
struct WolfeOptions {
  S sufficient = S(1e-4);  ///< c1 in (0, 1)
  S curvature = S(0.9);    ///< c2 in (c1, 1); the smaller, the nearer a stationary point of phi
  S shortest = 0;          ///< bounds of t
  S longest = std::numeric_limits<S>::infinity();
  S noise = 0;  ///< rounding error of phi: the first condition is met within it
  int most_evaluations = 30;
};

template <class S>
void check(const WolfeOptions<S>& o) {
  using detail::require;
  require(o.sufficient > 0 && o.sufficient < 1, "c1", "between 0 and 1", o.sufficient);
  require(o.curvature > o.sufficient && o.curvature < 1, "c2", "between c1 and 1", o.curvature);
  require(o.shortest >= 0 && std::isfinite(o.shortest), "shortest", "finite and at least 0", o.shortest);
  require(o.longest > o.shortest, "longest", "longer than the shortest step", o.longest);
  require(o.most_evaluations >= 1, "most_evaluations", "at least 1", o.most_evaluations);
}

/// How a search ended. Where f fell enough the step is the best one that was met, else it is zero.
enum class WolfeExit : std::int8_t {
  wolfe = 1,      ///< both conditions hold
  longest = 2,    ///< at the longest step f still falls as fast as the first condition asks
  decrease = -1,  ///< the evaluations or the numbers between the trials are used up: the first one holds
  max_iterations = -2,  ///< the evaluations are used up, and no step decreases f enough
  no_progress = -3,     ///< no number is left to try, and no step decreases f enough
  not_downhill = -4,    ///< phi'(0) is not negative, or something is not finite at the start
};

/// Cause and remedy in one sentence.
constexpr const char* sentence(WolfeExit exit) {
  switch (exit) {
    case WolfeExit::wolfe:
      return "The step fulfils both Wolfe conditions.";
    case WolfeExit::longest:
      return "The step is the longest allowed, and the function still falls there.";
    case WolfeExit::decrease:
      return "The step decreases the function enough, but no step was found where the slope is small enough.";
    case WolfeExit::max_iterations:
      return "The limit of evaluations was reached, and no step decreases the function enough; raise it.";
    case WolfeExit::no_progress:
      return "No step decreases the function enough although its slope promises it; check the gradient.";
    case WolfeExit::not_downhill:
      return "The function does not fall along the direction, or is not finite at the start.";
  }
  return "Unknown exit.";
}

/// The search as a sequence of questions: evaluate phi and phi' at `trial`, tell them to judge().
template <class S>
class MoreThuente {
 public:
  S trial = 0;                              ///< the next step to try; after the end the one to take
  WolfeExit exit = WolfeExit::no_progress;  ///< meaningful after the end
  int evaluations = 0;

  /// From phi(0) and phi'(0), which must be negative.
  MoreThuente(S value, S slope, const WolfeOptions<S>& options, S first = 1)
      : trial(std::clamp(first, options.shortest, options.longest)),
        options_(options),
        least_(options.sufficient * slope),
        slope_(slope),
        value_(value),
        best_{0, value, slope},
        other_{0, value, slope} {}

  /// False at the end.
  bool judge(S value, S slope) {
    ++evaluations;
    const Point at{trial, value, slope};
    if (!std::isfinite(value) || !std::isfinite(slope)) return retreat();
    const bool enough = falls_enough(at);
    if (enough && std::abs(slope) <= -options_.curvature * slope_) return end(WolfeExit::wolfe, at);
    if (enough && trial == options_.longest && slope <= least_) return end(WolfeExit::longest, at);
    const bool no_shorter = trial == options_.shortest && (!enough || slope >= least_);
    if (no_shorter || evaluations >= options_.most_evaluations) {
      if (enough && (value < best_.value || best_.step == 0)) best_ = at;
      return end(no_shorter ? WolfeExit::no_progress : WolfeExit::max_iterations);
    }
    if (enough && slope >= 0) on_psi_ = false;
    return advance(at);
  }

 private:
  struct Point {
    S step = 0, value = 0, slope = 0;
  };
  // The paper's section 4 (delta) and MINPACK's reach of a step that nothing brackets yet.
  static constexpr S share = S(0.66), least_reach = S(1.1), most_reach = 4;

  /// psi in place of phi: less c1 t phi'(0), which is the same for all three points.
  Point tilt(Point p) const {
    p.value -= p.step * least_, p.slope -= least_;
    return p;
  }

  bool advance(const Point& at) {
    // psi is looked at as long as no step is known to be acceptable, and only where phi alone would mislead.
    const bool tilted = on_psi_ && at.value <= best_.value && at.value > value_ + at.step * least_;
    const Point l = tilted ? tilt(best_) : best_, t = tilted ? tilt(at) : at,
                u = tilted ? tilt(other_) : other_;
    const S reach = at.step - best_.step;
    const S near = bracketed_ ? std::min(l.step, u.step) : at.step + least_reach * reach;
    const S far = bracketed_ ? std::max(l.step, u.step) : at.step + most_reach * reach;
    S next = 0;
    bool brackets = true;
    if (t.value > l.value) {
      const S c = cubic(l, t), q = parabola(l, t);
      next = std::abs(c - l.step) < std::abs(q - l.step) ? c : c + (q - c) / 2;
    } else if (opposite(t.slope, l.slope)) {
      const S c = cubic(l, t), s = secant(l, t);
      next = std::abs(c - t.step) >= std::abs(s - t.step) ? c : s;
    } else if (std::abs(t.slope) <= std::abs(l.slope)) {
      next = beyond(l, t, u, near, far), brackets = false;
    } else {
      next = bracketed_ ? cubic(u, t) : t.step > l.step ? far : near, brackets = false;
    }
    const bool bisects = brackets || bracketed_;
    if (t.value > l.value) {
      other_ = at;
    } else {
      if (opposite(t.slope, l.slope)) other_ = best_;
      best_ = at;
    }
    bracketed_ = bisects;
    if (!bracketed_) return propose(std::clamp(next, std::min(near, far), std::max(near, far)));
    const S width = std::abs(other_.step - best_.step);
    // Where two trials in a row leave more than a share of the interval it is halved.
    if (!std::isfinite(next) || width >= share * width_before_)
      next = best_.step + (other_.step - best_.step) / 2;
    width_before_ = width_, width_ = width;
    return propose(next);
  }

  /// The trial that slopes of one sign, falling in size, point to: beyond t.
  S beyond(const Point& l, const Point& t, const Point& u, S near, S far) const {
    const S c = cubic(l, t), s = secant(l, t), away = t.step - l.step;
    const bool valid = std::isfinite(c) && (c - t.step) * away > 0;
    const S farthest = away > 0 ? std::max(near, far) : std::min(near, far);
    const S cubed = valid ? c : farthest;
    if (!bracketed_) return std::abs(cubed - t.step) > std::abs(s - t.step) ? cubed : s;
    const S nearer = std::abs(cubed - t.step) < std::abs(s - t.step) ? cubed : s;
    const S most = t.step + share * (u.step - t.step);
    return away > 0 ? std::min(most, nearer) : std::max(most, nearer);
  }

  /// phi is not finite at the trial: no step is as long any more.
  bool retreat() {
    if (evaluations >= options_.most_evaluations) return end(WolfeExit::max_iterations);
    other_ = {trial, std::numeric_limits<S>::infinity(), std::numeric_limits<S>::infinity()};
    bracketed_ = true;
    width_ = width_before_ = std::numeric_limits<S>::infinity();
    return propose(best_.step + S(0.1) * (trial - best_.step));
  }

  /// Asks for a step, unless rounding leaves none.
  bool propose(S next) {
    next = std::clamp(next, options_.shortest, options_.longest);
    if (bracketed_) {
      const S low = std::min(best_.step, other_.step), high = std::max(best_.step, other_.step);
      constexpr S resolution = 4 * std::numeric_limits<S>::epsilon();
      if (!(high - low > resolution * high)) return end();
      if (!(next > low && next < high)) next = low + (high - low) / 2;
    }
    if (next == trial || !std::isfinite(next)) return end();
    trial = next;
    return true;
  }

  bool end(WolfeExit how, const Point& at) {
    exit = how, trial = at.step;
    return false;
  }
  /// With the best step of those met.
  bool end(WolfeExit without = WolfeExit::no_progress) {
    const bool falls = best_.step > 0 && falls_enough(best_);
    return end(falls ? WolfeExit::decrease : without, falls ? best_ : Point{});
  }

  /// Not by a promise below rounding alone.
  bool falls_enough(const Point& p) const {
    return p.value <= value_ + p.step * least_ + options_.noise && (p.value < value_ || options_.noise > 0);
  }

  static bool opposite(S a, S b) { return (a < 0) != (b < 0); }
  /// The minimizer of the parabola through l, its slope, and t.
  static S parabola(const Point& l, const Point& t) {
    const S h = t.step - l.step;
    return l.step + l.slope / ((l.value - t.value) / h + l.slope) / 2 * h;
  }
  /// Where the slope, linear between the points, vanishes.
  static S secant(const Point& l, const Point& t) {
    return t.step + t.slope / (t.slope - l.slope) * (l.step - t.step);
  }
  /// The minimizer of the cubic through both points with their slopes; NaN where it has none.
  static S cubic(const Point& l, const Point& t) {
    const S h = t.step - l.step, a = l.slope + t.slope - 3 * (t.value - l.value) / h;
    const S size = std::max({std::abs(a), std::abs(l.slope), std::abs(t.slope)});
    const S square = (a / size) * (a / size) - (l.slope / size) * (t.slope / size);
    const S root = std::copysign(size * std::sqrt(square), h);
    return t.step - h * (t.slope + root - a) / (t.slope - l.slope + 2 * root);
  }

  WolfeOptions<S> options_;
  S least_, slope_, value_;
  Point best_;   ///< the end of the interval with the lower value
  Point other_;  ///< its other end
  bool bracketed_ = false, on_psi_ = true;
  S width_ = std::numeric_limits<S>::infinity(), width_before_ = std::numeric_limits<S>::infinity();
};

/// Where a search along d ended.
template <class S>
struct LineSearchResult {
  WolfeExit exit = WolfeExit::not_downhill;
  S step = 0;           ///< t; 0: none was found, and x is the start
  Vector<S> x;          ///< x + t d
  S value = 0;          ///< f there
  Vector<S> gradient;   ///< there
  int evaluations = 0;  ///< of f and its gradient each, the start not counted
};

/// Searches along d from x; `problem` has value(x) and gradient(x, g), which is called after value(x).
template <class S, class Problem>
LineSearchResult<S> line_search(Problem& problem, const Vector<S>& x, const Vector<S>& d,
                                const WolfeOptions<S>& options, S first = 1) {
  check(options);
  detail::require(first > 0 && std::isfinite(first), "first", "positive and finite", first);
  LineSearchResult<S> out{.x = x, .gradient = {}};
  out.value = problem.value(x);
  problem.gradient(x, out.gradient);
  const S start = out.value, slope = out.gradient.dot(d);
  if (!std::isfinite(start) || !(slope < 0) || !std::isfinite(slope)) return out;
  MoreThuente<S> search(start, slope, options, first);
  const Vector<S> gradient = out.gradient;
  const auto go = [&] {
    ++out.evaluations;
    out.step = search.trial;
    out.x = x + out.step * d;
    out.value = problem.value(out.x);
    if (!std::isfinite(out.value)) return std::numeric_limits<S>::quiet_NaN();
    problem.gradient(out.x, out.gradient);
    return out.gradient.dot(d);
  };
  for (bool go_on = true; go_on;) {
    const S end_slope = go();
    go_on = search.judge(out.value, end_slope);
  }
  out.exit = search.exit;
  if (search.trial == 0)
    out.step = 0, out.x = x, out.value = start, out.gradient = gradient;
  else if (search.trial != out.step)
    go();  // back to the best step that was met
  return out;
}

}  // namespace osculate
