#include <osculate/batch/batch.hpp>

#include <iostream>

int main() {
  // A thousand decays, each with its own height and rate.
  const auto decay =
      osculate::batch::model(1, 2, [](const auto& t, const auto& p) { return p[0] * exp(-p[1] * t[0]); });
  const Eigen::VectorXd t = Eigen::VectorXd::LinSpaced(50, 0, 4);
  const Eigen::ArrayXd height = Eigen::ArrayXd::LinSpaced(1000, 1, 3), rate = height.sqrt();
  const Eigen::MatrixXd y = (-rate.matrix() * t.transpose()).array().exp().colwise() * height;
  const auto fits = osculate::batch::fit(decay, t, y, Eigen::RowVector2d{1, 1}, {.threads = 2});
  const double worst = (fits.params.col(1).array() - rate).abs().maxCoeff();
  std::cout << fits.params.topRows(3) << "\nlargest error of a rate " << worst << "\n";
  return worst < 1e-6 ? 0 : 1;
}
