#pragma once
// Models of _core.fit_callback: a Python function of many rows of parameters or of one, or a C function by
// its address.

#include <osculate/batch/callback_model.hpp>

#include "arrays.hpp"
#include "fit_arrays.hpp"

namespace osculate::python {

/// `what` returned `got`, which is not an array of the shape that `expected` tells.
[[noreturn]] inline void refuse_shape(const std::string& what, const std::string& expected,
                                      const py::array& got) {
  throw py::value_error(what + " must return an array of shape " + expected + ", got " + shape_of(got));
}

/// function(parameters (P, rows), fits (rows)) for all rows at once.
class BatchedFunction {
 public:
  BatchedFunction(py::object function, std::string what, int parameters, std::ptrdiff_t points, bool jacobian)
      : function_(std::move(function)),
        what_(std::move(what)),
        parameters_(parameters),
        points_(points),
        jacobian_(jacobian) {}

  const double* operator()(const batch::CallbackRows& rows, batch::CallbackScratch& scratch) const {
    const py::gil_scoped_acquire hold;
    using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;
    py::array_t<double> parameters({static_cast<py::ssize_t>(parameters_), rows.count});
    std::copy_n(rows.parameters, parameters_ * rows.count, parameters.mutable_data());
    py::array_t<std::int64_t> fits(rows.count);
    std::copy_n(rows.fits, rows.count, fits.mutable_data());
    py::object result = function_(parameters, fits);
    Array values = as_doubles(result, what_);
    const bool fits_shape =
        jacobian_ ? values.ndim() == 3 && values.shape(0) == parameters_ && values.shape(1) == rows.count &&
                        values.shape(2) == points_
                  : values.ndim() == 2 && values.shape(0) == rows.count && values.shape(1) == points_;
    if (!fits_shape)
      refuse_shape(what_,
                   "(" + std::to_string(rows.count) + ", " + std::to_string(points_) +
                       ") for as many rows of parameters",
                   values);
    result = py::object();
    // An array that somebody else has a hold on may change with the next call.
    const bool own = values.owndata() && values.ref_count() == 1;
    if (!own) {
      scratch.numbers.assign(values.data(), values.data() + values.size());
      scratch.keep.reset();
      return scratch.numbers.data();
    }
    const double* data = values.data();
    scratch.keep = {new py::object(std::move(values)), [](py::object* object) {
                      const py::gil_scoped_acquire held;
                      delete object;
                    }};
    return data;
  }

 private:
  py::object function_;
  std::string what_;
  int parameters_;
  std::ptrdiff_t points_;
  bool jacobian_;
};

/// function(x, *parameters) for one row, as SciPy calls it; the parameters are NumPy's scalars.
class SingleFunction {
 public:
  /// `argument(fit)` gives x, where fits have their own; None: `x`. With `jacobian` the function returns
  /// (P, N).
  SingleFunction(py::object function, std::string what, py::object x, py::object argument, int parameters,
                 std::ptrdiff_t points, bool jacobian)
      : function_(std::move(function)),
        what_(std::move(what)),
        x_(std::move(x)),
        argument_(std::move(argument)),
        parameters_(parameters),
        points_(points),
        jacobian_(jacobian) {}

  const double* operator()(const batch::CallbackRows& rows, batch::CallbackScratch& scratch) {
    const py::gil_scoped_acquire hold;
    const std::ptrdiff_t blocks = jacobian_ ? parameters_ : 1;
    scratch.numbers.resize(static_cast<std::size_t>(blocks * rows.count * points_));
    for (std::ptrdiff_t r = 0; r < rows.count; ++r) {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      const auto values = as_doubles(call(rows, r), what_);
      const bool constant = !jacobian_ && values.size() == 1 && values.ndim() <= 1;
      const bool fits_shape =
          jacobian_ ? values.ndim() == 2 && values.shape(0) == parameters_ && values.shape(1) == points_
                    : values.ndim() == 1 && values.shape(0) == points_;
      if (!fits_shape && !constant) refuse_shape(what_, "(" + std::to_string(points_) + ",)", values);
      for (std::ptrdiff_t k = 0; k < blocks; ++k) {
        double* to = scratch.numbers.data() + (k * rows.count + r) * points_;
        const char* from =
            reinterpret_cast<const char*>(values.data()) + (jacobian_ ? k * values.strides(0) : 0);
        const py::ssize_t stride = constant ? 0 : values.strides(values.ndim() - 1);
        for (std::ptrdiff_t i = 0; i < points_; ++i) std::memcpy(to + i, from + i * stride, sizeof(double));
      }
    }
    return scratch.numbers.data();
  }

 private:
  py::object call(const batch::CallbackRows& rows, std::ptrdiff_t r) {
    if (!argument_.is_none() && rows.fits[r] != fit_) {
      x_ = argument_(rows.fits[r]);
      fit_ = rows.fits[r];
    }
    py::array_t<double> p(parameters_);
    for (int k = 0; k < parameters_; ++k) p.mutable_data()[k] = rows.parameters[k * rows.count + r];
    const auto scalars = py::reinterpret_steal<py::tuple>(PySequence_Tuple(p.ptr()));
    if (!scalars) throw py::error_already_set();
    std::vector<PyObject*> arguments{x_.ptr()};
    for (const py::handle scalar : scalars) arguments.push_back(scalar.ptr());
    PyObject* result = PyObject_Vectorcall(function_.ptr(), arguments.data(), arguments.size(), nullptr);
    if (!result) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(result);
  }

  py::object function_;
  std::string what_;
  py::object x_, argument_;
  int parameters_;
  std::ptrdiff_t points_;
  bool jacobian_;
  std::ptrdiff_t fit_ = -1;
};

/// int function(int64 n, const double* x, const double* p, double* out), 0 for success: values (N), with
/// `jacobian` derivatives (N, P). x is (D, N). What fails counts as not finite.
class PointerFunction {
 public:
  using Pointer = int (*)(std::int64_t, const double*, const double*, double*);

  /// `x` is what all fits share; nullptr: each has its own, `coordinates`.
  PointerFunction(std::uintptr_t address, const double* x, std::vector<batch::BatchArray> coordinates,
                  std::vector<std::ptrdiff_t> shape, int parameters, std::ptrdiff_t points, bool jacobian)
      : function_(reinterpret_cast<Pointer>(address)),
        x_(x),
        coordinates_(std::move(coordinates)),
        shape_(std::move(shape)),
        parameters_(parameters),
        points_(points),
        jacobian_(jacobian) {}

  const double* operator()(const batch::CallbackRows& rows, batch::CallbackScratch& scratch) const {
    const std::ptrdiff_t size = rows.count * points_, blocks = jacobian_ ? parameters_ : 1;
    // The row of parameters and what the function writes stand behind what is returned.
    scratch.numbers.resize(static_cast<std::size_t>(blocks * (size + points_) + parameters_));
    double* const out = scratch.numbers.data() + blocks * size;
    double* const p = out + blocks * points_;
    for (std::ptrdiff_t r = 0; r < rows.count; ++r) {
      for (int k = 0; k < parameters_; ++k) p[k] = rows.parameters[k * rows.count + r];
      if (function_(points_, x_ ? x_ : coordinates(rows.fits[r], scratch), p, out) != 0)
        std::fill_n(out, blocks * points_, std::numeric_limits<double>::quiet_NaN());
      for (std::ptrdiff_t k = 0; k < blocks; ++k) {
        double* const to = scratch.numbers.data() + k * size + r * points_;
        for (std::ptrdiff_t i = 0; i < points_; ++i) to[i] = out[i * blocks + k];
      }
    }
    return scratch.numbers.data();
  }

 private:
  const double* coordinates(std::ptrdiff_t fit, batch::CallbackScratch& scratch) const {
    if (scratch.fit == fit) return scratch.coordinates.data();
    scratch.coordinates.resize(coordinates_.size() * static_cast<std::size_t>(points_));
    double* to = scratch.coordinates.data();
    for (const batch::BatchArray& x : coordinates_) {
      batch::read_row(x.type, x.row(fit, shape_), x.point_stride, points_, to, 1);
      to += points_;
    }
    scratch.fit = fit;
    return scratch.coordinates.data();
  }

  Pointer function_;
  const double* x_;
  std::vector<batch::BatchArray> coordinates_;
  std::vector<std::ptrdiff_t> shape_;
  int parameters_;
  std::ptrdiff_t points_;
  bool jacobian_;
};

}  // namespace osculate::python
