// batch/interpreter.hpp with batch/weights.hpp: values and normal equations of tapes against dense ones in
// double, for one to nine parameters, columns of every kind, weights, missing points and losses.

#include <doctest/doctest.h>

#include <numeric>

#include "batch_call.hpp"

using namespace tests;
using batch::lanes, batch::packed;

namespace {

std::size_t at(Index k) { return static_cast<std::size_t>(k); }

/// Columns that are constant (twice), a number a point (twice) and cells.
batch::Model many_kinds(int parameters) {
  return batch::model(1, parameters, [&](const auto& x, const auto& p) {
    auto sum = p[0];
    if (parameters > 1) sum += p[1] * x[0];
    if (parameters > 2) sum += 2 * p[2];
    if (parameters > 3) sum += p[3] * exp(-x[0]);
    for (std::size_t k = 4; k < p.size(); ++k) sum += p[k - 1] * sin(p[k] * x[0]);
    return sum + 20;
  });
}

struct Case {
  int parameters;
  Index points;
  bool own_coordinates, factors;
  int weights;  ///< 0: none, 1: a number a point, 2: a number a point and lane, with points that do not count
  batch::BatchLoss loss;
};

osculate::LossKind kind(batch::BatchLoss loss) {
  return static_cast<osculate::LossKind>(static_cast<int>(loss));  // both in the same order
}

/// Largest error of the interpreter's normal equations, in units of eps times the size of the sums.
template <class S>
double error(const Case& c) {
  const batch::Model model = many_kinds(c.parameters);
  std::mt19937_64 bits(static_cast<unsigned>(c.parameters) + 100 * static_cast<unsigned>(c.points));
  std::vector<int> active(at(c.parameters));
  std::iota(active.begin(), active.end(), 0);
  const auto rows = at(c.points);
  batch::Rows<S> y(rows), weight(rows), x(rows), p(at(c.parameters));
  std::vector<double> t(rows);
  for (Index i = 0; i < c.points; ++i) t[at(i)] = double(S(1 + even(bits, 1)));
  for (int lane = 0; lane < lanes<S>; ++lane) {
    for (int k = 0; k < c.parameters; ++k) p[at(k)][lane] = S(even(bits, 1));
    for (Index i = 0; i < c.points; ++i) {
      x[at(i)][lane] = c.own_coordinates ? S(1 + even(bits, 1)) : S(t[at(i)]);
      y[at(i)][lane] = S(20 + even(bits, 6));
      const bool out = c.weights == 2 && bits() % 5 == 0;
      if (out) y[at(i)][lane] = std::numeric_limits<S>::quiet_NaN();
      weight[at(i)][lane] = out ? S(0) : S(1.5 + even(bits, 1));
    }
  }
  batch::Rows<S> shared((rows + lanes<S> - 1) / lanes<S>);
  for (Index i = 0; i < c.points; ++i) shared.data()[i] = weight[at(i)][0];

  const batch::Program<S> program =
      c.own_coordinates ? batch::make_program<S>(model.graph, model.root, c.parameters, active, c.factors)
                        : batch::make_program<S>(model.graph, model.root, c.parameters, active, {t.data()},
                                                 {}, c.points, c.factors);
  batch::Data<S> data{.points = c.points, .per_point = program.per_point(), .y = y.data()};
  for (std::size_t k = 0; k < program.tape.inputs.size(); ++k) data.inputs.push_back(x.data());
  if (c.weights) data.weight = c.weights == 1 ? shared.data() : weight.data();
  data.shared_weight = c.weights == 1;
  data.loss = c.loss;
  data.loss_scale = S(1.5);
  batch::Interpreter<S> run(program.tape, data);
  batch::Normal<S> normal(c.parameters);
  run(p.data(), normal);
  run(p.data(), normal);  // a second evaluation starts anew
  batch::Rows<S> values(rows);
  run.values(p.data(), values.data());

  double worst = 0;
  const double eps = std::numeric_limits<S>::epsilon();
  const auto compare = [&](S got, double wanted, double size) {
    const double off = std::abs(double(got) - wanted) / (eps * (size + 1e-300));
    worst = off <= worst ? worst : off;  // NaN shows
  };
  for (int lane = 0; lane < lanes<S>; ++lane) {
    osculate::Matrix<double> j(c.points, c.parameters);
    osculate::Vector<double> r(c.points), scale(c.points);
    double cost = 0, square = 0, sizes = 0;
    for (Index i = 0; i < c.points; ++i) {
      const double u = double(x[at(i)][lane]);
      std::vector<double> at_lane;
      for (int k = 0; k < c.parameters; ++k) at_lane.push_back(double(p[at(k)][lane]));
      const double f = model(std::span(&u, 1), at_lane);
      compare(values[at(i)][lane], f, 20);
      for (int k = 0; k < c.parameters; ++k) {
        double& slope = j(i, k);
        slope = k == 0   ? 1
                : k == 1 ? u
                : k == 2 ? 2
                : k == 3 ? std::exp(-u)
                         : at_lane[at(k - 1)] * u * std::cos(at_lane[at(k)] * u);
        if (k + 1 < c.parameters && k >= 3) slope += std::sin(at_lane[at(k + 1)] * u);
      }
      const double w = c.weights == 0 ? 1 : double(c.weights == 1 ? shared.data()[i] : weight[at(i)][lane]);
      const double given = double(y[at(i)][lane]);
      r[i] = scale[i] = 0;
      if (w == 0) continue;
      if (c.loss == batch::BatchLoss::poisson) {
        cost += f - given + given * std::log(given / f);
        sizes += f + given;
        r[i] = (f - given) / std::sqrt(f), scale[i] = 1 / std::sqrt(f);
        square += r[i] * r[i];
        continue;
      }
      const double C = 1.5;
      osculate::Vector<double> z(1), rho, rho1, rho2;
      r[i] = (f - given) * w;
      z[0] = r[i] * r[i] / (C * C);
      osculate::evaluate(osculate::Loss<double>{.kind = kind(c.loss)}, z, rho, rho1, rho2);
      const double row = std::sqrt(std::max(rho1[0] + 2 * rho2[0] * z[0], std::sqrt(eps) * rho1[0]));
      cost += C * C * rho[0] / 2, square += rho1[0] * r[i] * r[i];
      scale[i] = w * row, r[i] *= rho1[0] / row;
    }
    const osculate::Matrix<double> scaled = scale.asDiagonal() * j;
    // every residual has rounding errors of about 20 eps, the size of the model
    compare(normal.cost[0][lane], cost, 20 * (r.norm() + 20) * std::sqrt(double(c.points)) + sizes);
    compare(normal.square[0][lane], square, 20 * (r.norm() + 20) * std::sqrt(double(c.points)));
    for (int u = 0; u < c.parameters; ++u) {
      const double size = scaled.col(u).norm() + 1;
      compare(normal.gradient[at(u)][lane], scaled.col(u).dot(r),
              size * (r.norm() + 20 * std::sqrt(double(c.points))));
      for (int v = 0; v <= u; ++v)
        compare(normal.matrix[at(packed(u, v))][lane], scaled.col(u).dot(scaled.col(v)),
                size * (scaled.col(v).norm() + 1) * 20);
    }
  }
  return worst;
}

}  // namespace

TEST_CASE_TEMPLATE("normal equations are those of dense matrices", S, double, float) {
  for (int parameters = 1; parameters <= 9; ++parameters)
    for (const Index points : {1, 3, 37, 300})
      for (const bool own : {false, true})
        for (const bool factors : {true, false})
          for (int weights = 0; weights < 3; ++weights) {
            CAPTURE(parameters);
            CAPTURE(points);
            CAPTURE(own);
            CAPTURE(weights);
            CHECK(error<S>({parameters, points, own, factors, weights, batch::BatchLoss::linear}) < 40);
          }
}

TEST_CASE_TEMPLATE("normal equations of robust and Poisson losses are those of dense matrices", S, double,
                   float) {
  using enum batch::BatchLoss;
  for (const auto loss : {soft_l1, huber, cauchy, arctan, poisson})
    for (int weights = 0; weights < 3; ++weights)
      for (const bool own : {false, true}) {
        CAPTURE(static_cast<int>(loss));
        CAPTURE(weights);
        // where a row of the Jacobian nearly vanishes, at rho' + 2 rho'' z = 0, r / row and its error grow
        CHECK(error<S>({5, 37, own, true, weights, loss}) < 4000);
      }
}

TEST_CASE_TEMPLATE("values of random models are those of dual numbers", S, double, float) {
  std::mt19937_64 bits(4);
  for (unsigned seed = 0; seed < 100; ++seed) {
    const RandomModel m(2000 + seed, 1, 3, 12);
    const int active[] = {0, 1, 2};
    std::vector<double> t{0.25, -1.5, 0.75};
    batch::Rows<S> x(3), p(3), y(3), values(3);
    for (int lane = 0; lane < lanes<S>; ++lane)
      for (std::size_t k = 0; k < 3; ++k) p[k][lane] = S(even(bits, 1.5)), x[k][lane] = S(t[k]);
    for (const bool own : {false, true}) {
      const batch::Program<S> program =
          own ? batch::make_program<S>(m.graph, m.root, 3, active)
              : batch::make_program<S>(m.graph, m.root, 3, active, {t.data()}, {}, 3);
      batch::Data<S> data{.points = 3, .per_point = program.per_point(), .y = y.data()};
      for (std::size_t k = 0; k < program.tape.inputs.size(); ++k) data.inputs.push_back(x.data());
      batch::Interpreter<S> run(program.tape, data);
      batch::Normal<S> normal(3);
      run(p.data(), normal);
      run.values(p.data(), values.data());
      for (int lane = 0; lane < lanes<S>; ++lane) {
        osculate::Vector<double> gradient = osculate::Vector<double>::Zero(3);
        double most = 1;
        for (std::size_t i = 0; i < 3; ++i) {
          const double at_lane[most_parameters] = {double(p[0][lane]), double(p[1][lane]),
                                                   double(p[2][lane])};
          double largest;
          const Dual d = m(&t[i], at_lane, largest);
          most = std::max(most, largest);
          for (Index k = 0; k < 3; ++k) gradient[k] += d.value * d.slope[at(k)];
          CHECK(std::abs(double(values[i][lane]) - d.value) <=
                1000 * double(std::numeric_limits<S>::epsilon()) * largest);
        }
        CAPTURE(seed);
        for (Index k = 0; k < 3; ++k)
          CHECK(std::abs(double(normal.gradient[at(k)][lane]) - gradient[k]) <=
                1000 * double(std::numeric_limits<S>::epsilon()) * most * most * most);
      }
    }
  }
}
