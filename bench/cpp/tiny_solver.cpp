// ceres::TinySolver on one workload: reads the data, fits, writes the parameters, prints JSON.
//
//   g++ -DMODEL=Gaussian2D -DSCALAR=double ... (a struct of workloads.hpp, double or float)
//   tiny_solver THREADS FITS FOLDER OUTPUT TOLERANCE
//
// FOLDER holds x, y, p0 as raw numbers of the type, row by row; the fitted parameters go to the file OUTPUT.
// TOLERANCE is TinySolver's function_tolerance (absolute: it stops when twice the cost changes by less), 0
// for its default. Only the fits are timed, not the files.
#include <ceres/tiny_solver.h>
#include <omp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "workloads.hpp"

namespace {

struct Arguments {
  int threads;
  std::size_t fits;
  std::string folder, output;
  double tolerance;
};

template <class S>
std::vector<S> read(const std::string& path, std::size_t count) {
  std::vector<S> values(count);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(values.data()), std::streamsize(count * sizeof(S))))
    throw std::runtime_error("cannot read " + path);
  return values;
}

struct Totals {
  std::size_t iterations = 0, residuals = 0, jacobians = 0, exhausted = 0;
};

template <class Function>
Totals solve(const Arguments& a, const std::vector<typename Function::Scalar>& x,
             const std::vector<typename Function::Scalar>& y,
             const std::vector<typename Function::Scalar>& p0, std::vector<typename Function::Scalar>& p,
             std::size_t fits) {
  using S = typename Function::Scalar;
  constexpr int N = Function::NUM_RESIDUALS, P = Function::NUM_PARAMETERS;
  std::size_t iterations = 0, residuals = 0, jacobians = 0, exhausted = 0;
#pragma omp parallel num_threads(a.threads) reduction(+ : iterations, residuals, jacobians, exhausted)
  {
    ceres::TinySolver<Function> solver;
    if (a.tolerance > 0) solver.options.function_tolerance = S(a.tolerance);
    Function function;
    function.x = x.data();
#pragma omp for schedule(dynamic, 64)
    for (std::size_t b = 0; b < fits; ++b) {
      function.y = y.data() + b * N;
      Eigen::Matrix<S, P, 1> q = Eigen::Map<const Eigen::Matrix<S, P, 1>>(p0.data() + b * P);
      const auto& summary = solver.Solve(function, &q);
      Eigen::Map<Eigen::Matrix<S, P, 1>>(p.data() + b * P) = q;
      iterations += std::size_t(summary.iterations);
      exhausted += summary.status == ceres::TinySolver<Function>::HIT_MAX_ITERATIONS;
    }
    residuals += function.residuals;
    jacobians += function.jacobians;
  }
  return {iterations, residuals, jacobians, exhausted};
}

template <class Function>
void run(const Arguments& a) {
  using S = typename Function::Scalar;
  constexpr std::size_t N = Function::NUM_RESIDUALS, P = Function::NUM_PARAMETERS,
                        D = Function::NUM_COORDINATES;
  const auto x = read<S>(a.folder + "/x", D * N);
  const auto y = read<S>(a.folder + "/y", a.fits * N), p0 = read<S>(a.folder + "/p0", a.fits * P);
  std::vector<S> p(a.fits * P);
  solve<Function>(a, x, y, p0, p, a.fits < 4096 ? a.fits : 4096);  // starts the threads and warms the caches
  const auto began = std::chrono::steady_clock::now();
  const Totals totals = solve<Function>(a, x, y, p0, p, a.fits);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::ofstream file(a.output, std::ios::binary);
  if (!file.write(reinterpret_cast<const char*>(p.data()), std::streamsize(p.size() * sizeof(S))))
    throw std::runtime_error("cannot write the parameters");
  const double fits = double(a.fits);
  std::printf(
      "{\"seconds\": %.9f, \"iterations\": %.4f, \"residuals\": %.4f, \"jacobians\": %.4f, \"exhausted\": "
      "%.6f}\n",
      seconds, double(totals.iterations) / fits, double(totals.residuals) / fits,
      double(totals.jacobians) / fits, double(totals.exhausted) / fits);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 6) throw std::runtime_error("expected THREADS FITS FOLDER OUTPUT TOLERANCE");
    run<workloads::MODEL<SCALAR>>(
        {std::atoi(argv[1]), std::size_t(std::atoll(argv[2])), argv[3], argv[4], std::atof(argv[5])});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tiny_solver: %s\n", error.what());
    return 1;
  }
}
