#pragma once
// A Python function of n variables as the core's problem, with gradient and Hessian as functions, fused with
// the value, or by differences.

#include <osculate/curvature/finite_difference.hpp>

#include "problems.hpp"

namespace osculate::python {

enum class HessianSource { none, callback, two_point, three_point, complex_step };

/// S: what the functions see and what they give is turned into.
template <class S>
class FunctionProblem {
 public:
  using Scalar = S;

  py::object fun, jac, hess, hessp, preconditioner;
  py::object first_hessian{};  ///< that of the start, asked for to see its form
  SparseMatrix<S> pattern{};   ///< of a sparse Hessian by differences
  std::string caller;
  Vector<S> typical{};  ///< sizes of variables that differences take near zero; empty: 1
  JacobianSource gradient_source = JacobianSource::three_point;
  HessianSource hessian_source = HessianSource::none;
  DifferenceOptions<S> gradient_difference{.method = Difference::three_point};
  DifferenceOptions<S> hessian_difference{};
  Index functions = 0, gradients = 0, hessians = 0,
        products = 0;  ///< calls of each, those for differences too

  S value(const Vector<S>& x) {
    const GilSwitch::Callback hold(gil);
    ++functions;
    py::object got = call(fun, to_numpy(x));
    if (gradient_source == JacobianSource::fused) {
      if (!py::isinstance<py::tuple>(got) || py::len(got) != 2)
        throw py::type_error(caller + ": fun with jac=True must return a tuple (value, gradient), got " +
                             type_of(got));
      const py::tuple pair = py::reinterpret_borrow<py::tuple>(got);
      read_gradient(pair[1], fused_gradient_);
      fused_at_ = x;
      got = pair[0];
    }
    value_at_ = x;
    return value_ = read_value(got);
  }

  /// The gradient of the last point is kept: a line search asks for it before the model does.
  void gradient(const Vector<S>& x, Vector<S>& g) {
    if (last_.size() != x.size() || last_ != x) {
      new_gradient(x, last_gradient_);
      last_ = x;
    }
    g = last_gradient_;
  }

 private:
  void new_gradient(const Vector<S>& x, Vector<S>& g) {
    switch (gradient_source) {
      case JacobianSource::callback: {
        const GilSwitch::Callback hold(gil);
        ++gradients;
        read_gradient(call(jac, to_numpy(x)), g);
        return;
      }
      case JacobianSource::fused:
        if (fused_at_.size() != x.size() || fused_at_ != x) value(x);
        g = fused_gradient_;
        return;
      case JacobianSource::complex_step:
        complex_step(x, g);
        return;
      default:
        break;
    }
    ++gradients;
    Vector<S> f0(1);
    f0[0] = value_at_.size() == x.size() && value_at_ == x ? value_ : value(x);
    const S kept = value_;
    size_up(gradient_difference, x);
    difference_jacobian(
        [this](const Matrix<S>& points, Matrix<S>& values) {
          for (Index k = 0; k < points.cols(); ++k) values(0, k) = value(Vector<S>(points.col(k)));
        },
        gradient_difference, x, f0, row_);
    value_at_ = x, value_ = kept;
    g = row_.row(0);
  }

 public:
  /// The gradient and the lower triangle of the Hessian.
  void derivatives(const Vector<S>& x, Vector<S>& g, Matrix<S>& h) {
    gradient(x, g);
    if (hessian_source == HessianSource::callback) {
      const GilSwitch::Callback hold(gil);
      const py::object object = hessian_object(x);
      to_matrix(py::hasattr(object, "toarray") ? object.attr("toarray")() : object, caller + ": hess", n, n,
                h, "as x has that many variables");
      return;
    }
    prepare_hessian_difference(x);
    difference_jacobian([this](const auto& points, auto& values) { gradients_at(points, values); },
                        hessian_difference, x, g, h);
    h = ((h + h.transpose()) / 2).eval();
  }

  void derivatives(const Vector<S>& x, Vector<S>& g, SparseMatrix<S>& h) {
    gradient(x, g);
    if (hessian_source == HessianSource::callback) {
      const GilSwitch::Callback hold(gil);
      SparseProblem::read_csc(hessian_object(x), caller + ": hess", n, n, h, "");
      return;
    }
    prepare_hessian_difference(x);
    if (groups_.empty()) {
      groups_ = column_groups(pattern, hessian_difference.skip);
      pattern.coeffs().setZero();
    }
    h = pattern;
    difference_jacobian([this](const auto& points, auto& values) { gradients_at(points, values); },
                        hessian_difference, x, g, groups_, h);
    h = SparseMatrix<S>((h + SparseMatrix<S>(h.transpose())) / 2);
  }

  /// hess(x); at the start the object that was asked for before.
  py::object hessian_object(const Vector<S>& x) {
    if (first_hessian) return std::exchange(first_hessian, py::object());
    ++hessians;
    return call(hess, to_numpy(x));
  }

  /// out = H(x) v, by callback or by differences of the gradient.
  void product(const Vector<S>& x, const Vector<S>& v, Vector<S>& out) {
    if (hessian_source == HessianSource::callback) {
      const GilSwitch::Callback hold(gil);
      ++products;
      call_with_two(hessp, x, v, "hessp", out);
      return;
    }
    ++products;
    const S length = v.norm();
    if (!(length > 0)) {
      out.setZero(n);
      return;
    }
    if (gradient_at_.size() != n || gradient_at_ != x) gradient(x, gradient_there_), gradient_at_ = x;
    const bool central = hessian_source == HessianSource::three_point;
    const S h =
        relative_step(central ? Difference::three_point : Difference::two_point, hessian_difference.epsilon) *
        (1 + x.norm()) / length;
    Vector<S> other;
    gradient(x + h * v, out);
    if (central) gradient(x - h * v, other);
    out = central ? Vector<S>((out - other) / (2 * h)) : Vector<S>((out - gradient_there_) / h);
  }
  S product_noise() const { return hessian_noise(); }

  /// out = M r by the preconditioner's function.
  void precondition(const Vector<S>& x, const Vector<S>& r, Vector<S>& out) {
    const GilSwitch::Callback hold(gil);
    call_with_two(preconditioner, x, r, "preconditioner", out);
  }

  /// The relative error of the Hessian beyond rounding.
  S hessian_noise() const {
    switch (hessian_source) {
      case HessianSource::callback:
        return 0;
      case HessianSource::three_point:
        return 10 * std::pow(hessian_difference.epsilon, S(2) / 3);
      default:
        return 10 * std::sqrt(hessian_difference.epsilon);
    }
  }

 private:
  void call_with_two(const py::object& function, const Vector<S>& x, const Vector<S>& v, const char* name,
                     Vector<S>& out) const {
    PyObject* got =
        PyObject_CallFunctionObjArgs(function.ptr(), to_numpy(x).ptr(), to_numpy(v).ptr(), nullptr);
    if (!got) throw py::error_already_set();
    to_vector(py::reinterpret_steal<py::object>(got), caller + ": " + name, out);
    if (out.size() != n)
      throw py::value_error(caller + ": " + name + " must return shape (" + std::to_string(n) +
                            ",), as x has that many variables, got " + std::to_string(out.size()) +
                            " numbers");
  }

  S read_value(const py::object& object) const {
    Vector<S> v;
    to_vector(object, caller + ": fun", v);
    if (v.size() != 1)
      throw py::value_error(caller + ": fun must return a number, got an array of " +
                            std::to_string(v.size()) +
                            (v.size() > 1 ? "; for sums of squares there is least_squares" : ""));
    return v[0];
  }

  void prepare_hessian_difference(const Vector<S>& x) {
    ++hessians;
    size_up(hessian_difference, x);
    hessian_difference.method =
        hessian_source == HessianSource::three_point ? Difference::three_point : Difference::two_point;
  }
  template <class Points, class Values>
  void gradients_at(const Points& points, Values& values) {
    Vector<S> column;
    for (Index k = 0; k < points.cols(); ++k) {
      gradient(Vector<S>(points.col(k)), column);
      values.col(k) = column;
    }
  }

  void size_up(DifferenceOptions<S>& difference, const Vector<S>& x) const {
    difference.sizes =
        typical.size() ? x.cwiseAbs().cwiseMax(typical).eval() : x.cwiseAbs().cwiseMax(S(1)).eval();
  }

  void read_gradient(const py::object& object, Vector<S>& g) const {
    to_vector(object, gradient_name(), g);
    if (g.size() != n)
      throw py::value_error(gradient_name() + " must return shape (" + std::to_string(n) +
                            ",), as x has that many variables, got " + std::to_string(g.size()) + " numbers");
  }
  std::string gradient_name() const {
    return caller + (gradient_source == JacobianSource::fused ? ": the gradient that fun returns" : ": jac");
  }

  void complex_step(const Vector<S>& x, Vector<S>& g) {
    const GilSwitch::Callback hold(gil);
    ++gradients;
    g.resize(x.size());
    for (Index j = 0; j < x.size(); ++j) {
      py::array_t<std::complex<S>> point(x.size());
      std::copy_n(x.data(), x.size(), point.mutable_data());
      constexpr int smallest = std::numeric_limits<S>::min_exponent - 1;
      const S h = std::ldexp(S(1), std::max((x[j] != 0 ? std::ilogb(x[j]) : 0) - 70, smallest));
      point.mutable_data()[j] = {x[j], h};
      ++functions;
      const py::array got = py::array(call(fun, point));
      if (got.dtype().kind() != 'c')
        throw py::type_error(caller +
                             ": jac='cs' needs a function of complex numbers, but with a complex "
                             "argument fun returned dtype " +
                             py::str(got.dtype()).cast<std::string>() + "; use jac='3-point'");
      if (got.size() != 1) throw py::value_error(caller + ": fun must return a number");
      g[j] = static_cast<S>(got.attr("item")().template cast<std::complex<double>>().imag() / double(h));
    }
  }

  Vector<S> last_, last_gradient_, fused_at_, fused_gradient_, value_at_, gradient_at_, gradient_there_;
  Matrix<S> row_;
  std::vector<std::vector<Index>> groups_;
  S value_ = 0;

 public:
  Index n = 0;
  GilSwitch gil{};  ///< the last member: destroyed first, so that the GIL is held when the objects above go
};

using PythonFunction = FunctionProblem<double>;

}  // namespace osculate::python
