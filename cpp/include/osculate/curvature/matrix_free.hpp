#pragma once
// B known by its products alone: a callback v -> B v, which need not be positive semidefinite.

#include <functional>

#include "../linsolve/lanczos.hpp"
#include "../linsolve/preconditioner.hpp"
#include "../quadratic.hpp"

namespace osculate {

template <class S>
struct ProductModel : Quadratic<S> {
  std::function<void(const Vector<S>&, Vector<S>&)> multiply;  ///< out = B v at the model's point
  Index certifying_products = 0;  ///< most of Lanczos' steps; 0: no look at curvature
  S product_noise = 0;            ///< relative error of a product
  /// The reduction that the step last solved for promises: set by linsolve/, which knows it without a
  /// product.
  mutable S promise = 0;
  mutable S step_length = 0;  ///< and the step's length, in the metric of the radius

  S predicted_reduction(const Vector<S>&) const { return promise; }

  bool may_be_minimum() {
    constexpr S resolution = S(0.1);
    const Index n = this->gradient.size();
    if (certifying_products == 0) {
      this->curvature = {.certificate = Certificate::first_order_only};
      return true;
    }
    const S noise = std::max(product_noise, static_cast<S>(n) * std::numeric_limits<S>::epsilon());
    const LowestRitz<S> found = lanczos_lowest<S>(multiply, n, certifying_products, -noise);
    const bool negative = found.vector.size() > 0;
    this->curvature = {.certificate = !found.finite ? Certificate::first_order_only
                                      : negative    ? Certificate::negative_curvature
                                                    : Certificate::no_negative_curvature_found,
                       .lowest = found.value,
                       .products = found.products,
                       .failure_bound = static_cast<S>(
                           found.complete ? 0 : lanczos_failure_bound(n, found.products, resolution)),
                       .resolution = resolution,
                       .escape = found.vector};
    return !negative;
  }
};

/// The model of a problem with value, gradient(x, g) and product(x, v, out).
template <class S>
struct MatrixFree {
  Index certifying_products = 0;
  const Preconditioner<S>* preconditioner = nullptr;  ///< none

  template <class Problem>
  bool operator()(Problem& problem, const Vector<S>& x, ProductModel<S>& q) {
    q.value = problem.last_value();
    problem.gradient(x, q.gradient);
    q.value_noise = problem.epsilon() * std::abs(q.value);
    q.slack = 10 * q.value_noise;
    q.curvature = {};
    q.certifying_products = certifying_products;
    q.product_noise = problem.product_noise();
    q.multiply = [&problem, x](const Vector<S>& v, Vector<S>& out) { problem.product(x, v, out); };
    if (q.scale.size() != x.size()) {
      q.scale.setOnes(x.size());
      const bool metric = preconditioner && preconditioner->given();
      if ((metric || x.isZero(0)) && q.gradient.allFinite())
        q.natural_radius = metric ? conditioned_length(q, x) : cauchy_length(q);
    }
    return std::isfinite(q.value) && q.gradient.allFinite();
  }

 private:
  /// The length of the steepest-descent step to the model's minimum; 1 without curvature.
  static S cauchy_length(const ProductModel<S>& q) {
    const S length = q.gradient.norm();
    if (!(length > 0)) return 1;
    const Vector<S> u = q.gradient / length;
    Vector<S> product;
    q.multiply(u, product);
    const S curvature = std::abs(u.dot(product));
    return curvature > 0 && std::isfinite(curvature) ? length / curvature : S(1);
  }
  /// The same for the direction -M g, in the norm of M^-1.
  S conditioned_length(const ProductModel<S>& q, const Vector<S>& x) const {
    Vector<S> z, product;
    preconditioner->apply(x, q.gradient, z);
    const S slope = q.gradient.dot(z);
    q.multiply(z, product);
    const S curvature = std::abs(z.dot(product)), length = slope / curvature * std::sqrt(slope);
    return length > 0 && std::isfinite(length) ? length : S(1);
  }
};

}  // namespace osculate
