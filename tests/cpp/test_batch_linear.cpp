// batch/accumulate.hpp, batch/small_cholesky.hpp and batch/step.hpp: many small problems at once, against
// Eigen and the solvers of single problems, lane by lane.

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <osculate/globalize/bounds.hpp>
#include <osculate/linsolve/scaled_step.hpp>

#include "batch_engine.hpp"
#include "models.hpp"
#include "random.hpp"

using namespace osculate;
using batch::packed, batch::lanes;

namespace {

std::size_t at(int k) { return static_cast<std::size_t>(k); }

/// Cholesky of the scaled normal equations, as solve_secular and Bounded want it.
struct Normal {
  Matrix<double> all{}, a{};
  Vector<double> all_g{}, g{};
  Eigen::LLT<Matrix<double>> llt{};

  template <class Model>
  void prepare(const Model& q, const Vector<double>& inverse) {
    all = inverse.asDiagonal() * (q.jacobian.transpose() * q.jacobian) * inverse.asDiagonal();
    all_g = inverse.cwiseProduct(q.gradient);
  }
  void restrict(const Mask& fixed, const Vector<double>& held) {
    a = all, g = all_g + all * fixed.select(held, 0.0);
    for (Index i = 0; i < g.size(); ++i)
      if (fixed[i]) a.row(i).setZero(), a.col(i).setZero(), a(i, i) = magnitude(), g[i] = 0;
  }
  bool factorize(double lambda) {
    Matrix<double> damped = a;
    damped.diagonal().array() += lambda;
    llt.compute(damped);
    return llt.info() == Eigen::Success;
  }
  bool full_rank() const { return true; }
  void solve(Vector<double>& z) const { z = -llt.solve(g); }
  double inverse_form(const Vector<double>& z) const { return z.dot(llt.solve(z)); }
  double gradient_norm() const { return g.norm(); }
  double magnitude() const { return all.diagonal().maxCoeff(); }
  Index size() const { return g.size(); }
};

}  // namespace

TEST_CASE_TEMPLATE("sums of products are those of Eigen, for any number of columns", S, double, float) {
  constexpr int points = 29;
  for (int count = 1; count <= 12; ++count)
    for (const bool minus : {false, true})
      for (const bool with_sums : {false, true}) {
        const Matrix<double> random = tests::random_matrix(points * lanes<S>, count + 1, 3);
        std::vector<batch::Rows<S>> columns;
        std::vector<const S*> pointers;
        for (int c = 0; c <= count; ++c) {
          columns.emplace_back(points);
          for (Index i = 0; i < random.rows(); ++i) columns.back().data()[i] = static_cast<S>(random(i, c));
          pointers.push_back(columns.back().data());
        }
        batch::Rows<S> gram(at(packed(count, 0))), sums(at(count));
        const S* data = minus ? columns.back().data() : nullptr;
        S* first = columns[0].data();
        batch::accumulate<S>(pointers.data(), count, points, gram.data(), with_sums ? sums.data() : nullptr,
                             first, data);
        double worst = 0;
        for (int lane = 0; lane < lanes<S>; ++lane) {
          Matrix<double> m(points, count);
          for (int i = 0; i < points; ++i)
            for (int c = 0; c < count; ++c)
              m(i, c) = static_cast<S>(random(i * lanes<S> + lane, c)) -
                        (c == 0 && minus ? static_cast<S>(random(i * lanes<S> + lane, count)) : S(0));
          for (int u = 0; u < count; ++u) {
            if (with_sums) worst = std::max(worst, std::abs(double(sums[at(u)][lane]) - m.col(u).sum()));
            for (int v = 0; v <= u; ++v)
              worst =
                  std::max(worst, std::abs(double(gram[at(packed(u, v))][lane]) - m.col(u).dot(m.col(v))));
          }
        }
        CAPTURE(count);
        CHECK(worst <= 4 * points * double(std::numeric_limits<S>::epsilon()));
      }
}

TEST_CASE_TEMPLATE("factors, solutions and inverses are those of Eigen", S, double, float) {
  using Wide = batch::Wide<S>;
  for (int n = 1; n <= 9; ++n) {
    std::vector<Matrix<double>> matrices;
    std::vector<Vector<double>> right;
    batch::Rows<S> a(at(packed(n, 0))), g(at(n)), z(at(n)), work(at(packed(n, 0)) + 1),
        inverse(at(packed(n, 0)));
    for (int lane = 0; lane < lanes<S>; ++lane) {
      const Matrix<double> j = tests::random_matrix(3 * n, n, static_cast<unsigned>(100 * n + lane));
      matrices.push_back((j.transpose() * j).template cast<S>().template cast<double>());
      if (lane == 1) matrices.back().row(n - 1).setZero(), matrices.back().col(n - 1).setZero();  // singular
      if (lane == 2) matrices.back()(0, 0) = -1;
      if (lane == 3) matrices.back()(n - 1, n - 1) = std::numeric_limits<double>::quiet_NaN();
      right.push_back(
          tests::random_vector(n, static_cast<unsigned>(lane)).template cast<S>().template cast<double>());
      for (int u = 0; u < n; ++u) {
        g[at(u)][lane] = static_cast<S>(right.back()[u]);
        for (int v = 0; v <= u; ++v) a[at(packed(u, v))][lane] = static_cast<S>(matrices.back()(u, v));
      }
    }
    for (const S lambda : {S(0), S(0.5)})
      batch::for_parts<S>([&](int offset) {
        batch::SmallCholesky<S> factor(n);
        const batch::WideMask<S> good = factor.factorize(a, Wide(lambda), offset);
        alignas(128) S positive[lanes<S>], form[lanes<S>];
        batch::choose(good, Wide(1), Wide(0)).store(positive);
        batch::Rows<S> here(at(n));
        for (int u = 0; u < n; ++u) Wide::load(g[at(u)] + offset).store(here[at(u)]);
        factor.solve(here, z);
        factor.inverse_form(z, work).store(form);
        factor.inverse(inverse, work);
        for (int k = 0; k < batch::part<S>; ++k) {
          const int lane = offset + k;
          CAPTURE(n);
          CAPTURE(lane);
          const bool bad = lane == 2 || lane == 3 || (lane == 1 && lambda == 0);
          CHECK((positive[k] != 0) == !bad);
          if (lane == 2 || lane == 3) continue;
          for (int u = 0; u < n; ++u) CHECK(std::isfinite(z[at(u)][k]));
          if (bad) continue;
          Matrix<double> damped = matrices[at(lane)];
          damped.diagonal().array() += double(lambda);
          const Eigen::LDLT<Matrix<double>> ldlt(damped);
          const Matrix<double> exact = ldlt.solve(Matrix<double>::Identity(n, n));
          const Vector<double> solution = -ldlt.solve(right[at(lane)]);
          // condition x eps, with some operations an element
          const double rounding =
              20 * n * double(std::numeric_limits<S>::epsilon()) * damped.norm() * exact.norm();
          for (int u = 0; u < n; ++u) {
            CHECK(std::abs(double(z[at(u)][k]) - solution[u]) <= rounding * solution.norm());
            for (int v = 0; v <= u; ++v)
              CHECK(std::abs(double(inverse[at(packed(u, v))][k]) - exact(u, v)) <= rounding * exact.norm());
          }
          const double wanted = solution.dot(exact * solution);
          CHECK(std::abs(double(form[k]) - wanted) <= 4 * rounding * exact.norm() * solution.squaredNorm());
        }
      });
  }
}

TEST_CASE_TEMPLATE("steps within radius and bounds are those of single problems", S, double, float) {
  using Wide = batch::Wide<S>;
  int damped_steps = 0, on_bounds = 0;
  for (int n = 1; n <= 7; ++n)
    for (const double radius : {100.0, 0.5, 0.02})
      for (const bool bounded : {false, true})
        for (const bool hold : {false, true}) {
          batch::Rows<S> matrix(at(packed(n, 0))), gradient(at(n)), inverse(at(n)), low(at(n)), high(at(n));
          std::vector<Vector<double>> wanted;
          std::vector<double> damping;
          for (int lane = 0; lane < lanes<S>; ++lane) {
            const auto seed = static_cast<unsigned>(1000 * n + lane);
            const Matrix<double> j = tests::random_matrix(3 * n + 3, n, seed);
            auto q = tests::model<double, Matrix<double>>(j, 3 * tests::random_vector(3 * n + 3, seed + 500),
                                                          j.colwise().norm().transpose());
            const Matrix<double> square = j.transpose() * j;
            const Vector<double> x = tests::random_vector(n, seed + 700);
            Bounds<double> box;
            if (bounded) box.lower = x.array() - 0.05, box.upper = x.array() + 0.1;
            if (hold) q.fixed[n - 1] = true;
            Bounded<double, ScaledStep<double, Normal>> single{{}, box};
            single.prepare(q);
            Trial<double> trial{.radius = radius};
            Vector<double> d;
            REQUIRE(single.solve(q, x, trial, d));
            wanted.push_back(d), damping.push_back(trial.damping);
            for (int u = 0; u < n; ++u) {
              gradient[at(u)][lane] = static_cast<S>(q.gradient[u]);
              inverse[at(u)][lane] = static_cast<S>(1 / q.scale[u]);
              low[at(u)][lane] = S(-0.05), high[at(u)][lane] = S(0.1);
              for (int v = 0; v <= u; ++v) matrix[at(packed(u, v))][lane] = static_cast<S>(square(u, v));
            }
          }
          batch::BoundedStep<S> step(n);
          batch::for_parts<S>([&](int offset) {
            for (int u = 0; u < n; ++u) {
              Wide(hold && u == n - 1 ? 1 : 0).store(step.held[at(u)]);
              Wide(0).store(step.displacement[at(u)]);
            }
            Wide lambda(0);
            const batch::WideMask<S> all = Wide(0) == Wide(0);
            step.solve(all, matrix, gradient, inverse, Wide(static_cast<S>(radius)), lambda,
                       bounded ? &low : nullptr, bounded ? &high : nullptr, offset);
            alignas(128) S lambdas[lanes<S>];
            lambda.store(lambdas);
            for (int k = 0; k < batch::part<S>; ++k) {
              const std::size_t lane = at(offset + k);
              CAPTURE(n);
              CAPTURE(radius);
              CAPTURE(bounded);
              // normal equations lose as many digits as the condition has, below 1e3 here
              const double rounding = 1e4 * double(std::numeric_limits<S>::epsilon());
              CHECK(std::abs(double(lambdas[k]) - damping[lane]) <= rounding * (damping[lane] + 1));
              damped_steps += damping[lane] > 0;
              for (int u = 0; u < n; ++u) {
                const double d = double(step.step[at(u)][k]);
                CHECK(std::abs(d - wanted[lane][u]) <= rounding * wanted[lane].norm());
                on_bounds += bounded && (d == double(S(0.1)) || d == double(S(-0.05)));
              }
            }
          });
        }
  CHECK(damped_steps > 100);
  CHECK(on_bounds > 100);
}
