#pragma once
// M, an approximation of B^-1, from the directions of a run of conjugate gradients: BFGS updates of a
// multiple of I by pairs (p, B p), which the run makes anyway (Morales & Nocedal, SIAM J. Optim. 10, 2000,
// "Automatic preconditioning by limited memory quasi-Newton updating"). The pairs are spread evenly over the
// run, whatever its length.

#include <cmath>
#include <limits>
#include <vector>

#include "../types.hpp"

namespace osculate {

template <class S>
class LbfgsPreconditioner {
 public:
  /// Whether there is something to apply.
  bool ready() const { return !used_.empty(); }

  /// Collects at most `most` >= 2 pairs of a new run.
  void begin(Index most) {
    most_ = most, offered_ = 0, spacing_ = 1;
    collected_.clear();
  }

  /// A direction of the run and its product.
  void offer(const Vector<S>& p, const Vector<S>& bp) {
    if (offered_++ % spacing_ != 0) return;
    const S curvature = p.dot(bp), size = bp.squaredNorm();
    // BFGS keeps M positive definite as long as p'B p is, beyond rounding.
    constexpr S eps = std::numeric_limits<S>::epsilon();
    if (!(curvature > eps * p.norm() * std::sqrt(size)) || !std::isfinite(curvature + size)) return;
    if (Index(collected_.size()) == most_) thin_out();
    if ((offered_ - 1) % spacing_ == 0) collected_.push_back({p, bp, 1 / curvature});
  }

  /// From now on applies what was collected, if that is enough to be of use: in the unit in which d'M^-1 d is
  /// `square`.
  void end(const Vector<S>& d, S square) {
    if (Index(collected_.size()) < std::min<Index>(least, most_)) return;
    used_.swap(collected_);
    const Pair& last = used_.back();
    first_ = 1 / (last.inverse_curvature * last.y.squaredNorm());
    factor_ = 1;
    factor_ = inverse_form(d) / square;
    if (!(factor_ > 0) || !std::isfinite(factor_)) forget();
  }
  void forget() { used_.clear(); }

  /// out = M r, by the two loops of Nocedal (Math. Comp. 35, 1980).
  void apply(const Vector<S>& r, Vector<S>& out) {
    shares_.resize(used_.size());
    out = r;
    for (std::size_t k = used_.size(); k-- > 0;) {
      const Pair& pair = used_[k];
      shares_[k] = pair.inverse_curvature * pair.s.dot(out);
      out -= shares_[k] * pair.y;
    }
    out *= first_;
    for (std::size_t k = 0; k < used_.size(); ++k) {
      const Pair& pair = used_[k];
      out += (shares_[k] - pair.inverse_curvature * pair.y.dot(out)) * pair.s;
    }
    out *= factor_;
  }

 private:
  static constexpr Index least = 4;  ///< pairs that are worth their passes over memory
  struct Pair {
    Vector<S> s, y;
    S inverse_curvature;  ///< 1 / s'y
  };

  /// d'M^-1 d, by BFGS updates of the inverse of the multiple of I (Nocedal & Wright 2006, eq. 6.19).
  S inverse_form(const Vector<S>& d) const {
    std::vector<Vector<S>> updated;  // M_k^-1 s_k, M_k being made of the pairs before
    std::vector<S> forms;            // s_k'M_k^-1 s_k
    const auto with_pairs = [&](const Vector<S>& v, std::size_t count, Vector<S>& out) {
      out = v / first_;
      for (std::size_t k = 0; k < count; ++k)
        out += (used_[k].inverse_curvature * used_[k].y.dot(v)) * used_[k].y -
               (updated[k].dot(v) / forms[k]) * updated[k];
    };
    Vector<S> out;
    for (std::size_t k = 0; k < used_.size(); ++k) {
      with_pairs(used_[k].s, k, out);
      forms.push_back(used_[k].s.dot(out));
      updated.push_back(out);
    }
    with_pairs(d, used_.size(), out);
    return d.dot(out) / factor_;
  }

  /// Every other pair goes, and so does every other one that is to come.
  void thin_out() {
    std::size_t kept = 0;
    for (std::size_t k = 0; k < collected_.size(); k += 2) std::swap(collected_[kept++], collected_[k]);
    collected_.resize(kept);
    spacing_ *= 2;
  }

  Index most_ = 0, offered_ = 0, spacing_ = 1;
  std::vector<Pair> collected_, used_;
  std::vector<S> shares_;
  S first_ = 1;  ///< s'y / y'y of the last pair, the multiple of I that is updated
  S factor_ = 1;
};

}  // namespace osculate
