#pragma once
// More & Thuente's line search (more_thuente.hpp) as a globalization: steps fulfil the strong Wolfe
// conditions, and may be longer than the direction that was solved for. A direction of negative curvature
// is judged as in line_search.hpp, by the reduction of the model.

#include <optional>

#include "line_search.hpp"
#include "more_thuente.hpp"

namespace osculate {

template <class S>
struct WolfeSearch {
  WolfeOptions<S> options{};
  /// A direction that is longer than this times |D x0|, and leads uphill, is searched up to that length only
  /// (Dennis & Schnabel 1983, algorithm A6.3.1): of one over a curvature of e^-200 no number of halvings is
  /// enough.
  S most_growth = 1000;

  LineSearch<S> curved{};
  std::optional<MoreThuente<S>> search{};
  bool ended = false;  ///< the search went back to the best step that it met
  S reach = 0;

  void first(const Quadratic<S>& q, const Vector<S>& x) {
    const S length = x.cwiseProduct(q.scale).norm();
    reach = most_growth * (length > 0 ? length : q.natural_radius);
  }
  Trial<S> start(const Quadratic<S>& q) {
    search.reset();
    ended = false;
    return curved.start(q);
  }
  /// Whether the slope at the end of a trial is asked for.
  bool looks_at_end(const Quadratic<S>& q) const { return q.curvature.escape.size() == 0; }

  Verdict judge(const Quadratic<S>& q, const Judged<S>& judged, Trial<S>& trial) {
    if (!looks_at_end(q)) return curved.judge(q, judged, trial);
    if (!(judged.slope < 0)) return Verdict::give_up;
    const bool hidden = -judged.slope <= q.slack && std::abs(judged.actual) <= q.slack;
    if (ended || hidden) return Verdict::accept;
    if (!search) {
      options.noise = q.slack;
      const bool uphill = !(judged.actual + q.slack >= -options.sufficient * judged.slope);
      const S first = uphill && judged.step > reach ? reach / judged.step : S(1);
      WolfeOptions<S> here = options;
      if (first < 1) here.longest = first;
      search.emplace(S(0), judged.slope / trial.scale, here, first);
      if (first < 1) return go(trial);
    }
    if (search->judge(-judged.actual, judged.end_slope / trial.scale)) return go(trial);
    if (search->trial == trial.scale) return Verdict::accept;
    ended = true;
    return search->trial > 0 ? go(trial) : Verdict::give_up;
  }

 private:
  Verdict go(Trial<S>& trial) const {
    trial.scale = search->trial;
    return Verdict::rescale;
  }
};

}  // namespace osculate
