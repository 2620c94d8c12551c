#pragma once
// The three forms of a Python Jacobian as the core's least-squares problems.

#include "callback.hpp"

namespace osculate::python {

class DenseProblem : public PythonResiduals {
 public:
  using Jacobian = Matrix<double>;
  using PythonResiduals::PythonResiduals;

  void jacobian(const Vector<double>& x, const Vector<double>& r, Matrix<double>& j) {
    if (source == JacobianSource::callback || source == JacobianSource::fused) {
      const GilSwitch::Callback hold(gil);
      const bool at_start = static_cast<bool>(first_jacobian_);
      const py::object object = jacobian_object(x);
      if (!at_start && !py::isinstance<py::array>(object) &&
          (py::hasattr(object, "tocsc") || py::hasattr(object, "matvec")))
        throw py::type_error(jac_name + " returned a dense array at the start and " + type_of(object) +
                             " later");
      to_matrix(object, jac_name, r.size(), x.size(), j);
      if (at_start) check_start(j.data(), j.size());
    } else if (source == JacobianSource::complex_step) {
      j.setZero(r.size(), x.size());
      for (Index k = 0; k < x.size(); ++k) {
        if (difference.skip.size() && difference.skip[k]) continue;
        complex_step(x, {k}, column_, steps_);
        j.col(k) = column_ / steps_[k];
      }
    } else {
      difference.method =
          source == JacobianSource::three_point ? Difference::three_point : Difference::two_point;
      difference_jacobian([this](const auto& points, auto& values) { evaluate(points, values); }, difference,
                          x, r, j);
    }
  }

 private:
  Vector<double> column_, steps_;
};

class SparseProblem : public PythonResiduals {
 public:
  using Jacobian = SparseMatrix<double>;
  using PythonResiduals::PythonResiduals;

  SparseMatrix<double> pattern{};  ///< jac_sparsity, for differences

  void jacobian(const Vector<double>& x, const Vector<double>& r, SparseMatrix<double>& j) {
    if (source == JacobianSource::callback || source == JacobianSource::fused) {
      const GilSwitch::Callback hold(gil);
      const bool at_start = static_cast<bool>(first_jacobian_);
      read_csc(jacobian_object(x), jac_name, r.size(), x.size(), j);
      if (at_start) check_start(j.valuePtr(), j.nonZeros());
      return;
    }
    if (groups_.empty()) {
      if (pattern.rows() != r.size() || pattern.cols() != x.size())
        throw py::value_error(jac_name + "_sparsity must have shape (" + std::to_string(r.size()) + ", " +
                              std::to_string(x.size()) + "), residuals by parameters, got (" +
                              std::to_string(pattern.rows()) + ", " + std::to_string(pattern.cols()) + ")");
      groups_ = column_groups(pattern, difference.skip);
      pattern.coeffs().setZero();  // what fixed columns keep
    }
    j = pattern;
    if (source == JacobianSource::complex_step) {
      for (const auto& group : groups_) {
        complex_step(x, group, values_, steps_);
        for (const Index k : group)
          for (SparseMatrix<double>::InnerIterator it(j, k); it; ++it)
            it.valueRef() = values_[it.row()] / steps_[k];
      }
      return;
    }
    difference.method =
        source == JacobianSource::three_point ? Difference::three_point : Difference::two_point;
    difference_jacobian([this](const auto& points, auto& values) { evaluate(points, values); }, difference, x,
                        r, groups_, j);
  }

  /// A scipy.sparse matrix or array of any format.
  static void read_csc(const py::object& object, const std::string& what, Index m, Index n,
                       SparseMatrix<double>& out, const char* axes = "residuals by parameters, ") {
    if (!py::hasattr(object, "tocsc"))
      throw py::type_error(what + " returned a sparse matrix at the start and " + type_of(object) + " later");
    py::object csc = object.attr("tocsc")();
    if (!csc.attr("has_canonical_format").cast<bool>()) {
      csc = csc.attr("copy")();
      csc.attr("sum_duplicates")();
    }
    const auto shape = csc.attr("shape").cast<std::pair<Index, Index>>();
    if (shape.first != m || shape.second != n)
      throw py::value_error(what + " must return shape (" + std::to_string(m) + ", " + std::to_string(n) +
                            "), " + axes + "got (" + std::to_string(shape.first) + ", " +
                            std::to_string(shape.second) + ")");
    const py::array stored = csc.attr("data");
    if (stored.dtype().kind() == 'c')
      throw py::type_error(what + " must return real numbers, got complex ones");
    const auto data = py::array_t<double, py::array::c_style | py::array::forcecast>(stored);
    if (data.size() > std::numeric_limits<int>::max())
      throw py::value_error(what + " has more than 2^31 nonzeros, which is not supported");
    const auto indices = py::array_t<int, py::array::c_style | py::array::forcecast>(csc.attr("indices"));
    const auto starts = py::array_t<int, py::array::c_style | py::array::forcecast>(csc.attr("indptr"));
    out =
        Eigen::Map<const SparseMatrix<double>>(m, n, data.size(), starts.data(), indices.data(), data.data());
  }

 private:
  std::vector<std::vector<Index>> groups_;
  Vector<double> values_, steps_;
};

class OperatorProblem : public PythonResiduals {
 public:
  using Jacobian = PythonOperator;
  using PythonResiduals::PythonResiduals;

  void jacobian(const Vector<double>& x, const Vector<double>& r, PythonOperator& j) {
    const GilSwitch::Callback hold(gil);
    const bool at_start = static_cast<bool>(first_jacobian_);
    const py::object object = jacobian_object(x);
    if (!at_start && py::isinstance<py::array>(object))
      throw py::type_error(jac_name + " returned a linear operator at the start and " + type_of(object) +
                           " later");
    if (!py::hasattr(object, "matvec") || !py::hasattr(object, "rmatvec"))
      throw py::type_error(jac_name + " must return a linear operator with matvec and rmatvec, got " +
                           type_of(object));
    if (py::hasattr(object, "shape")) {
      const auto shape = object.attr("shape").cast<std::pair<Index, Index>>();
      if (shape.first != r.size() || shape.second != x.size())
        throw py::value_error(jac_name + " must return an operator of shape (" + std::to_string(r.size()) +
                              ", " + std::to_string(x.size()) + "), got (" + std::to_string(shape.first) +
                              ", " + std::to_string(shape.second) + ")");
    }
    j = {.methods = PythonOperator::methods_of(object),
         .gil = &gil,
         .name = jac_name + "'s ",
         .m = r.size(),
         .n = x.size()};
  }
};

}  // namespace osculate::python
