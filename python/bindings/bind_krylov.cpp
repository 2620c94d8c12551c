// _core.cg and _core.minres, whose products are Python functions. Python has checked the arguments.
#include <osculate/linsolve/cg.hpp>
#include <osculate/linsolve/minres.hpp>

#include "products.hpp"

namespace osculate::python {
namespace {

py::array_t<double> numbers(const std::vector<double>& v) {
  return py::array_t<double>(static_cast<py::ssize_t>(v.size()), v.data());
}

/// x0 as the workspace's start; tells whether there is one.
template <class S>
bool start_at(const py::object& x0, Index n, Vector<S>& x) {
  if (x0.is_none())
    x.setZero(n);
  else
    x = Eigen::Map<const Vector<S>>(py::array_t<S>(x0).data(), n);
  return !x0.is_none();
}

template <class S>
py::tuple run_cg(const std::string& caller, py::object product, const py::array& b, const py::object& x0,
                 const py::object& precondition, py::object callback, const py::dict& given) {
  const auto work = std::make_shared<CgWorkspace<S>>();
  const auto number = [&](const char* name) { return static_cast<S>(given[name].template cast<double>()); };
  const CgOptions<S> options{.rtol = number("rtol"),
                             .atol = number("atol"),
                             .max_iterations = given["max_iterations"].cast<Index>(),
                             .damping = number("damping"),
                             .radius = number("radius"),
                             .progress_tolerance = number("progress_tolerance"),
                             .warm_start = start_at(x0, b.size(), work->x),
                             .ritz = given["ritz"].cast<Index>(),
                             .threads = given["threads"].cast<int>()};
  KrylovCall<S> arguments(caller, std::move(product), b, precondition, std::move(callback), work);
  const CgOutcome out = arguments.run([&](auto&& preconditioner) {
    return cg<S>(arguments.apply, arguments.right, options, *work, preconditioner, arguments.observe);
  });
  py::object direction = py::none();
  if (out.exit == KrylovExit::negative_curvature) direction = to_numpy(work->p);
  return py::make_tuple(to_numpy(work->x), static_cast<int>(out.exit), out.iterations, out.products,
                        out.residual_norm, out.model, out.step_norm,
                        py::make_tuple(out.least_curvature, out.largest_curvature), direction,
                        numbers(work->ritz_diagonal), numbers(work->ritz_offdiagonal));
}

template <class S>
py::tuple run_minres(const std::string& caller, py::object product, const py::array& b, const py::object& x0,
                     const py::object& precondition, py::object callback, const py::dict& given) {
  const auto work = std::make_shared<MinresWorkspace<S>>();
  const auto number = [&](const char* name) { return static_cast<S>(given[name].template cast<double>()); };
  const MinresOptions<S> options{.rtol = number("rtol"),
                                 .atol = number("atol"),
                                 .max_iterations = given["max_iterations"].cast<Index>(),
                                 .shift = number("shift"),
                                 .warm_start = start_at(x0, b.size(), work->x),
                                 .threads = given["threads"].cast<int>()};
  KrylovCall<S> arguments(caller, std::move(product), b, precondition, std::move(callback), work);
  const MinresOutcome out = arguments.run([&](auto&& preconditioner) {
    return minres<S>(arguments.apply, arguments.right, options, *work, preconditioner, arguments.observe);
  });
  return py::make_tuple(to_numpy(work->x), static_cast<int>(out.exit), out.iterations, out.products,
                        out.residual_norm, out.matrix_norm);
}

/// Defines a method whose precision is that of b.
void define(py::module_& m, const char* name, decltype(&run_cg<double>) in_double,
            decltype(&run_cg<float>) in_single) {
  m.def(
      name,
      [in_double, in_single](const std::string& caller, py::object product, const py::array& b,
                             const py::object& x0, const py::object& precondition, py::object callback,
                             const py::dict& options) {
        const auto run = b.itemsize() == sizeof(float) ? in_single : in_double;
        return run(caller, std::move(product), b, x0, precondition, std::move(callback), options);
      },
      py::arg("caller"), py::arg("product"), py::arg("b"), py::arg("x0"), py::arg("precondition"),
      py::arg("callback"), py::arg("options"));
}

}  // namespace

void bind_krylov(py::module_& m) {
  m.def("krylov_sentence", [](int exit) { return sentence(static_cast<KrylovExit>(exit)); }, py::arg("exit"));
  m.attr("krylov_chunk") = Sweep<double>::chunk;  // shorter vectors are not worth a second thread
  define(m, "cg", &run_cg<double>, &run_cg<float>);
  define(m, "minres", &run_minres<double>, &run_minres<float>);
}

}  // namespace osculate::python
