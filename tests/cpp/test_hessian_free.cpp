// solve/hessian_free_step.hpp and solve/hessian_free.hpp: damping, backtracking, warm starts, negative
// curvature, both precisions.

#include <doctest/doctest.h>

#include <osculate/solve/hessian_free.hpp>

#include "function_products.hpp"
#include "krylov.hpp"

using namespace osculate;
using tests::quadratic, tests::random_vector, tests::rosenbrock, tests::saddle, tests::symmetric;

namespace {

template <class S>
using Problem = tests::FunctionProducts<S>;

/// One step from x, which becomes the new point.
template <class S>
HessianFreeStep step(Problem<S>& f, Vector<S>& x, const HessianFreeOptions& options,
                     HessianFreeState<S>& state) {
  HessianFreeWorkspace<S> work;
  Vector<S> gradient(x.size());
  f.g(x, gradient);
  const auto apply = [&](const Vector<S>& v, Vector<S>& out) { f.product(x, v, out); };
  const auto out = hessian_free_step<S>(
      x, f.f(x), gradient, [&](const Vector<S>& at) { return f.f(at); }, apply, options, state, work);
  if (out.exit == HessianFreeExit::accepted) x = work.point;
  return out;
}

const Vector<double> spectrum = Vector<double>::LinSpaced(12, 1, 50);

}  // namespace

TEST_CASE("hessian_free_solves_a_quadratic_in_one_step_where_lambda_is_small") {
  const Matrix<double> a = symmetric(spectrum, 1);
  const Vector<double> b = random_vector(12, 2);
  auto f = quadratic<double>(b, a);
  Vector<double> x = Vector<double>::Ones(12);
  HessianFreeState<double> state{.damping = 1e-12};
  const auto step = ::step(f, x, {.progress_tolerance = 0}, state);
  CHECK(step.exit == HessianFreeExit::accepted);
  CHECK(step.scale == 1);
  CHECK((a * x - b).norm() <= 1e-9);  // lambda / 1 of the way is left, and CG's rounding
  CHECK(step.ratio == doctest::Approx(1));
  CHECK(step.before - step.after == doctest::Approx(step.predicted));
  CHECK(state.damping == doctest::Approx(1e-12 * 2 / 3));
  CHECK(step.products == step.cg_iterations);
}

TEST_CASE("hessian_free_in_single_precision") {
  const Matrix<float> a = symmetric(spectrum, 1).cast<float>();
  const Vector<float> b = random_vector(12, 2).cast<float>();
  auto f = quadratic<float>(b, a);
  Vector<float> x = Vector<float>::Ones(12);
  HessianFreeState<float> state{.damping = 1e-6};
  CHECK(step(f, x, {.progress_tolerance = 0}, state).exit == HessianFreeExit::accepted);
  CHECK((a * x - b).norm() <= 1e-3f);
  auto valley = rosenbrock<float>(true);
  const auto fit = hessian_free(valley, Vector<float>(Vector<float>::Constant(6, 1.3f)),
                                {.tolerances = {.ftol = 0, .xtol = 0, .gtol = 1e-3f}});
  CHECK(is_success(fit.status));
  CHECK((fit.x - Vector<float>::Ones(6)).norm() <= 1e-2f);
}

TEST_CASE("hessian_free_lambda_follows_the_ratio") {
  // f falls less than the quadratic says (and more) where B is too small (too large).
  for (const auto& [share, factor] : {std::pair{0.55, 1.5}, {1.0, 2.0 / 3}, {0.7, 1.0}}) {
    Problem<double> f{.f = [](const Vector<double>& x) { return x.squaredNorm() / 2; },
                      .g = [](const Vector<double>& x, Vector<double>& g) { g = x; },
                      .h = [s = share](const Vector<double>&, const Vector<double>& v,
                                       Vector<double>& out) { out = s * v; }};
    Vector<double> x = Vector<double>::Ones(3);
    HessianFreeState<double> state{.damping = 1e-9};
    const auto step = ::step(f, x, {}, state);
    CAPTURE(share);
    // d = -x / s, so the reduction is (1/s - 1/(2 s^2)) x'x, and x'x / (2 s) is promised
    CHECK(step.ratio == doctest::Approx(2 - 1 / share).epsilon(1e-6));
    CHECK(state.damping == doctest::Approx(1e-9 * factor));
  }
}

TEST_CASE("hessian_free_never_takes_a_loss_that_is_not_finite") {
  const Matrix<double> a = symmetric(spectrum, 1);
  const Vector<double> b = 100 * random_vector(12, 2);
  auto f = quadratic<double>(b, a);
  auto inner = f.f;
  for (const double bad : {NAN, INFINITY, -INFINITY}) {
    f.f = [&](const Vector<double>& x) { return x.norm() > 2 ? bad : inner(x); };
    Vector<double> x = Vector<double>::Zero(12);
    HessianFreeState<double> state{.damping = 1e-6};
    const auto step = ::step(f, x, {}, state);
    CHECK(step.exit == HessianFreeExit::accepted);
    CHECK(x.norm() <= 2);
    CHECK(step.after < step.before);
  }
  f.f = [](const Vector<double>& x) { return x.isZero(0) ? 0.0 : NAN; };
  Vector<double> x = Vector<double>::Zero(12);
  HessianFreeState<double> state{.damping = 1e-6};
  CHECK(step(f, x, {}, state).exit == HessianFreeExit::rejected);
  CHECK(x.isZero(0));
  CHECK(state.damping == doctest::Approx(1.5e-6));
  CHECK(state.direction.size() == 0);
}

TEST_CASE("hessian_free_keeps_its_state_where_nothing_is_finite") {
  auto f = saddle();
  f.h = [](const Vector<double>&, const Vector<double>&, Vector<double>& out) { out.setConstant(NAN); };
  Vector<double> x{{1, 1}};
  HessianFreeState<double> state{.damping = 2, .direction = Vector<double>{{1, 2}}};
  CHECK(step(f, x, {}, state).exit == HessianFreeExit::nonfinite);
  CHECK(state.damping == 2);
  CHECK(state.direction == Vector<double>{{1, 2}});
  f.g = [](const Vector<double>&, Vector<double>& g) { g.setZero(); };
  CHECK(step(f, x, {}, state).exit == HessianFreeExit::stationary);
}

TEST_CASE("hessian_free_warm_start_needs_fewer_iterations") {
  const Matrix<double> a = symmetric(Vector<double>::LinSpaced(60, 1, 1000), 1);
  auto f = quadratic<double>(random_vector(60, 2), a);
  Vector<double> x = Vector<double>::Ones(60), y = x;
  HessianFreeState<double> cold{.damping = 1}, warm = cold;
  const auto first = step(f, x, {.progress_tolerance = 1e-6}, cold);
  warm.direction = cold.direction;
  const auto again = step(f, y, {.decay = 1, .progress_tolerance = 1e-6}, warm);
  CHECK(again.cg_iterations < first.cg_iterations);
  // A start from which CG ends uphill of zero is given up for zero.
  warm.damping = 1, warm.direction = -1e6 * cold.direction;
  y.setOnes();
  CHECK(step(f, y, {.max_cg_iterations = 1}, warm).exit == HessianFreeExit::accepted);
}

TEST_CASE("hessian_free_descends_along_negative_curvature") {
  auto f = saddle();
  for (const Vector<double>& start : {Vector<double>{{1, 0.1}}, Vector<double>{{1e-9, -1e-3}}}) {
    Vector<double> x = start;
    HessianFreeState<double> state{.damping = 1e-3};
    const auto step = ::step(f, x, {}, state);
    CHECK(step.exit == HessianFreeExit::accepted);
    CHECK(step.negative_curvature);
    CHECK(step.after < step.before);
    CHECK(x.allFinite());
  }
  // Nothing curves at all.
  Problem<double> plane{
      .f = [](const Vector<double>& x) { return x.sum(); },
      .g = [](const Vector<double>&, Vector<double>& g) { g.setOnes(); },
      .h = [](const Vector<double>&, const Vector<double>&, Vector<double>& out) { out.setZero(); }};
  Vector<double> x = Vector<double>::Zero(3);
  HessianFreeState<double> state;
  CHECK(step(plane, x, {}, state).exit == HessianFreeExit::accepted);
  CHECK(x.allFinite());
}

TEST_CASE("hessian_free_preconditioners_lead_to_the_same_solution") {
  const Matrix<double> a = symmetric(spectrum, 1);
  const Vector<double> b = random_vector(12, 2), x = Vector<double>::Zero(12), g = -b;
  const auto apply = [&](const Vector<double>& v, Vector<double>& out) { out = a * v; };
  const auto loss = [&](const Vector<double>& at) { return at.dot(a * at) / 2 - b.dot(at); };
  const HessianFreeOptions options{.progress_tolerance = 0};
  HessianFreeWorkspace<double> work;
  const Vector<double> diagonal = a.diagonal();
  HessianFreeState<double> first{.damping = 0.1}, second = first, third = first;
  hessian_free_step<double>(x, 0, g, loss, apply, options, first, work);
  hessian_free_step<double>(x, 0, g, loss, apply, options, second, work, DampedDiagonal<double>{diagonal});
  CHECK((second.direction - first.direction).norm() <= 1e-10);
  const auto half = [](const Vector<double>& r, Vector<double>& out) { out = r / 2; };
  hessian_free_step<double>(x, 0, g, loss, apply, options, third, work, half);
  CHECK((third.direction - first.direction).norm() <= 1e-10);
  const auto wrong = [](const Vector<double>& r, Vector<double>& out) { out = -r; };
  const auto step = hessian_free_step<double>(x, 0, g, loss, apply, options, third, work, wrong);
  CHECK(step.exit == HessianFreeExit::preconditioner);
}

TEST_CASE("hessian_free_has_the_same_bits_on_any_number_of_threads") {
  const Index n = 3 * Sweep<float>::chunk + 5;
  const Vector<float> d = Vector<float>::LinSpaced(n, 1, 100);
  Problem<float> f{
      .f = [&](const Vector<float>& x) { return double(x.dot(d.cwiseProduct(x)) / 2 - x.sum()); },
      .g = [&](const Vector<float>& x, Vector<float>& g) { g = d.cwiseProduct(x).array() - 1; },
      .h = [&](const Vector<float>&, const Vector<float>& v,
               Vector<float>& out) { out = d.cwiseProduct(v); }};
  Vector<float> x = Vector<float>::Zero(n), y = x;
  HessianFreeState<float> one{.damping = 1}, three = one;
  for (int k = 0; k < 3; ++k) {
    step(f, x, {.max_cg_iterations = 10, .threads = 1}, one);
    step(f, y, {.max_cg_iterations = 10, .threads = 3}, three);
  }
  CHECK(x == y);
  CHECK(one.damping == three.damping);
  CHECK(one.direction == three.direction);
}

TEST_CASE("hessian_free_minimizes_and_certifies") {
  for (const Index n : {2, 10, 50}) {
    auto f = rosenbrock<double>(true);
    const auto fit = hessian_free(f, Vector<double>(Vector<double>::Constant(n, 1.3)));
    CAPTURE(n);
    CHECK(fit.status == Status::gradient);
    CHECK((fit.x - Vector<double>::Ones(n)).norm() <= 1e-6);
    CHECK(fit.curvature.certificate == Certificate::no_negative_curvature_found);
    CHECK(fit.trace.size() == std::size_t(fit.iterations) + 1);
    CHECK(fit.trace.back().cost == fit.cost);
    for (std::size_t k = 1; k < fit.trace.size(); ++k) CHECK(fit.trace[k].cost <= fit.trace[k - 1].cost);
  }
  auto line = quadratic<double>(Vector<double>{{3}}, Matrix<double>{{2}});
  const auto fit = hessian_free(line, Vector<double>{{100}});
  CHECK(fit.status == Status::gradient);
  CHECK(fit.x[0] == doctest::Approx(1.5));
}

TEST_CASE("hessian_free_leaves_saddles_and_maxima") {
  for (const Vector<double>& start :
       {Vector<double>{{1, 0}}, Vector<double>{{0, 0}}, Vector<double>{{-3, 0}}}) {
    auto f = saddle();
    const auto fit = hessian_free(f, start);
    CHECK(fit.status == Status::gradient);
    CHECK(fit.cost == doctest::Approx(-0.25).epsilon(1e-12));
    CHECK(fit.curvature.certificate == Certificate::no_negative_curvature_found);
  }
}

TEST_CASE("hessian_free_gets_back_from_steps_that_are_far_too_long") {
  // log(1 + e^x) - x / 3 curves by e^-40 at the start, and the minimum lies 41 away.
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  Problem<double> f{.f = [](const Vector<double>& x) { return std::log1p(std::exp(x[0])) - x[0] / 3; },
                    .g = [=](const Vector<double>& x, Vector<double>& g) { g[0] = sigmoid(x[0]) - 1.0 / 3; },
                    .h = [=](const Vector<double>& x, const Vector<double>& v,
                             Vector<double>& out) { out = v * (sigmoid(x[0]) * sigmoid(-x[0])); }};
  const auto fit =
      hessian_free(f, Vector<double>{{40}}, {.tolerances = {.ftol = 0, .xtol = 0, .max_evaluations = 1000}});
  CHECK(fit.status == Status::gradient);
  CHECK(fit.x[0] == doctest::Approx(-std::log(2.0)).epsilon(1e-7));
}

TEST_CASE("hessian_free_ends_where_it_must") {
  auto f = saddle();
  f.h = [](const Vector<double>&, const Vector<double>&, Vector<double>& out) { out.setConstant(NAN); };
  CHECK(hessian_free(f, Vector<double>{{1, 1}}).status == Status::nonfinite);
  auto wrong = quadratic<double>(Vector<double>{{1, 1}}, Matrix<double>::Identity(2, 2));
  wrong.g = [](const Vector<double>& x, Vector<double>& g) { g = Vector<double>{{1, 1}} - x; };
  CHECK(hessian_free(wrong, Vector<double>{{5, 2}}, {.tolerances = {.max_evaluations = 100000}}).status ==
        Status::no_progress);
  CHECK_THROWS_WITH(hessian_free(f, Vector<double>{{1, 1}}, {.step = {.decay = 2}}),
                    "decay must be between 0 and 1, got 2");
}
