#pragma once
// The batch engine in one call: a model written as a functor, fitted to every row of a matrix of data.
//   const auto decay = batch::model(1, 2, [](const auto& x, const auto& p) { return p[0] * exp(-p[1] * x[0]);
//   }); const auto fits = batch::fit(decay, times, traces, starts);
// It needs xsimd (the CMake target osculate::batch) and is not a part of osculate.hpp.

#include <limits>

#include "../expr/expr.hpp"
#include "../stop.hpp"
#include "fit.hpp"
#include "fit_points.hpp"
#include "program.hpp"

namespace osculate::batch {

using expr::Model, expr::model;

template <class T>
using RowMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// What data of type Y are fitted in: float data in float, all others in double.
template <class Y>
using PrecisionOf = std::conditional_t<std::is_same_v<typename Y::Scalar, float>, float, double>;

/// Everything has Python's name and default. Matrices have one row for all fits or one a fit.
template <class S>
struct BatchOptions {
  RowMatrix<S> sigma{};  ///< standard errors of the data; empty: 1. Not positive, NaN: the point is out
  bool absolute_sigma = false;    ///< whether sigma is in units of y, and not only relative
  RowMatrix<bool> mask{};         ///< true: the point is out, as one where y is NaN; empty: none
  RowMatrix<S> lower{}, upper{};  ///< bounds, a column a parameter, both or neither
  std::vector<int> fixed{};       ///< parameters that keep their start
  BatchLoss loss = BatchLoss::linear;
  S f_scale = 1;               ///< residual, in sigmas, at which a robust loss leaves the parabola
  Tolerances<S> tolerances{};  ///< see stop.hpp
  bool covariance = true;      ///< of robust losses by sandwich.hpp
  int threads = 1;             ///< changes no bit
};

/// One row or element a fit.
template <class S>
struct BatchResult {
  RowMatrix<S> params,
      standard_errors;             ///< an error is NaN where a parameter is fixed, at a bound or undetermined
  RowMatrix<S> packed_covariance;  ///< lower triangles of the fitted parameters; empty if not wanted
  Vector<S> cost;                  ///< sum of the losses over 2
  Vector<S> redchi;                ///< 2 cost / (points - determined parameters), NaN without such freedom
  std::vector<Status> status;
  std::vector<std::uint8_t> flags;  ///< Flag values of covariance.hpp
  std::vector<std::int32_t> iterations, points;
  std::vector<int> active;  ///< the fitted parameters

  bool success(Index fit) const { return is_success(status[static_cast<std::size_t>(fit)]); }
  /// Covariance of all parameters of a fit, NaN for those that were not fitted.
  Matrix<S> covariance(Index fit) const {
    Matrix<S> c = Matrix<S>::Constant(params.cols(), params.cols(), std::numeric_limits<S>::quiet_NaN());
    for (std::size_t u = 0; u < active.size() && packed_covariance.size(); ++u)
      for (std::size_t v = 0; v <= u; ++v)
        c(active[u], active[v]) = c(active[v], active[u]) =
            packed_covariance(fit, packed(static_cast<int>(u), static_cast<int>(v)));
    return c;
  }
};

namespace detail {

template <class T>
constexpr Number number_of() {
  if constexpr (std::is_same_v<T, float>) return Number::f32;
  if constexpr (std::is_same_v<T, double>) return Number::f64;
  static_assert(std::is_floating_point_v<T> ? sizeof(T) <= 8 : std::is_integral_v<T>,
                "data must be float, double or integers");
  constexpr int size = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  constexpr Number with_sign[] = {Number::i8, Number::i16, Number::i32, Number::i64},
                   without[] = {Number::u8, Number::u16, Number::u32, Number::u64};
  return std::is_signed_v<T> ? with_sign[size] : without[size];
}

[[noreturn]] inline void refuse(const char* what, Index rows, Index cols, const std::string& expected) {
  throw std::invalid_argument(std::string("batch::fit: ") + what + " is " + std::to_string(rows) + " x " +
                              std::to_string(cols) + ", expected " + expected);
}

/// A matrix of one row for all fits or one a fit.
template <class M>
BatchArray array_of(const char* what, const M& m, Index fits, Index cols) {
  if (m.cols() != cols || (m.rows() != 1 && m.rows() != fits))
    refuse(what, m.rows(), m.cols(), std::to_string(fits) + " or 1 rows of " + std::to_string(cols));
  constexpr std::ptrdiff_t bytes = sizeof(typename M::Scalar);
  return {.data = reinterpret_cast<const char*>(m.data()),
          .type = number_of<typename M::Scalar>(),
          .point_stride = m.colStride() * bytes,
          .batch_strides = {m.rows() == 1 ? 0 : m.rowStride() * bytes}};
}

/// Whether products of a float column that is pulled out of its factor stay far from under- and overflow.
inline bool moderate(const RowMatrix<double>& coordinates) {
  for (Index k = 0; k < coordinates.rows(); ++k) {
    const double largest = coordinates.cols() ? coordinates.row(k).cwiseAbs().maxCoeff() : 0;
    if (largest != 0 && !(largest >= 1e-6 && largest <= 1e6)) return false;
  }
  return true;
}

}  // namespace detail

template <class S>
void check(const BatchOptions<S>& o, int parameters) {
  check(o.tolerances);
  if (!(o.f_scale > 0) || !std::isfinite(o.f_scale))
    throw std::invalid_argument("batch::fit: f_scale must be positive, got " + std::to_string(o.f_scale));
  if (o.threads < 1)
    throw std::invalid_argument("batch::fit: threads must be at least 1, got " + std::to_string(o.threads));
  if ((o.lower.size() == 0) != (o.upper.size() == 0))
    throw std::invalid_argument("batch::fit: lower and upper must both be given, or neither");
  for (const int k : o.fixed)
    if (k < 0 || k >= parameters)
      throw std::invalid_argument("batch::fit: fixed has parameter " + std::to_string(k) + " of " +
                                  std::to_string(parameters));
}

/// Fits the model to each row of y, by Levenberg-Marquardt as osculate::levenberg_marquardt. x has a row a
/// coordinate (a column will do for one), p0 a row a fit or one for all, with a column a parameter. y may be
/// a matrix or Map of any real type and order; it is not copied.
template <class Y, class S = PrecisionOf<Y>>
BatchResult<S> fit(const Model& model, const Eigen::Ref<const RowMatrix<double>>& x,
                   const Eigen::DenseBase<Y>& y, const Eigen::Ref<const RowMatrix<double>>& p0,
                   const BatchOptions<PrecisionOf<Y>>& options = {}) {
  static_assert(Y::Flags & Eigen::DirectAccessBit, "y must be a matrix or a Map, not an expression");
  check(options, model.parameters);
  const auto at = [](Index n) { return static_cast<std::size_t>(n); };
  const Index fits = y.rows(), n = y.cols();
  const int p = model.parameters;
  const bool column = model.coordinates == 1 && x.cols() == 1 && x.rows() == n;
  RowMatrix<double> coordinates = x;
  if (column) coordinates.resize(1, n);
  if (model.coordinates > 0 && (coordinates.rows() != model.coordinates || coordinates.cols() != n))
    detail::refuse("x", x.rows(), x.cols(), std::to_string(model.coordinates) + " x " + std::to_string(n));

  FitInput in{.shape = {fits}, .points = n};
  in.y = detail::array_of("y", y.derived(), fits, n);
  in.start = detail::array_of("p0", p0, fits, p);
  if (options.sigma.size()) in.sigma = detail::array_of("sigma", options.sigma, fits, n);
  if (options.mask.size()) in.mask = detail::array_of("mask", options.mask, fits, n);
  if (options.lower.size()) in.lower = detail::array_of("lower", options.lower, fits, p);
  if (options.upper.size()) in.upper = detail::array_of("upper", options.upper, fits, p);
  for (Index i = 0; i < options.lower.rows() || i < options.upper.rows(); ++i)
    for (Index k = 0; k < p && options.lower.size(); ++k)
      if (!(options.lower(std::min(i, options.lower.rows() - 1), k) <=
            options.upper(std::min(i, options.upper.rows() - 1), k)))
        throw std::invalid_argument("batch::fit: lower is above upper for parameter " + std::to_string(k));
  for (int k = 0; k < p; ++k)
    if (std::find(options.fixed.begin(), options.fixed.end(), k) == options.fixed.end())
      in.active.push_back(k);

  const bool robust = options.loss != BatchLoss::linear && options.loss != BatchLoss::poisson;
  const auto& t = options.tolerances;
  const FitOptions<S> engine{.ftol = t.ftol,
                             .xtol = t.xtol,
                             .gtol = t.gtol,
                             .max_iterations = t.max_iterations,
                             .max_evaluations = t.max_evaluations,
                             .loss = options.loss,
                             .loss_scale = options.f_scale,
                             .absolute_sigma = options.absolute_sigma || options.loss == BatchLoss::poisson,
                             .sandwich = robust,
                             .threads = options.threads};
  BatchResult<S> out;
  out.params.resize(fits, p), out.standard_errors.resize(fits, p);
  const bool covariance = options.covariance || robust;  // a sandwich is made of it
  if (covariance) out.packed_covariance.resize(fits, packed(static_cast<int>(in.active.size()), 0));
  out.cost.resize(fits), out.redchi.resize(fits);
  out.status.resize(at(fits)), out.flags.resize(at(fits));
  out.iterations.resize(at(fits)), out.points.resize(at(fits));
  out.active = in.active;
  if (fits == 0) return out;
  const FitOutput<S> to{.parameters = out.params.data(),
                        .stderr_ = out.standard_errors.data(),
                        .covariance = covariance ? out.packed_covariance.data() : nullptr,
                        .cost = out.cost.data(),
                        .redchi = out.redchi.data(),
                        .status = reinterpret_cast<std::int8_t*>(out.status.data()),
                        .flags = out.flags.data(),
                        .iterations = out.iterations.data(),
                        .points = out.points.data()};

  const bool factors = sizeof(S) == sizeof(double) || detail::moderate(coordinates);
  if (n >= many_points) {
    const Program<S> program = make_program<S>(model.graph, model.root, p, in.active, factors);
    for (const expr::Source& source : program.tape.inputs) {
      BatchArray row = detail::array_of("x", coordinates, coordinates.rows(), n);
      row.data += row.batch_strides[0] * source.index;
      row.batch_strides = {0};
      in.inputs.push_back(row);
    }
    PointFitter<S>(program.tape, in, engine, to).run({});
  } else {
    PointRows rows;
    for (Index k = 0; k < coordinates.rows(); ++k) rows.push_back(coordinates.row(k).data());
    const Program<S> program = make_program<S>(model.graph, model.root, p, in.active, rows, {}, n, factors);
    Fitter<S>(program.tape, program.per_point(), in, engine, to).run({});
  }
  if (!options.covariance) out.packed_covariance.resize(0, 0);
  return out;
}

}  // namespace osculate::batch
