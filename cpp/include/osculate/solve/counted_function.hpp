#pragma once
// The loop's view of a function with a gradient: it counts the calls and keeps the last value.

#include "../types.hpp"

namespace osculate {

template <class P>
class CountedFunction {
 public:
  using S = typename P::Scalar;
  explicit CountedFunction(P& problem) : problem_(problem) {}

  S value(const Vector<S>& x) {
    ++evaluations_;
    return value_ = problem_.value(x);
  }
  void gradient(const Vector<S>& x, Vector<S>& g) {
    ++gradients_;
    problem_.gradient(x, g);
  }
  S last_value() const { return value_; }
  /// The solve goes on from a point whose value was not the last that it asked for.
  void back_to(S value) { value_ = value; }
  Index evaluations() const { return evaluations_; }
  Index derivative_evaluations() const { return gradients_; }

 protected:
  P& problem_;

 private:
  S value_ = 0;
  Index evaluations_ = 0, gradients_ = 0;
};

}  // namespace osculate
