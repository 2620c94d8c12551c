#include <cmath>
#include <iostream>
#include <osculate/batch/pack.hpp>

int main() {
  const osculate::batch::Pack<double> x(2.0);
  const double y = osculate::batch::log(osculate::batch::exp(x)).get(0);
  std::cout << osculate::batch::width<double> << " lanes of doubles, log(exp(2)) = " << y << "\n";
  return std::abs(y - 2) < 1e-15 ? 0 : 1;
}
