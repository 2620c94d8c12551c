#pragma once
// A Jacobian that shows nothing but its products.

#include <osculate/types.hpp>

namespace tests {

struct Operator {
  osculate::Matrix<double> hidden{};

  Eigen::Index rows() const { return hidden.rows(); }
  Eigen::Index cols() const { return hidden.cols(); }
  void multiply(const osculate::Vector<double>& v, osculate::Vector<double>& out) const {
    out.noalias() = hidden * v;
  }
  void multiply_transposed(const osculate::Vector<double>& u, osculate::Vector<double>& out) const {
    out.noalias() = hidden.transpose() * u;
  }
  void scale_rows(const osculate::Vector<double>& w) { hidden.array().colwise() *= w.array(); }
};

}  // namespace tests
