#pragma once
// Powell's dogleg (1970): the path from the Cauchy point to the Gauss-Newton step, cut at the trust region.
// One linear solve a point, however often the radius shrinks.

#include <cmath>

#include "../quadratic.hpp"

namespace osculate {

template <class S, class Inner>
struct Dogleg {
  Inner inner;
  Vector<S> newton{}, cauchy{}, gradient{}, product{}, held{};
  bool ready = false;

  template <class Model>
  void prepare(const Model& q) {
    inner.prepare(q);
  }

  template <class Model>
  void restrict(const Model& q, const Mask& fixed, const Vector<S>& displacement) {
    inner.restrict(q, fixed, displacement);
    held = displacement;
    gradient = q.gradient;
    if (!held.isZero(0)) {
      multiply(q.jacobian, held, product);
      Vector<S> shift;
      multiply_transposed(q.jacobian, product, shift);
      gradient += shift;
    }
    gradient = fixed.select(S(0), gradient);
    ready = false;
  }

  template <class Model>
  bool solve(const Model& q, const Vector<S>& x, Trial<S>& trial, Vector<S>& d) {
    if (!ready && !prepare_path(q, x)) return false;
    ready = true;
    const S radius = trial.radius, newton_length = length(q, newton), cauchy_length = length(q, cauchy);
    if (newton_length <= radius) {
      d = held + newton;
    } else if (cauchy_length >= radius) {
      d = held + (radius / cauchy_length) * cauchy;
    } else {
      const Vector<S> leg = newton - cauchy;
      const S a = scaled_dot(q, leg, leg), b = scaled_dot(q, cauchy, leg),
              c = cauchy_length * cauchy_length - radius * radius;
      d = held + cauchy + ((-b + std::sqrt(std::max(S(0), b * b - a * c))) / a) * leg;
    }
    return true;
  }

 private:
  template <class Model>
  bool prepare_path(const Model& q, const Vector<S>& x) {
    Trial<S> undamped;
    if (!inner.solve(q, x, undamped, newton)) return false;
    newton -= held;
    cauchy = (q.scale.array() > 0).select(-gradient.array() / q.scale.array().square(), S(0));
    multiply(q.jacobian, cauchy, product);
    const S curvature = product.squaredNorm();
    cauchy *= curvature > 0 ? -gradient.dot(cauchy) / curvature : S(0);
    return true;
  }
  template <class Model>
  static S scaled_dot(const Model& q, const Vector<S>& a, const Vector<S>& b) {
    return a.cwiseProduct(q.scale).dot(b.cwiseProduct(q.scale));
  }
  template <class Model>
  static S length(const Model& q, const Vector<S>& a) {
    return a.cwiseProduct(q.scale).norm();
  }
};

}  // namespace osculate
