// _core.cg: a Krylov method whose products are Python functions. Python has checked the arguments.
#include <osculate/linsolve/cg.hpp>

#include "products.hpp"

namespace osculate::python {
namespace {

py::array_t<double> to_numpy(const std::vector<double>& v) {
  return py::array_t<double>(static_cast<py::ssize_t>(v.size()), v.data());
}

template <class S>
py::tuple run_cg(const std::string& caller, py::object product, const py::array& b, const py::object& x0,
                 const py::object& precondition, py::object callback, const py::dict& given) {
  const auto number = [&](const char* name) { return static_cast<S>(given[name].template cast<double>()); };
  const CgOptions<S> options{.rtol = number("rtol"),
                             .atol = number("atol"),
                             .max_iterations = given["max_iterations"].cast<Index>(),
                             .damping = number("damping"),
                             .radius = number("radius"),
                             .progress_tolerance = number("progress_tolerance"),
                             .warm_start = !x0.is_none(),
                             .ritz = given["ritz"].cast<Index>(),
                             .threads = given["threads"].cast<int>()};
  const auto work = std::make_shared<CgWorkspace<S>>();
  if (options.warm_start)
    work->x = Eigen::Map<const Vector<S>>(py::array_t<S>(x0).data(), b.size());
  else
    work->x.setZero(b.size());
  KrylovCall<S> arguments(caller, std::move(product), b, precondition, std::move(callback), work);
  const CgOutcome out = arguments.run([&](auto&& preconditioner) {
    return cg<S>(arguments.apply, arguments.right, options, *work, preconditioner, arguments.observe);
  });
  py::object direction = py::none();
  if (out.exit == KrylovExit::negative_curvature) direction = copy_to_numpy(work->p);
  return py::make_tuple(copy_to_numpy(work->x), static_cast<int>(out.exit), out.iterations, out.products,
                        out.residual_norm, out.model, out.step_norm,
                        py::make_tuple(out.least_curvature, out.largest_curvature), direction,
                        to_numpy(work->ritz_diagonal), to_numpy(work->ritz_offdiagonal));
}

py::tuple cg_of_either_type(const std::string& caller, py::object product, const py::array& b,
                            const py::object& x0, const py::object& precondition, py::object callback,
                            const py::dict& options) {
  const auto run = b.itemsize() == sizeof(float) ? &run_cg<float> : &run_cg<double>;
  return run(caller, std::move(product), b, x0, precondition, std::move(callback), options);
}

}  // namespace

void bind_krylov(py::module_& m) {
  m.def("krylov_sentence", [](int exit) { return sentence(static_cast<KrylovExit>(exit)); }, py::arg("exit"));
  m.def("cg", &cg_of_either_type, py::arg("caller"), py::arg("product"), py::arg("b"), py::arg("x0"),
        py::arg("precondition"), py::arg("callback"), py::arg("options"));
}

}  // namespace osculate::python
