// _core.minimize: reads the options and runs Newton's method of the core on a Python function.
#include <osculate/solve/newton.hpp>

#include "minimize.hpp"

namespace osculate::python {
namespace {

/// Newton's method needs to know at compile time how the Hessian is stored.
template <class H>
struct StoredHessian {
  using Scalar = double;
  using Hessian = H;
  PythonFunction& function;

  double value(const Vector<double>& x) { return function.value(x); }
  void gradient(const Vector<double>& x, Vector<double>& g) { function.gradient(x, g); }
  void derivatives(const Vector<double>& x, Vector<double>& g, H& h) { function.derivatives(x, g, h); }
  double hessian_noise() const { return function.hessian_noise(); }
};

py::object hessian_to_python(const Matrix<double>& h) { return to_numpy(h); }
py::object hessian_to_python(const SparseMatrix<double>& h) { return sparse_to_python(h); }

template <class H>
py::tuple run(PythonFunction& function, const Vector<double>& start, const NewtonOptions<double>& options,
              const Bounds<double>& bounds, const py::object& observe) {
  StoredHessian<H> problem{function};
  Index seen = 0;
  const double n = double(start.size());
  const NewtonResult<double, H> result = run_released(function, n * n * n > 1e5, [&] {
    return newton(problem, start, options, bounds, function_observer(function, observe, seen));
  });
  return py::make_tuple(to_numpy(result.x), result.cost, to_numpy(result.gradient),
                        hessian_to_python(result.hessian), result.optimality, static_cast<int>(result.status),
                        result.iterations, function.functions, function.gradients, function.hessians,
                        result.evaluations, to_numpy(result.trace),
                        static_cast<int>(result.curvature.certificate), result.curvature.lowest);
}

py::tuple minimize(std::string caller, py::object fun, py::object jac, int gradient_source, py::object hess,
                   int hessian_source, const py::object& sparsity, const py::object& x0,
                   const py::object& lower, const py::object& upper, const py::object& fixed, double ftol,
                   double xtol, double gtol, double gtol_relative, Index max_evaluations,
                   Index max_iterations, const py::object& scale, int strategy, double initial_radius,
                   const py::object& observe) {
  PythonFunction problem;
  const Vector<double> start =
      set_up(problem, std::move(caller), std::move(fun), std::move(jac), gradient_source, hessian_source, x0);
  problem.hess = std::move(hess);
  Bounds<double> bounds{optional_vector(lower), optional_vector(upper), {}};
  if (!fixed.is_none()) {
    const auto a = py::array_t<bool, py::array::c_style | py::array::forcecast>(fixed);
    bounds.fixed_always = Eigen::Map<const Mask>(a.data(), a.size());
  }
  problem.gradient_difference.lower = problem.hessian_difference.lower = bounds.lower;
  problem.gradient_difference.upper = problem.hessian_difference.upper = bounds.upper;
  problem.hessian_difference.skip = bounds.fixed_always;
  const NewtonOptions<double> options{
      .tolerances = {ftol, xtol, gtol, max_iterations, max_evaluations, gtol_relative},
      .strategy = static_cast<NewtonStrategy>(strategy),
      .initial_radius = initial_radius,
      .scale = optional_vector(scale)};
  if (options.scale.size()) problem.typical = options.scale.cwiseInverse();
  bool sparse = !sparsity.is_none();
  if (problem.hessian_source == HessianSource::callback) {
    problem.first_hessian = problem.hessian_object(start);
    sparse = !py::isinstance<py::array>(problem.first_hessian) && py::hasattr(problem.first_hessian, "tocsc");
  } else if (sparse) {
    SparseProblem::read_csc(sparsity, "hess_sparsity", problem.n, problem.n, problem.pattern);
  }
  return sparse ? run<SparseMatrix<double>>(problem, start, options, bounds, observe)
                : run<Matrix<double>>(problem, start, options, bounds, observe);
}

}  // namespace

void bind_minimize(py::module_& m) {
  m.def("minimize", &minimize, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("gradient_source"),
        py::arg("hess"), py::arg("hessian_source"), py::arg("sparsity"), py::arg("x0"), py::arg("lower"),
        py::arg("upper"), py::arg("fixed"), py::arg("ftol"), py::arg("xtol"), py::arg("gtol"),
        py::arg("gtol_relative"), py::arg("max_evaluations"), py::arg("max_iterations"), py::arg("scale"),
        py::arg("strategy"), py::arg("initial_radius"), py::arg("observe"));
}

}  // namespace osculate::python
