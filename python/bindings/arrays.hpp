#pragma once
// NumPy arrays in and out. Every refusal names the function, what was expected and what came.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <osculate/types.hpp>

#include <algorithm>
#include <complex>
#include <string>

namespace osculate::python {

namespace py = pybind11;

template <class S>
py::array_t<S> to_numpy(const Vector<S>& v) {
  py::array_t<S> out(v.size());
  std::copy_n(v.data(), v.size(), out.mutable_data());
  return out;
}

/// Row-major, as NumPy users expect.
inline py::array_t<double> to_numpy(const Matrix<double>& a) {
  py::array_t<double> out({a.rows(), a.cols()});
  Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(out.mutable_data(),
                                                                                     a.rows(), a.cols()) = a;
  return out;
}

/// Values, row indices, starts of the columns and shape of a compressed sparse matrix.
inline py::tuple sparse_to_python(const SparseMatrix<double>& a) {
  return py::make_tuple(
      py::array_t<double>(a.nonZeros(), a.valuePtr()), py::array_t<int>(a.nonZeros(), a.innerIndexPtr()),
      py::array_t<int>(a.cols() + 1, a.outerIndexPtr()), py::make_tuple(a.rows(), a.cols()));
}

inline std::string shape_of(const py::array& a) { return py::str(a.attr("shape")).cast<std::string>(); }
inline std::string type_of(const py::handle& object) {
  return object.is_none() ? "None" : py::type::of(object).attr("__name__").cast<std::string>();
}

/// `object` as an array of doubles of any shape; `what` begins the message of a refusal.
inline py::array_t<double, py::array::forcecast> as_doubles(const py::handle& object,
                                                            const std::string& what) {
  using Array = py::array_t<double, py::array::forcecast>;
  if (py::isinstance<py::array_t<double>>(object)) return py::reinterpret_borrow<Array>(object);
  if (object.is_none()) throw py::type_error(what + " must return an array of numbers, got None");
  try {
    const py::array any = py::array(py::reinterpret_borrow<py::object>(object));
    const char kind = any.dtype().kind();
    if (kind == 'c') throw py::type_error(what + " must return real numbers, got complex ones");
    if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b' && kind != 'O')
      throw py::type_error(what + " must return numbers, got an array of dtype " +
                           py::str(any.dtype()).cast<std::string>());
    return Array(any);
  } catch (py::error_already_set& error) {
    py::raise_from(error, PyExc_TypeError,
                   (what + " must return an array of numbers, got " + type_of(object)).c_str());
    throw py::error_already_set();
  }
}

/// A vector from a 0-D or 1-D array. Strided and float32 arrays are taken as they are.
template <class S>
void to_vector(const py::handle& object, const std::string& what, Vector<S>& out) {
  const auto a = as_doubles(object, what);
  if (a.ndim() > 1) throw py::value_error(what + " must return a 1-D array, got shape " + shape_of(a));
  const py::ssize_t size = a.ndim() == 0 ? 1 : a.shape(0);
  out.resize(size);
  if (size == 0) return;
  const char* data = reinterpret_cast<const char*>(a.data());
  const py::ssize_t stride = a.ndim() == 0 ? 0 : a.strides(0);
  for (py::ssize_t i = 0; i < size; ++i)
    out[i] = static_cast<S>(*reinterpret_cast<const double*>(data + i * stride));
}

/// An m x n matrix; a 1-D array counts as one row where m = 1, as one column where n = 1.
inline void to_matrix(const py::handle& object, const std::string& what, Index m, Index n,
                      Matrix<double>& out, const char* axes = "residuals by parameters") {
  const auto a = as_doubles(object, what);
  py::ssize_t row_stride = 0, column_stride = 0;
  const auto refuse = [&] {
    throw py::value_error(what + " must return an array of shape (" + std::to_string(m) + ", " +
                          std::to_string(n) + "), " + axes + ", got " + shape_of(a));
  };
  if (a.ndim() == 2) {
    if (a.shape(0) != m || a.shape(1) != n) refuse();
    row_stride = a.strides(0), column_stride = a.strides(1);
  } else if (a.ndim() == 1 && m == 1 && a.shape(0) == n) {
    column_stride = a.strides(0);
  } else if (a.ndim() == 1 && n == 1 && a.shape(0) == m) {
    row_stride = a.strides(0);
  } else if (!(a.ndim() == 0 && m == 1 && n == 1)) {
    refuse();
  }
  out.resize(m, n);
  const char* data = reinterpret_cast<const char*>(a.data());
  for (Index i = 0; i < m; ++i)
    for (Index k = 0; k < n; ++k)
      out(i, k) = *reinterpret_cast<const double*>(data + i * row_stride + k * column_stride);
}

}  // namespace osculate::python
