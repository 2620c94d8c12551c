// What memory gives: a[i] = b[i] + s c[i], the triad of STREAM (McCalpin 1995), on vectors of the length that
// the bench of vector work has. Prints the seconds of every repetition.
//
//     triad <threads> <length> <repetitions>

#include <omp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int, char** arguments) {
  const int threads = std::atoi(arguments[1]), repetitions = std::atoi(arguments[3]);
  const long n = std::atol(arguments[2]);
  std::vector<double> a(n), b(n, 1.0), c(n, 2.0);
  std::printf("{\"seconds\": [");
  for (int k = 0; k < repetitions; ++k) {
    const auto began = std::chrono::steady_clock::now();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < n; ++i) a[i] = b[i] + 1e-3 * c[i];
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%s%.9f", k ? ", " : "", took.count());
    b.swap(a);
  }
  std::printf("], \"sum\": %g}\n", a[n / 2] + b[n / 3]);
}
