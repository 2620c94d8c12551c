// solve/newton.hpp with a sparse Hessian: linsolve/sparse_hessian_factor.hpp,
// curvature/sparse_certificate.hpp.

#include <doctest/doctest.h>

#include <osculate/solve/newton.hpp>

using namespace osculate;

namespace {

/// sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2 with a tridiagonal Hessian, dense or sparse.
template <class H>
struct ChainedRosenbrock {
  using Scalar = double;
  using Hessian = H;

  double value(const Vector<double>& x) {
    double sum = 0;
    for (Index i = 0; i + 1 < x.size(); ++i) {
      const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
      sum += 100 * a * a + b * b;
    }
    return sum;
  }
  void derivatives(const Vector<double>& x, Vector<double>& g, H& h) {
    const Index n = x.size();
    g.setZero(n);
    std::vector<Eigen::Triplet<double>> entries;
    for (Index i = 0; i + 1 < n; ++i) {
      const double a = x[i + 1] - x[i] * x[i];
      g[i] += -400 * a * x[i] - 2 * (1 - x[i]);
      g[i + 1] += 200 * a;
      entries.emplace_back(int(i), int(i), 1200 * x[i] * x[i] - 400 * x[i + 1] + 2);
      entries.emplace_back(int(i + 1), int(i), -400 * x[i]);
      entries.emplace_back(int(i + 1), int(i + 1), 200);
    }
    SparseMatrix<double> sparse(n, n);
    sparse.setFromTriplets(entries.begin(), entries.end());
    h = sparse;
  }
};

/// sum_i (-1)^i x_i^2 + x_i^4: saddles everywhere in the subspace where the odd x_i are zero. The Hessian is
/// diagonal, and its zeros are not stored.
struct Wells {
  using Scalar = double;
  using Hessian = SparseMatrix<double>;
  double value(const Vector<double>& x) {
    double sum = 0;
    for (Index i = 0; i < x.size(); ++i) sum += (i % 2 ? -1 : 1) * x[i] * x[i] + std::pow(x[i], 4);
    return sum;
  }
  void derivatives(const Vector<double>& x, Vector<double>& g, Hessian& h) {
    g.resize(x.size());
    h.resize(x.size(), x.size());
    h.setZero();
    for (Index i = 0; i < x.size(); ++i) {
      g[i] = (i % 2 ? -2 : 2) * x[i] + 4 * std::pow(x[i], 3);
      const double d = (i % 2 ? -2 : 2) + 12 * x[i] * x[i];
      if (d != 0) h.insert(i, i) = d;
    }
    h.makeCompressed();
  }
};

constexpr NewtonStrategy strategies[] = {NewtonStrategy::trust_region, NewtonStrategy::line_search};

}  // namespace

TEST_CASE("a_sparse_hessian_gives_the_iterates_of_the_dense_one") {
  for (const NewtonStrategy strategy : strategies) {
    ChainedRosenbrock<Matrix<double>> dense;
    ChainedRosenbrock<SparseMatrix<double>> sparse;
    const Vector<double> start = Vector<double>::Constant(12, 1.3);
    const auto a = newton(dense, start, {.strategy = strategy});
    const auto b = newton(sparse, start, {.strategy = strategy});
    CHECK(a.status == Status::gradient);
    CHECK(b.status == Status::gradient);
    CHECK(a.iterations == b.iterations);
    CHECK((a.x - b.x).norm() <= 1e-10);
    CHECK(b.curvature.certificate == Certificate::minimum);
  }
}

TEST_CASE("a_long_tridiagonal_hessian_takes_linear_work") {
  ChainedRosenbrock<SparseMatrix<double>> f;
  const auto fit = newton(f, Vector<double>(Vector<double>::Constant(20000, 1.2)));
  CHECK(fit.status == Status::gradient);
  CHECK((fit.x - Vector<double>::Ones(20000)).lpNorm<Eigen::Infinity>() <= 1e-6);
  CHECK(fit.hessian.nonZeros() <= 2 * 20000);
}

TEST_CASE("sparse_saddles_are_left") {
  for (const NewtonStrategy strategy : strategies)
    for (const double even : {0.0, 1.0}) {
      Wells f;
      Vector<double> start = Vector<double>::Zero(6);
      for (Index i = 0; i < 6; i += 2) start[i] = even;
      const auto fit = newton(f, start, {.strategy = strategy});
      CHECK(fit.status == Status::gradient);
      CHECK(fit.cost == doctest::Approx(-0.75).epsilon(1e-10));
      CHECK(fit.curvature.certificate == Certificate::minimum);
    }
}

TEST_CASE("sparse_bounds_and_fixed_variables") {
  ChainedRosenbrock<SparseMatrix<double>> f;
  const Vector<double> start = Vector<double>::Constant(8, 0.5);
  Bounds<double> bounds{Vector<double>::Constant(8, -2), Vector<double>::Constant(8, 0.8)};
  const auto fit = newton(f, start, {}, bounds);
  ChainedRosenbrock<Matrix<double>> dense;
  const auto expected = newton(dense, start, {}, bounds);
  CHECK(fit.status == Status::gradient);
  CHECK((fit.x - expected.x).norm() <= 1e-8);
  CHECK((fit.x.array() <= 0.8).all());
}

TEST_CASE("a_singular_sparse_hessian_is_degenerate") {
  const Mask none = Mask::Constant(3, false);
  SparseMatrix<double> a(3, 3);
  a.insert(0, 0) = 1, a.insert(1, 1) = 2;
  a.makeCompressed();
  CHECK(certify(a, none).certificate == Certificate::degenerate);
  a.coeffRef(2, 2) = -1;
  const auto negative = certify(a, none);
  CHECK(negative.certificate == Certificate::negative_curvature);
  CHECK(std::abs(negative.escape[2]) == doctest::Approx(1).epsilon(1e-10));
  a.coeffRef(2, 2) = 1e-9;
  CHECK(certify(a, none).certificate == Certificate::minimum);
  a.coeffRef(2, 2) = -1;
  Mask fixed = none;
  fixed[2] = true;
  CHECK(certify(a, fixed).certificate == Certificate::minimum);
}
