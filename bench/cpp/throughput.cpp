// What the processor can do at most: fused multiply-adds and exponentials per second, in full-width vectors
// from registers and L1. Prints numbers (not vectors) per second over all threads; the best of a few short
// runs.
//
//   throughput THREADS
//
// exp is the fastest found of Eigen's and, where its headers are, xsimd's: another could be faster.
#include <omp.h>

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#if __has_include(<xsimd/xsimd.hpp>)
#include <xsimd/xsimd.hpp>
#define HAVE_XSIMD
#endif

namespace {

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

constexpr int REPEATS = 5;
constexpr double SECONDS = 0.01;  // of one run

// Numbers per second of `chunk()`, which does `numbers` of them and returns something that depends on them
// all.
template <class Chunk>
double rate(int threads, double numbers, const Chunk& make) {
  double best = 0;
  for (int repeat = 0; repeat < REPEATS; ++repeat) {
    double total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
    {
      auto chunk = make();
      double keep = chunk();  // warms up
#pragma omp barrier
      const auto began = std::chrono::steady_clock::now();
      double done = 0, elapsed = 0;
      while (elapsed < SECONDS) {
        for (int k = 0; k < 16; ++k) keep += chunk();
        done += 16 * numbers;
        elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      }
      volatile double sink = keep;
      (void)sink;
      total += done / elapsed;
    }
    best = std::max(best, total);
  }
  return best;
}

template <class S>
double fma_rate(int threads) {
  typedef S Vector __attribute__((vector_size(BYTES)));
  constexpr int CHAINS = 12, STEPS = 256, WIDTH = BYTES / int(sizeof(S));  // > 4 cycles latency x 2 units
  return rate(threads, double(CHAINS) * STEPS * WIDTH, [] {
    return [] {
      volatile S factor = S(0.5), term = S(0.25);
      const Vector b = Vector{} + factor, c = Vector{} + term;
      Vector a[CHAINS];
      for (int j = 0; j < CHAINS; ++j) a[j] = Vector{} + S(j);
      for (int i = 0; i < STEPS; ++i)
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; ++j) a[j] = a[j] * b + c;
      S sum = 0;
      for (int j = 0; j < CHAINS; ++j) sum += a[j][0];
      return double(sum);
    };
  });
}

constexpr int LENGTH = 1024;

template <class S, class Exp>
double exp_rate(int threads, const Exp& exp) {
  return rate(threads, LENGTH, [&exp] {
    Eigen::Array<S, LENGTH, 1> from = Eigen::Array<S, LENGTH, 1>::LinSpaced(S(-8), S(0));
    return [from, to = Eigen::Array<S, LENGTH, 1>(from), &exp]() mutable {
      exp(from, to);
      from[0] = -to[LENGTH - 1];  // so that no call can be left out
      return double(to[1]);
    };
  });
}

template <class S>
void print(const char* name, int threads) {
  const double eigen = exp_rate<S>(threads, [](const auto& from, auto& to) { to = from.exp(); });
  double xsimd = 0;
#ifdef HAVE_XSIMD
  xsimd = exp_rate<S>(threads, [](const auto& from, auto& to) {
    using Batch = xsimd::batch<S>;
    for (int i = 0; i < LENGTH; i += int(Batch::size))
      xsimd::exp(Batch::load_aligned(from.data() + i)).store_aligned(to.data() + i);
  });
#endif
  std::printf("\"%s\": {\"fma\": %.6g, \"exp\": %.6g, \"exp_eigen\": %.6g, \"exp_xsimd\": %.6g}", name,
              fma_rate<S>(threads), std::max(eigen, xsimd), eigen, xsimd);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  std::printf("{");
  print<double>("float64", threads);
  std::printf(", ");
  print<float>("float32", threads);
  std::printf("}\n");
}
