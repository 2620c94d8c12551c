// batch/products.hpp: which columns are computed where they are summed, and that their sums are right.

#include <doctest/doctest.h>

#include <numeric>

#include "batch_call.hpp"

using namespace tests;
using batch::lanes, batch::packed;

namespace {

std::size_t at(Index k) { return static_cast<std::size_t>(k); }

batch::Model peak() {
  return batch::model(1, 4, [](const auto& x, const auto& p) {
    const auto d = x[0] - p[1];
    return p[0] * exp(-(d * d) * p[2]) + p[3];
  });
}

batch::Program<double> program(const batch::Model& model, int parameters, const std::vector<double>& t) {
  std::vector<int> active(at(parameters));
  std::iota(active.begin(), active.end(), 0);
  return batch::make_program<double>(model.graph, model.root, parameters, active, {t.data()}, {},
                                     static_cast<std::ptrdiff_t>(t.size()));
}

std::size_t products(const batch::Model& model, int parameters, std::size_t most = 3) {
  std::vector<int> columns(at(parameters));
  std::iota(columns.begin(), columns.end(), 0);
  const std::vector<double> t{0.5};
  return batch::product_columns(program(model, parameters, t).tape, columns, most).size();
}

}  // namespace

TEST_CASE("the products at the end of a peak's tape are found") {
  CHECK(products(peak(), 4) == 2);  // d e and d^2 e
  CHECK(products(peak(), 4, 1) == 1);
  CHECK(products(peak(), 4, 0) == 0);
}

TEST_CASE("what is used elsewhere, or is no product of registers, is computed by an instruction") {
  // both slopes are the same product
  const batch::Model twice = batch::model(1, 3, [](const auto& x, const auto& p) {
    const auto d = exp(-p[2] * x[0]);
    return (p[0] + p[1]) * (d * sin(p[2] + x[0]));
  });
  const std::vector<double> t{0.5};
  const batch::Program<double> made = program(twice, 3, t);
  for (const batch::ProductColumn& p : batch::product_columns(made.tape, {0, 1, 2}, 3)) CHECK(p.column == 2);
  // a number a point times a register
  CHECK(products(batch::model(1, 2, [](const auto& x, const auto& p) { return p[0] * exp(-p[1] * x[0]); }),
                 2) == 0);
  // nothing but sums
  CHECK(products(batch::model(1, 2, [](const auto& x, const auto& p) { return p[0] + p[1] * x[0]; }), 2) ==
        0);
}

TEST_CASE("sums of products are those of dense matrices, also over several tiles") {
  const batch::Model model = peak();
  for (const std::size_t points : {std::size_t(5), std::size_t(200)}) {
    std::mt19937_64 bits(points);
    std::vector<double> t(points);
    batch::Rows<double> y(points), p(4);
    for (double& v : t) v = even(bits, 2);
    for (int lane = 0; lane < lanes<double>; ++lane) {
      for (std::size_t k = 0; k < 4; ++k) p[k][lane] = 1 + even(bits, 0.5);
      for (std::size_t i = 0; i < points; ++i) y[i][lane] = even(bits, 2);
    }
    const batch::Program<double> made = program(model, 4, t);
    const batch::Data<double> data{
        .points = static_cast<std::ptrdiff_t>(points), .per_point = made.per_point(), .y = y.data()};
    batch::Interpreter<double> run(made.tape, data);
    batch::Normal<double> normal(4);
    run(p.data(), normal);
    for (int lane = 0; lane < lanes<double>; ++lane) {
      const auto n = static_cast<Index>(points);
      osculate::Matrix<double> j(n, 4);
      osculate::Vector<double> r(n);
      for (Index i = 0; i < n; ++i) {
        const double d = t[at(i)] - p[1][lane], e = std::exp(-d * d * p[2][lane]), a = p[0][lane];
        j.row(i) << e, 2 * a * p[2][lane] * d * e, -a * d * d * e, 1;
        r[i] = a * e + p[3][lane] - y[at(i)][lane];
      }
      const double tolerance = 1e-13 * double(points);
      CHECK(std::abs(normal.square[0][lane] - r.squaredNorm()) <= tolerance);
      for (Index u = 0; u < 4; ++u) {
        CHECK(std::abs(normal.gradient[at(u)][lane] - j.col(u).dot(r)) <= 10 * tolerance);
        for (Index v = 0; v <= u; ++v) {
          const auto k = at(packed(static_cast<int>(u), static_cast<int>(v)));
          CHECK(std::abs(normal.matrix[k][lane] - j.col(u).dot(j.col(v))) <= 10 * tolerance);
        }
      }
    }
  }
}
