// _core.subproblem and modified_cholesky: dense trust-region steps and factorizations. Python has checked the
// arguments.
#include <osculate/linsolve/modified_cholesky.hpp>
#include <osculate/linsolve/subproblem.hpp>

#include "arrays.hpp"

namespace osculate::python {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;

Matrix<double> matrix_from(const Array& a) {
  return Eigen::Map<const RowMajor>(a.data(), a.shape(0), a.shape(1));
}

py::tuple subproblem(const Array& g, const Array& b, double radius) {
  const Vector<double> gradient = Eigen::Map<const Vector<double>>(g.data(), g.size());
  const Matrix<double> matrix = matrix_from(b);
  Subproblem<double> s;
  {
    const py::gil_scoped_release released;
    s = solve_subproblem<double>(gradient, matrix, radius);
  }
  return py::make_tuple(to_numpy(s.d), s.lambda, s.reduction, s.at_radius, s.hard_case);
}

py::tuple modified(const Array& a) {
  const Matrix<double> matrix = matrix_from(a);
  ModifiedCholesky<double> m;
  {
    const py::gil_scoped_release released;
    m = modified_cholesky(matrix);
  }
  return py::make_tuple(to_numpy(m.l), m.shift);
}

}  // namespace

void bind_subproblem(py::module_& m) {
  m.def("subproblem", &subproblem, py::arg("g"), py::arg("b"), py::arg("radius"));
  m.def("modified_cholesky", &modified, py::arg("a"));
}

}  // namespace osculate::python
