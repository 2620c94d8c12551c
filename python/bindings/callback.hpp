#pragma once
// A Python function of residuals as the core's least-squares problem, with its Jacobian as a function, fused
// with the residuals, or by differences; dense, sparse, or as products.

#include <osculate/curvature/finite_difference.hpp>
#include <osculate/curvature/jacobian.hpp>

#include <memory>
#include <optional>

#include "arrays.hpp"
#include "gil.hpp"

namespace osculate::python {

enum class JacobianSource { callback, fused, two_point, three_point, complex_step };

inline py::object call(const py::handle& function, const py::handle& argument) {
  PyObject* result = PyObject_CallOneArg(function.ptr(), argument.ptr());
  if (!result) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

/// J v and J'u through a linear operator's matvec and rmatvec.
struct PythonOperator {
  struct Methods {
    py::object object, matvec, rmatvec;
  };
  /// Takes the GIL to let go of the objects: an exception may unwind the core while it is released.
  static std::shared_ptr<const Methods> methods_of(py::object object) {
    py::object matvec = object.attr("matvec"), rmatvec = object.attr("rmatvec");
    return {new Methods{std::move(object), std::move(matvec), std::move(rmatvec)},
            [](const Methods* methods) {
              const py::gil_scoped_acquire hold;
              delete methods;
            }};
  }

  std::shared_ptr<const Methods> methods{};
  GilSwitch* gil = nullptr;
  std::string name{};
  Index m = 0, n = 0;
  Vector<double> weights{};

  Index rows() const { return m; }
  Index cols() const { return n; }
  void multiply(const Vector<double>& v, Vector<double>& out) const {
    product(methods->matvec, v, name + "matvec", m, out);
    if (weights.size()) out = out.cwiseProduct(weights);
  }
  void multiply_transposed(const Vector<double>& u, Vector<double>& out) const {
    product(methods->rmatvec, weights.size() ? Vector<double>(u.cwiseProduct(weights)) : u, name + "rmatvec",
            n, out);
  }
  void scale_rows(const Vector<double>& w) {
    weights = weights.size() ? Vector<double>(weights.cwiseProduct(w)) : w;
  }

 private:
  void product(const py::object& function, const Vector<double>& v, const std::string& what, Index size,
               Vector<double>& out) const {
    const GilSwitch::Callback hold(*gil);
    to_vector(call(function, to_numpy(v)), what, out);
    if (out.size() != size)
      throw py::value_error(what + " must return " + std::to_string(size) + " numbers, got " +
                            std::to_string(out.size()));
  }
};

/// What the callbacks share, whatever the Jacobian's form.
class PythonResiduals {
 public:
  using Scalar = double;

  /// `caller` is the public function that messages name.
  PythonResiduals(const std::string& caller, py::object fun_, py::object jac_, py::object workers_)
      : fun(std::move(fun_)),
        jac(std::move(jac_)),
        workers(std::move(workers_)),
        fun_name(caller + ": fun"),
        jac_name(caller + ": jac") {}

  py::object fun, jac, workers;
  std::string fun_name, jac_name;
  JacobianSource source = JacobianSource::two_point;
  DifferenceOptions<double> difference{};
  Index all_evaluations = 0;  ///< calls of fun, those for differences included

  void residual(const Vector<double>& x, Vector<double>& r) {
    if (first_) {  // the start, evaluated before the Jacobian's form was known
      r = *first_;
      first_.reset();
      return;
    }
    const GilSwitch::Callback hold(gil);
    ++all_evaluations;
    py::object value = call(fun, to_numpy(x));
    if (source == JacobianSource::fused) {
      const py::tuple pair = as_pair(value);
      fused_ = pair[1];
      value = pair[0];
    }
    read(value, r);
  }

  /// Residuals at the start; the next residual() returns them without a call.
  const Vector<double>& start(const Vector<double>& x) {
    Vector<double> r;
    residual(x, r);
    return first_.emplace(std::move(r));
  }

  /// The Jacobian object at the start, for the next jacobian_object().
  void keep_first_jacobian(py::object object) { first_jacobian_ = std::move(object); }

  double epsilon() const { return difference.epsilon; }
  /// nullptr: the derivatives are exact.
  DifferenceOptions<double>* differences() {
    const bool ours = source == JacobianSource::two_point || source == JacobianSource::three_point;
    return ours ? &difference : nullptr;
  }
  Index size() const { return m_; }

 protected:
  /// The Jacobian object at x, by callback or from the fused call.
  py::object jacobian_object(const Vector<double>& x) {
    if (first_jacobian_) return std::exchange(first_jacobian_, py::object());
    if (source == JacobianSource::fused) return fused_;
    return call(jac, to_numpy(x));
  }

  /// Residuals at every column of `points`, through `workers` where given.
  void evaluate(const Matrix<double>& points, Matrix<double>& residuals) {
    const GilSwitch::Callback hold(gil);
    Vector<double> r;
    all_evaluations += points.cols();
    if (workers.is_none()) {
      for (Index k = 0; k < points.cols(); ++k) {
        read(call(fun, to_numpy(Vector<double>(points.col(k)))), r);
        residuals.col(k) = r;
      }
      return;
    }
    py::list list;
    for (Index k = 0; k < points.cols(); ++k) list.append(to_numpy(Vector<double>(points.col(k))));
    Index k = 0;
    const py::object results = workers(fun, list);
    if (!py::isinstance<py::iterable>(results))
      throw py::type_error(workers_name() + "(fun, points) must return one result a point, got " +
                           type_of(results));
    for (const py::handle& value : py::iter(results)) {
      if (k < points.cols()) read(value, r), residuals.col(k) = r;
      ++k;
    }
    if (k != points.cols())
      throw py::value_error(workers_name() + "(fun, points) must return one result a point: expected " +
                            std::to_string(points.cols()) + ", got " + std::to_string(k));
  }

  /// Im r(x + i sum_j h_j e_j) for j in `columns`, and the h_j: dr/dx_j by complex step, exact to rounding
  /// (Squire & Trapp 1998), where no two of the columns share a row.
  void complex_step(const Vector<double>& x, const std::vector<Index>& columns, Vector<double>& imaginary,
                    Vector<double>& h) {
    const GilSwitch::Callback hold(gil);
    py::array_t<std::complex<double>> point(x.size());
    std::copy_n(x.data(), x.size(), point.mutable_data());
    h.resize(x.size());
    for (const Index j : columns) {
      // So small that its square vanishes beside x, and a power of two, so that dividing by it is exact.
      constexpr int smallest = std::numeric_limits<double>::min_exponent - 1;
      h[j] = std::ldexp(1.0, std::max((x[j] != 0 ? std::ilogb(x[j]) : 0) - 70, smallest));
      point.mutable_data()[j] = {x[j], h[j]};
    }
    ++all_evaluations;
    const py::array value = py::array(call(fun, point));
    if (value.dtype().kind() != 'c')
      throw py::type_error(
          jac_name +
          "='cs' needs a function of complex numbers, but with a complex argument it returned dtype " +
          py::str(value.dtype()).cast<std::string>() + "; use jac='3-point'");
    to_vector(value.attr("imag"), fun_name, imaginary);
    if (imaginary.size() != m_) refuse_size(imaginary.size());
  }

  void read(const py::handle& value, Vector<double>& r) {
    to_vector(value, fun_name, r);
    if (m_ >= 0 && r.size() != m_) refuse_size(r.size());
    if (m_ >= 0) return;
    m_ = r.size();
    // A function that computes in float32 is differenced with float32's steps.
    const py::array a = py::array(py::reinterpret_borrow<py::object>(value));
    if (a.dtype().kind() == 'f' && a.itemsize() == 4)
      difference.epsilon = std::numeric_limits<float>::epsilon();
    if (a.dtype().kind() == 'f' && a.itemsize() == 2) difference.epsilon = std::ldexp(1.0, -10);
  }

  /// A derivative that is not finite at the start is the caller's mistake; later it shortens the step.
  void check_start(const double* values, Index size) const {
    if (!Eigen::Map<const Vector<double>>(values, size).allFinite())
      throw py::value_error(jac_name + " must return finite derivatives at x0, got NaN or infinity");
  }

  py::object first_jacobian_;

 private:
  py::tuple as_pair(const py::object& value) const {
    if (!py::isinstance<py::tuple>(value) || py::len(value) != 2)
      throw py::type_error(fun_name + " with jac=True must return a tuple (residuals, Jacobian), got " +
                           type_of(value));
    return py::reinterpret_borrow<py::tuple>(value);
  }
  std::string workers_name() const { return fun_name.substr(0, fun_name.size() - 3) + "workers"; }
  void refuse_size(Index size) const {
    throw py::value_error(fun_name + " returned " + std::to_string(m_) + " residuals at the start and " +
                          std::to_string(size) + " later; their number must not change");
  }
  Index m_ = -1;
  std::optional<Vector<double>> first_;
  py::object fused_;

 public:
  GilSwitch gil{};  ///< the last member: destroyed first, so that the GIL is held when the objects above go
};

}  // namespace osculate::python
