// The residuals and analytic Jacobians of bench/batch_workloads.py as ceres::TinySolver functors. Eigen
// evaluates them in SIMD over the points of a fit, exp too; a loop over std::exp would be scalar.
#pragma once
#include <Eigen/Core>
#include <cstddef>

namespace workloads {

template <class S, int N, int P, int D>
struct Sizes {
  using Scalar = S;
  enum { NUM_RESIDUALS = N, NUM_PARAMETERS = P, NUM_COORDINATES = D };
  using Points = Eigen::Array<S, N, 1>;
  using Matrix = Eigen::Map<Eigen::Array<S, N, P>>;  // column-major, as TinySolver wants it

  const S* x;
  const S* y;
  mutable std::size_t residuals = 0, jacobians = 0;

  Eigen::Map<const Points> coordinate(int d) const { return Eigen::Map<const Points>(x + d * N); }
  Eigen::Map<const Points> data() const { return Eigen::Map<const Points>(y); }
  void count(const S* J) const { ++(J ? jacobians : residuals); }
};

template <class S>
struct Gaussian2D : Sizes<S, 25, 5, 2> {
  using Base = Sizes<S, 25, 5, 2>;
  bool operator()(const S* p, S* r, S* J) const {
    this->count(J);
    const S c = 1 / (p[3] * p[3]);
    const typename Base::Points dx = this->coordinate(0) - p[1], dy = this->coordinate(1) - p[2];
    const typename Base::Points r2 = dx.square() + dy.square(), e = (S(-0.5) * c * r2).exp();
    Eigen::Map<typename Base::Points>{r} = p[0] * e + p[4] - this->data();
    if (J) {
      typename Base::Matrix M(J);
      const typename Base::Points slope = (p[0] * c) * e;
      M.col(0) = e;
      M.col(1) = slope * dx;
      M.col(2) = slope * dy;
      M.col(3) = slope * r2 * (1 / p[3]);
      M.col(4).setOnes();
    }
    return true;
  }
};

template <class S>
struct Gaussian : Sizes<S, 64, 4, 1> {
  using Base = Sizes<S, 64, 4, 1>;
  bool operator()(const S* p, S* r, S* J) const {
    this->count(J);
    const S c = 1 / (p[2] * p[2]);
    const typename Base::Points d = this->coordinate(0) - p[1], e = (S(-0.5) * c * d.square()).exp();
    Eigen::Map<typename Base::Points>{r} = p[0] * e + p[3] - this->data();
    if (J) {
      typename Base::Matrix M(J);
      M.col(0) = e;
      M.col(1) = (p[0] * c) * e * d;
      M.col(2) = M.col(1) * d * (1 / p[2]);
      M.col(3).setOnes();
    }
    return true;
  }
};

template <class S>
struct Biexponential : Sizes<S, 256, 5, 1> {
  using Base = Sizes<S, 256, 5, 1>;
  bool operator()(const S* p, S* r, S* J) const {
    this->count(J);
    const typename Base::Points e1 = (-p[1] * this->coordinate(0)).exp();
    const typename Base::Points e2 = (-p[3] * this->coordinate(0)).exp();
    Eigen::Map<typename Base::Points>{r} = p[0] * e1 + p[2] * e2 + p[4] - this->data();
    if (J) {
      typename Base::Matrix M(J);
      M.col(0) = e1;
      M.col(1) = -p[0] * this->coordinate(0) * e1;
      M.col(2) = e2;
      M.col(3) = -p[2] * this->coordinate(0) * e2;
      M.col(4).setOnes();
    }
    return true;
  }
};

template <class S>
struct Exponential : Sizes<S, 16, 3, 1> {
  using Base = Sizes<S, 16, 3, 1>;
  bool operator()(const S* p, S* r, S* J) const {
    this->count(J);
    const typename Base::Points e = (-p[1] * this->coordinate(0)).exp();
    Eigen::Map<typename Base::Points>{r} = p[0] * e + p[2] - this->data();
    if (J) {
      typename Base::Matrix M(J);
      M.col(0) = e;
      M.col(1) = -p[0] * this->coordinate(0) * e;
      M.col(2).setOnes();
    }
    return true;
  }
};

}  // namespace workloads
