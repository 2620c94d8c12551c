// curvature/finite_difference.hpp: orders of accuracy, bounds, groups of columns.

#include <doctest/doctest.h>

#include <osculate/curvature/finite_difference.hpp>
#include <set>

#include "random.hpp"

using namespace osculate;

namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr Difference methods[] = {Difference::two_point, Difference::three_point};

/// r_i = exp(x_i) + sin(x_0 x_last), whose derivatives of every order are of order one.
Vector<double> function(const Vector<double>& x) {
  return (x.array().exp() + std::sin(x[0] * x[x.size() - 1])).matrix();
}
Matrix<double> derivative(const Vector<double>& x) {
  const Index n = x.size();
  Matrix<double> j = Vector<double>(x.array().exp()).asDiagonal();
  j.col(0).array() += std::cos(x[0] * x[n - 1]) * x[n - 1];
  j.col(n - 1).array() += std::cos(x[0] * x[n - 1]) * x[0];
  return j;
}

/// Jacobian of `function`, recording every point asked for.
Matrix<double> jacobian(const DifferenceOptions<double>& options, const Vector<double>& x,
                        std::vector<Vector<double>>* asked = nullptr) {
  Matrix<double> j;
  const auto evaluate = [&](const Matrix<double>& points, Matrix<double>& residuals) {
    for (Index k = 0; k < points.cols(); ++k) {
      residuals.col(k) = function(points.col(k));
      if (asked) asked->push_back(points.col(k));
    }
  };
  difference_jacobian(evaluate, options, x, function(x), j);
  return j;
}

}  // namespace

TEST_CASE("default_steps_reach_the_accuracy_of_their_order") {
  const Vector<double> x{{0.7, -1.3, 0.4, 1.1}};
  const Matrix<double> exact = derivative(x);
  // h |r''| / 2 + 2 eps |r| / h with h = sqrt(eps) |x|, and h^2 |r'''| / 6 + eps |r| / h with h = eps^(1/3)
  // |x|; |r|, |r''|, |r'''| are at most 4, and |x| is between 0.4 and 1.3.
  CHECK((jacobian({}, x) - exact).cwiseAbs().maxCoeff() <= 25 * std::sqrt(eps));
  CHECK((jacobian({.method = Difference::three_point}, x) - exact).cwiseAbs().maxCoeff() <=
        12 * std::pow(eps, 2.0 / 3));
}

TEST_CASE("errors_fall_with_the_order_of_the_formula") {
  const Vector<double> x{{0.7, -1.3, 0.4, 1.1}}, low = x, unbounded = Vector<double>::Constant(4, 1e9);
  const auto error = [&](Difference method, double h, bool one_sided) {
    DifferenceOptions<double> options{.method = method, .relative_step = Vector<double>::Constant(4, h)};
    if (one_sided) options.lower = low, options.upper = unbounded;
    return (jacobian(options, x) - derivative(x)).norm();
  };
  for (const auto& [method, one_sided, order] :
       {std::tuple{Difference::two_point, false, 1}, std::tuple{Difference::three_point, false, 2},
        std::tuple{Difference::three_point, true, 2}}) {
    const double rate = std::log2(error(method, 2e-3, one_sided) / error(method, 1e-3, one_sided));
    CHECK(rate == doctest::Approx(order).epsilon(0.05));
  }
}

TEST_CASE("two_point_is_exact_for_lines_three_point_for_parabolas") {
  const Vector<double> x{{3}};
  for (const bool one_sided : {false, true}) {
    DifferenceOptions<double> options{.method = Difference::three_point,
                                      .relative_step = Vector<double>{{0.5}}};
    if (one_sided) options.lower = Vector<double>{{3}}, options.upper = Vector<double>{{7}};
    Matrix<double> j;
    difference_jacobian([](const Matrix<double>& p, Matrix<double>& r) { r = p.cwiseAbs2() - 2 * p; },
                        options, x, Vector<double>{{3}}, j);
    CHECK(j(0, 0) == doctest::Approx(4).epsilon(1e-14));
  }
}

TEST_CASE("steps_are_relative_away_from_zero_and_exact") {
  const Vector<double> x{{1e8, -1e-8, 0, 0.1}};
  for (const Difference method : methods) {
    const auto steps = difference_steps(DifferenceOptions<double>{.method = method}, x);
    const double relative = method == Difference::two_point ? std::sqrt(eps) : std::cbrt(eps);
    for (Index j = 0; j < 4; ++j) {
      const auto& step = steps[static_cast<std::size_t>(j)];
      const double size = x[j] == 0 ? 1 : std::abs(x[j]);
      CHECK(std::abs(step.first) == doctest::Approx(relative * size).epsilon(1e-2));
      CHECK((x[j] + step.first) - x[j] == step.first);
      if (method == Difference::two_point) CHECK(std::abs(x[j] + step.first) > std::abs(x[j]));
    }
  }
}

TEST_CASE("options_of_the_steps_are_followed") {
  const Vector<double> x{{0, 2}};
  DifferenceOptions<double> options{.typical = Vector<double>{{100, 1}}};
  CHECK(difference_steps(options, x)[0].first == doctest::Approx(100 * std::sqrt(eps)));
  CHECK(difference_steps(options, x)[1].first == doctest::Approx(2 * std::sqrt(eps)));
  options.relative_step = Vector<double>{{0.25, -0.5}};  // the sign does not matter
  CHECK(difference_steps(options, x)[0].first == 25);
  CHECK(difference_steps(options, x)[1].first == 1);
  options = {.epsilon = 1e-6};  // a function computed in single precision or noisier
  CHECK(difference_steps(options, x)[1].first == doctest::Approx(2e-3));
}

TEST_CASE("points_stay_within_the_bounds_wherever_x_is") {
  for (const Difference method : methods)
    for (const double h : {1e-8, 0.3, 1.0, 50.0})
      for (const double low : {-0.35, 0.0, -0.3, -1e3})
        for (const double high : {0.1, 0.0, 0.37, 1e3})
          for (const double part : {0.0, 1e-9, 0.1, 0.5, 0.9, 1.0}) {
            const double at = std::clamp(low + part * (high - low), low, high);
            const Vector<double> x{{at, -0.5}};
            const DifferenceOptions<double> options{.method = method,
                                                    .relative_step = Vector<double>::Constant(2, h),
                                                    .lower = Vector<double>{{low, -0.5}},
                                                    .upper = Vector<double>{{high, 0.5}}};
            std::vector<Vector<double>> asked;
            jacobian(options, x, &asked);
            for (const Vector<double>& point : asked) {
              CHECK(point[0] >= low);
              CHECK(point[0] <= high);
              CHECK(point[1] >= -0.5);
              CHECK(point[1] <= 0.5);
            }
          }
}

TEST_CASE("accuracy_is_kept_on_a_bound") {
  const Vector<double> x{{0.7, -1.3, 0.4, 1.1}};
  const Vector<double> room{{0, 2, 0, 2}};
  const DifferenceOptions<double> options{
      .method = Difference::three_point, .lower = x - room, .upper = x + (2 - room.array()).matrix()};
  // One-sided, the error terms are h^2 |r'''| / 3 and 4 eps |r| / h: four times the central formula's at
  // most.
  CHECK((jacobian(options, x) - derivative(x)).cwiseAbs().maxCoeff() <= 48 * std::pow(eps, 2.0 / 3));
}

TEST_CASE("a_variable_without_room_gets_a_zero_column") {
  const Vector<double> x{{0.7, -1.3, 0.4, 1.1}};
  Vector<double> low = x.array() - 1, high = x.array() + 1;
  low[1] = high[1] = x[1];
  for (const Difference method : methods) {
    const Matrix<double> j = jacobian({.method = method, .lower = low, .upper = high}, x);
    CHECK(j.col(1).isZero(0));
    CHECK(j.col(2).norm() > 1);
  }
}

TEST_CASE("a_box_of_few_units_in_the_last_place_gives_the_slope_of_a_line") {
  const double ulp = eps, low = 1 + ulp;
  for (const Difference method : methods)
    for (const int width : {1, 2, 3})
      for (const int at : {0, 1, 2, 3}) {
        if (at > width) continue;
        const DifferenceOptions<double> options{
            .method = method, .lower = Vector<double>{{low}}, .upper = Vector<double>{{low + width * ulp}}};
        Matrix<double> j;
        const Vector<double> x{{low + at * ulp}};
        difference_jacobian([](const Matrix<double>& p, Matrix<double>& r) { r = 4 * p; }, options, x,
                            Vector<double>(4 * x), j);
        CHECK(j(0, 0) == 4);
      }
}

TEST_CASE("skipped_columns_cost_no_evaluation_and_are_zero") {
  const Vector<double> x{{0.7, -1.3, 0.4, 1.1}};
  Mask skip = Mask::Constant(4, false);
  skip[0] = skip[2] = true;
  std::vector<Vector<double>> asked;
  const Matrix<double> j = jacobian({.skip = skip}, x, &asked);
  CHECK(asked.size() == 2);
  CHECK(j.col(0).isZero(0));
  CHECK(j.col(2).isZero(0));
  CHECK((j.col(3) - derivative(x).col(3)).norm() <= 25 * std::sqrt(eps));
}

TEST_CASE("many_columns_are_evaluated_in_chunks") {
  const Vector<double> x = tests::random_vector(150, 3);
  for (const Difference method : methods) {
    std::vector<Vector<double>> asked;
    const Matrix<double> j = jacobian({.method = method}, x, &asked);
    CHECK(asked.size() == (method == Difference::two_point ? 150u : 300u));
    // As above, but |x| may be as small as 1e-3: rounding is that much larger.
    CHECK((j - derivative(x)).cwiseAbs().maxCoeff() <= 1e4 * std::sqrt(eps));
  }
}

TEST_CASE("column_groups_share_no_row_and_hold_every_column_once") {
  const Matrix<double> keep = tests::random_matrix(40, 30, 5);
  const SparseMatrix<double> pattern = Matrix<double>((keep.array() > 0.85).cast<double>()).sparseView();
  Mask skip = Mask::Constant(30, false);
  skip[4] = true;
  std::set<Index> seen;
  for (const auto& group : column_groups(pattern, skip)) {
    Vector<double> rows = Vector<double>::Zero(40);
    for (const Index k : group) {
      rows += Vector<double>(pattern.col(k));
      CHECK(seen.insert(k).second);
    }
    CHECK(rows.maxCoeff() <= 1);
  }
  CHECK(seen.size() == 29);
  CHECK(seen.count(4) == 0);
}

TEST_CASE("a_band_of_width_three_needs_three_groups") {
  SparseMatrix<double> band(50, 50);
  for (Index k = 0; k < 50; ++k)
    for (Index i = std::max<Index>(0, k - 1); i < std::min<Index>(50, k + 2); ++i) band.insert(i, k) = 1;
  CHECK(column_groups(band).size() == 3);
}

TEST_CASE("sparse_differences_equal_the_dense_ones_in_as_many_evaluations_as_groups") {
  // r_i = x_{i-1} x_i + sin x_{i+1}
  const Index n = 20;
  const auto residual = [n](const Vector<double>& x) {
    Vector<double> r(n);
    for (Index i = 0; i < n; ++i)
      r[i] = (i > 0 ? x[i - 1] * x[i] : x[i]) + (i + 1 < n ? std::sin(x[i + 1]) : 0);
    return r;
  };
  Index evaluations = 0;
  const auto evaluate = [&](const Matrix<double>& points, Matrix<double>& residuals) {
    evaluations += points.cols();
    for (Index k = 0; k < points.cols(); ++k) residuals.col(k) = residual(points.col(k));
  };
  SparseMatrix<double> pattern(n, n);
  for (Index k = 0; k < n; ++k)
    for (Index i = std::max<Index>(0, k - 1); i < std::min(n, k + 2); ++i) pattern.insert(i, k) = 1;
  pattern.makeCompressed();
  const Vector<double> x = tests::random_vector(n, 6), r0 = residual(x);
  for (const Difference method : methods) {
    DifferenceOptions<double> options{.method = method, .skip = Mask::Constant(n, false)};
    options.skip[7] = true;
    Matrix<double> dense;
    difference_jacobian(evaluate, options, x, r0, dense);
    SparseMatrix<double> sparse = pattern;
    evaluations = 0;
    difference_jacobian(evaluate, options, x, r0, column_groups(pattern, options.skip), sparse);
    CHECK(evaluations == (method == Difference::two_point ? 3 : 6));
    for (Index k : {7}) sparse.col(k) *= 0;  // no group writes it
    CHECK((Matrix<double>(sparse) - dense).cwiseAbs().maxCoeff() <= 1e-15);
  }
}

TEST_CASE("gradient_noise_is_rounding_over_h_and_truncation") {
  const Vector<double> x{{2, -8, 0}}, scale{{3, 5, 7}};
  DifferenceOptions<double> options{.relative_step = Vector<double>::Constant(3, std::ldexp(1.0, -20)),
                                    .typical = Vector<double>{{1, 1, 4}}};
  const double h = std::ldexp(1.0, -20);
  const Vector<double> two = gradient_noise(options, x, 1e-10, scale);
  CHECK(two[0] == doctest::Approx(1e-10 / (2 * h) + h * 3));
  CHECK(two[1] == doctest::Approx(1e-10 / (8 * h) + h * 5));
  CHECK(two[2] == doctest::Approx(1e-10 / (4 * h) + h * 7));
  options.method = Difference::three_point;
  const Vector<double> three = gradient_noise(options, x, 1e-10, scale);
  CHECK(three[1] == doctest::Approx(1e-10 / (8 * h) + h * h * 5));
}

TEST_CASE("remembered_sizes_fall_by_ten_at_most") {
  DifferenceOptions<double> options{.typical = Vector<double>{{5, 5, 5}}};
  remember_sizes(options, Vector<double>{{2, -8, 0}});
  CHECK(options.sizes == Vector<double>{{2, 8, 5}});
  remember_sizes(options, Vector<double>{{1e-9, -7, 0}});
  CHECK(options.sizes == Vector<double>{{0.2, 7, 0.5}});
  const auto steps = difference_steps(options, Vector<double>{{1e-9, -7, 0}});
  CHECK(steps[0].first == doctest::Approx(0.2 * std::sqrt(eps)));
}
