// batch/products.hpp: which columns are computed where they are summed, and that their sums are right.

#include <doctest/doctest.h>

#include <complex>
#include <numeric>

#include "batch_call.hpp"

using namespace tests;
using batch::lanes, batch::packed;

namespace {

std::size_t at(Index k) { return static_cast<std::size_t>(k); }

/// Two columns are products, the second of which is made of the first.
struct Peak {
  static constexpr int parameters = 4;
  template <class X, class P>
  auto operator()(const X& x, const P& p) const {
    const auto d = x[0] - p[1];
    return p[0] * exp(-(d * d) * p[2]) + p[3];
  }
};
/// Three columns are products.
struct Peak2d {
  static constexpr int parameters = 5;
  template <class X, class P>
  auto operator()(const X& x, const P& p) const {
    const auto a = x[0] - p[1], b = x[1] - p[2];
    return p[0] * exp(-(a * a + b * b) * p[3]) + p[4];
  }
};
/// As Peak, beside columns of other kinds: a number a point, and a cell.
struct Chirp {
  static constexpr int parameters = 5;
  template <class X, class P>
  auto operator()(const X& x, const P& p) const {
    const auto d = x[0] - p[1];
    return p[0] * exp(-(d * d) * p[2]) + p[3] * x[1] + sin(p[4] * x[1]);
  }
};
/// Six columns, none of them constant.
struct Wave {
  static constexpr int parameters = 6;
  template <class X, class P>
  auto operator()(const X& x, const P& p) const {
    const auto d = x[0] - p[1];
    return p[0] * exp(-(d * d) * p[2]) + p[3] * sin(p[4] * x[1] + p[5]);
  }
};

template <class M>
batch::Model model_of(const M& m) {
  return batch::model(2, M::parameters, m);
}
batch::Model peak() { return model_of(Peak{}); }

batch::Program<double> program(const batch::Model& model, int parameters, const std::vector<double>& t) {
  std::vector<int> active(at(parameters));
  std::iota(active.begin(), active.end(), 0);
  return batch::make_program<double>(model.graph, model.root, parameters, active, {t.data(), t.data()}, {},
                                     static_cast<std::ptrdiff_t>(t.size()));
}

std::size_t products(const batch::Model& model, int parameters, std::size_t most = 3, bool chain = true) {
  std::vector<int> columns(at(parameters));
  std::iota(columns.begin(), columns.end(), 0);
  const std::vector<double> t{0.5};
  return batch::product_columns(program(model, parameters, t).tape, columns, most, chain).size();
}

}  // namespace

TEST_CASE("the products at the end of a peak's tape are found") {
  CHECK(products(peak(), 4) == 2);  // d e and d (d e)
  CHECK(products(peak(), 4, 3, false) == 1);
  CHECK(products(peak(), 4, 1) == 1);
  CHECK(products(peak(), 4, 0) == 0);
  CHECK(products(model_of(Peak2d{}), 5) == 3);
}

TEST_CASE("what is used elsewhere, or is no product of registers, is computed by an instruction") {
  // both slopes are the same product
  const batch::Model twice = batch::model(1, 3, [](const auto& x, const auto& p) {
    const auto d = exp(-p[2] * x[0]);
    return (p[0] + p[1]) * (d * sin(p[2] + x[0]));
  });
  const std::vector<double> t{0.5};
  const batch::Program<double> made = program(twice, 3, t);
  for (const batch::ProductColumn& p : batch::product_columns(made.tape, {0, 1, 2}, 3, true))
    CHECK(p.column == 2);
  // a number a point times a register
  CHECK(products(batch::model(1, 2, [](const auto& x, const auto& p) { return p[0] * exp(-p[1] * x[0]); }),
                 2) == 0);
  // nothing but sums
  CHECK(products(batch::model(1, 2, [](const auto& x, const auto& p) { return p[0] + p[1] * x[0]; }), 2) ==
        0);
}

TEST_CASE_TEMPLATE("sums of products are those of dense matrices, also over several tiles", M, Peak, Peak2d,
                   Chirp, Wave) {
  const batch::Model model = model_of(M{});
  for (int fixed = -1; fixed < M::parameters; ++fixed)  // one column less: other blocks of sums
    for (const Index points : {Index(5), Index(200)}) {
      std::mt19937_64 bits(static_cast<unsigned>(points));
      std::vector<int> active;
      for (int k = 0; k < M::parameters; ++k)
        if (k != fixed) active.push_back(k);
      std::vector<double> t(at(points)), u(at(points));
      batch::Rows<double> y(at(points)), p(M::parameters);
      for (double& v : t) v = even(bits, 2);
      for (double& v : u) v = even(bits, 2);
      for (int lane = 0; lane < lanes<double>; ++lane) {
        for (std::size_t k = 0; k < M::parameters; ++k) p[k][lane] = 1 + even(bits, 0.5);
        for (Index i = 0; i < points; ++i) y[at(i)][lane] = even(bits, 2);
      }
      const auto made = batch::make_program<double>(model.graph, model.root, M::parameters, active,
                                                    {t.data(), u.data()}, {}, points);
      const batch::Data<double> data{.points = points, .per_point = made.per_point(), .y = y.data()};
      batch::Interpreter<double> run(made.tape, data);
      const auto n = static_cast<Index>(active.size());
      batch::Normal<double> normal(static_cast<int>(n));
      run(p.data(), normal);
      for (int lane = 0; lane < lanes<double>; ++lane) {
        osculate::Matrix<double> j(points, n);
        osculate::Vector<double> r(points);
        for (Index i = 0; i < points; ++i) {
          using Complex = std::complex<double>;
          std::vector<Complex> q(M::parameters), x{t[at(i)], u[at(i)]};
          for (std::size_t k = 0; k < M::parameters; ++k) q[k] = p[k][lane];
          r[i] = M{}(x, q).real() - y[at(i)][lane];
          for (Index k = 0; k < n; ++k) {
            const double step = 1e-100;
            Complex& moved = q[at(active[at(k)])];
            moved = {moved.real(), step};
            j(i, k) = M{}(x, q).imag() / step;
            moved = moved.real();
          }
        }
        const double tolerance = 1e-12 * double(points);
        CAPTURE(fixed);
        CHECK(std::abs(normal.square[0][lane] - r.squaredNorm()) <= tolerance);
        for (Index k = 0; k < n; ++k) {
          CHECK(std::abs(normal.gradient[at(k)][lane] - j.col(k).dot(r)) <= tolerance);
          for (Index v = 0; v <= k; ++v) {
            const auto place = at(packed(static_cast<int>(k), static_cast<int>(v)));
            CHECK(std::abs(normal.matrix[place][lane] - j.col(k).dot(j.col(v))) <= tolerance);
          }
        }
      }
    }
}
