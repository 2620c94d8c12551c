#pragma once
// The only convergence tests. Nothing here is absolute except Newton's gtol, which means what SciPy's means.

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <type_traits>

#include "quadratic.hpp"
#include "status.hpp"

namespace osculate {

/// Defaults: 1e-8 in double, SciPy's; in float 1e-4 for gtol and 4 eps for the others.
template <class S>
struct Tolerances {
  static constexpr bool is_float = std::is_same_v<S, float>;
  S ftol = is_float ? 4 * std::numeric_limits<S>::epsilon() : S(1e-8);  ///< Status::cost; 0: no such test
  S xtol = is_float ? 4 * std::numeric_limits<S>::epsilon() : S(1e-8);  ///< Status::step; 0: no such test
  S gtol = is_float ? S(1e-4) : S(1e-8);                                ///< Status::gradient; 0: no such test
  Index max_iterations = 0;   ///< accepted points; 0: no limit of its own
  Index max_evaluations = 0;  ///< values of f; 0: 100 times the number of variables
  S gtol_relative = 0;  ///< Status::gradient also at this share of the measure at the start; 0: no such test
};

template <class S>
void check(const Tolerances<S>& t) {
  const auto refuse = [](const char* name, const auto& least, const auto& got) {
    std::ostringstream message;
    message << name << " must be " << least << ", got " << got;
    throw std::invalid_argument(message.str());
  };
  const auto tolerance = [&](const char* name, S value) {
    constexpr S epsilon = std::numeric_limits<S>::epsilon();
    std::ostringstream least;
    least << "0 (no such test) or at least the machine epsilon " << epsilon;
    if (value != 0 && !(value >= epsilon)) refuse(name, least.str(), value);
  };
  tolerance("ftol", t.ftol), tolerance("xtol", t.xtol), tolerance("gtol", t.gtol);
  tolerance("gtol_relative", t.gtol_relative);
  if (t.max_iterations < 0) refuse("max_iterations", "at least 0", t.max_iterations);
  if (t.max_evaluations < 0) refuse("max_evaluations", "at least 0", t.max_evaluations);
}

/// max |g_i| / gradient_scale_i over the free variables: the cosine between column and residual in least
/// squares (More 1978, eq. 6.1), the largest gradient element otherwise. Zero when nothing is free; NaN where
/// an element is.
template <class S>
S optimality(const Quadratic<S>& q) {
  S largest = 0;
  for (Index i = 0; i < q.gradient.size(); ++i) {
    if (q.fixed[i] || q.gradient[i] == 0) continue;
    S g = std::abs(q.gradient[i]);
    if (q.gradient_scale.size()) g /= q.gradient_scale[i];
    if (std::isnan(g)) return g;
    largest = std::max(largest, g);
  }
  return largest;
}

/// What is known of one judged trial.
template <class S>
struct Judged {
  S predicted = 0;  ///< reduction of the model
  S actual = 0;     ///< reduction of f, -inf when f is not finite there
  S ratio = 0;      ///< actual / predicted
  S slope = 0;      ///< g's, negative for a descent step
  S step = 0;       ///< |D s|
  S length = 0;     ///< of s in the metric of the radius where that is another; 0: it is |D s|
  S end_slope = 0;  ///< s'g at the end of the trial step, for a globalization that looks at it
  S share = 1;      ///< of the way to the model's minimum that the step goes, for a model that tells it
  S noise = 0;      ///< |e|'|s|, the part of `predicted` that an error e = gradient_noise of g makes up
  bool accepted = false;
};

template <class S>
class Stop {
 public:
  explicit Stop(const Tolerances<S>& tolerances) : t_(tolerances) {}

  /// Tests at an accepted point. Status::not_run: go on.
  Status at_point(const Quadratic<S>& q, S measure) {
    if (q.residual_at_rounding) return Status::residual;
    if (first_ < 0) first_ = measure;
    if (t_.gtol > 0 && measure <= t_.gtol) return Status::gradient;
    if (t_.gtol_relative > 0 && measure <= t_.gtol_relative * first_) return Status::gradient;
    return Status::not_run;
  }

  /// Tests after a trial. `measure` is optimality(q) at x, `scaled_x` is |D x| at the better of both points.
  Status after_trial(const Quadratic<S>& q, const Judged<S>& j, S measure, S scaled_x) {
    if (j.accepted)
      contradicted_ = false;
    else if (j.predicted > measurable * (q.value_noise + j.noise))
      contradicted_ = j.ratio >= -contradiction;
    // A rejected step says nothing good about a point that is not stationary: go on shortening it.
    if (!j.accepted && !stationary(q, measure)) return Status::not_run;
    const bool small_cost = t_.ftol > 0 && std::abs(j.actual) <= t_.ftol * std::abs(q.value) &&
                            j.predicted <= t_.ftol * std::abs(q.value) && j.ratio <= 2;
    if (small_cost && !contradicted_) return Status::cost;
    if (t_.xtol > 0 && j.step <= t_.xtol * scaled_x)
      return contradicted_ ? Status::no_progress : Status::step;
    return Status::not_run;
  }

  /// What after_trial said of an accepted step, in the light of the gradient at the new point. With a large
  /// residual convergence is linear, and cost differences fall below ftol while weakly determined parameters
  /// still move (NIST's ENSO stopped with three digits); short steps alone may come from a short radius.
  Status confirm(Status status, const Quadratic<S>& q, S measure) const {
    if (q.gradient_scale.size() == 0) return status;
    if (status == Status::step && !stationary(q, measure)) return Status::not_run;
    const S enough = std::max(std::pow(t_.ftol, S(0.75)), std::sqrt(std::numeric_limits<S>::epsilon()));
    if (status == Status::cost && measure > std::max(enough, noise_cosine(q))) return Status::not_run;
    return status;
  }

  /// After an accepted step that the rounding of f hid: whether the gradient, which led on, still shrinks.
  /// The model's minimum leaves nothing of it, a share s of the way 1 - s: half the promise is enough. A step
  /// that had to be `shortened` until rounding hid it says nothing good about the point: f did not do what
  /// the derivatives promised while it could be seen.
  static Status exhausted(const Quadratic<S>& q, const Judged<S>& j, S before, S after,
                          bool shortened = false) {
    const bool hidden = q.slack > 0 && j.predicted <= q.slack && std::abs(j.actual) <= q.slack;
    if (!hidden || !(after > (1 - j.share / 2) * before)) return Status::not_run;
    return shortened ? Status::no_progress : Status::cost;
  }

  /// Where no step reduces f: a cost within its own rounding error is that of a solution.
  static Status given_up(const Quadratic<S>& q) {
    const bool solved = q.gradient_scale.size() > 0 && q.value <= q.value_noise;
    return solved ? Status::residual : Status::no_progress;
  }

  Status at_limit(Index iterations, Index evaluations, Index variables) const {
    const Index limit = t_.max_evaluations > 0 ? t_.max_evaluations : 100 * variables;
    const bool out = evaluations >= limit || (t_.max_iterations > 0 && iterations >= t_.max_iterations);
    return out ? Status::max_iterations : Status::not_run;
  }

 private:
  /// The cosine c whose promise, a reduction by c^2 f, drowns in the rounding error of f.
  static S noise_cosine(const Quadratic<S>& q) {
    return q.value > 0 ? std::sqrt(measurable * q.value_noise / q.value) : std::numeric_limits<S>::infinity();
  }
  /// Whether the gradient allows to call the point converged at all: the reduction it promises is below 1e-4
  /// of f, which leaves room for functions that are as noisy as that, or below rounding.
  static bool stationary(const Quadratic<S>& q, S measure) {
    return q.gradient_scale.size() == 0 || measure <= std::max(S(1e-2), noise_cosine(q));
  }

  // A rejected step whose predicted reduction stands out of the rounding error of f and the errors of our own
  // differences, and whose actual change is of the predicted size, contradicts the derivatives: short steps
  // that keep doing so are no convergence.
  // Where f changes by far more than predicted it is noise. Two orders of magnitude each way.
  static constexpr S measurable = 100, contradiction = 100;
  Tolerances<S> t_;
  bool contradicted_ = false;
  S first_ = -1;  ///< the measure at the start
};

}  // namespace osculate
