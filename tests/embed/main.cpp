#include <osculate/osculate.hpp>

#include <cmath>
#include <iostream>

int main() {
  const Eigen::VectorXd t{{1, 2, 3, 5, 7, 10}}, y{{109, 149, 149, 191, 213, 224}};  // BoxBOD, from NIST
  auto problem = osculate::residual_problem<double>(t.size(), [&](const auto& b, auto& r) {
    r.array() = b[0] * (1 - (-b[1] * t.array()).exp()) - y.array();
  });
  const auto fit = osculate::levenberg_marquardt(problem, Eigen::VectorXd{{100, 0.75}});
  std::cout << fit.x.transpose() << "\n" << osculate::sentence(fit.status) << "\n";
  return std::abs(fit.x[0] - 213.80941) < 1e-3 && std::abs(fit.x[1] - 0.54723749) < 1e-6 ? 0 : 1;
}
