// _core.line_search: More & Thuente's line search of the core on a Python function with its gradient.
#include <osculate/globalize/more_thuente.hpp>

#include "minimize.hpp"

namespace osculate::python {
namespace {

py::tuple run(const std::string& caller, py::object fun, py::object jac, int gradient_source,
              const py::object& x, const py::object& d, double first, double c1, double c2, double shortest,
              double longest, int most_evaluations) {
  PythonFunction problem;
  const Vector<double> start = set_up(problem, caller, std::move(fun), std::move(jac), gradient_source, 0, x);
  Vector<double> direction;
  to_vector(d, "_core", direction);
  const WolfeOptions<double> options{.sufficient = c1,
                                     .curvature = c2,
                                     .shortest = shortest,
                                     .longest = longest,
                                     .most_evaluations = most_evaluations};
  const LineSearchResult<double> out = run_released(
      problem, false, [&] { return line_search<double>(problem, start, direction, options, first); });
  return py::make_tuple(static_cast<int>(out.exit), out.step, to_numpy(out.x), out.value,
                        to_numpy(out.gradient), problem.functions, problem.gradients);
}

}  // namespace

void bind_line_search(py::module_& m) {
  m.def("line_search_sentence", [](int exit) { return sentence(static_cast<WolfeExit>(exit)); });
  m.def("line_search", &run, py::arg("caller"), py::arg("fun"), py::arg("jac"), py::arg("gradient_source"),
        py::arg("x"), py::arg("d"), py::arg("first"), py::arg("c1"), py::arg("c2"), py::arg("shortest"),
        py::arg("longest"), py::arg("most_evaluations"));
}

}  // namespace osculate::python
