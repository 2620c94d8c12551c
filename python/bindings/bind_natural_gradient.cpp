// _core.natural_gradient: the loop of the core on Python functions; _core.KlStep: its step control by itself.
#include <osculate/solve/natural_gradient.hpp>

#include "minimize.hpp"

namespace osculate::python {
namespace {

// What python/osculate/_natural_control.py counts on.
static_assert(static_cast<int>(KlKind::fixed) == 0 && static_cast<int>(KlKind::line_search) == 1 &&
              static_cast<int>(KlKind::trust_region) == 2);
static_assert(static_cast<int>(Verdict::accept) == 0 && static_cast<int>(Verdict::rescale) == 1);

/// A loss, its gradient, and direction(x, g) -> (d, status): Python has checked what they return.
struct NaturalFunctions {
  using Scalar = double;
  py::object loss, jac, direction;

  double value(const Vector<double>& x) { return loss(to_numpy(x)).cast<double>(); }
  void gradient(const Vector<double>& x, Vector<double>& g) { to_vector(jac(to_numpy(x)), "_core", g); }
  Status natural(const Vector<double>& x, const Vector<double>& g, Vector<double>& d) {
    const auto found = direction(to_numpy(x), to_numpy(g)).cast<py::tuple>();
    to_vector(found[0], "_core", d);
    return static_cast<Status>(found[1].cast<int>());
  }
};

py::tuple run_natural_gradient(const py::object& loss, const py::object& jac, const py::object& direction,
                               const py::object& x0, const py::dict& given, const py::object& observe) {
  const auto number = [&](const char* name) { return given[name].cast<double>(); };
  NaturalFunctions problem{loss, jac, direction};
  Vector<double> start;
  to_vector(x0, "_core", start);
  Index seen = 0;
  const Result<double> result =
      natural_gradient(problem, start,
                       NaturalGradientOptions<double>{
                           .tolerances = {.ftol = number("ftol"),
                                          .xtol = number("xtol"),
                                          .gtol = number("gtol"),
                                          .max_iterations = given["max_iterations"].cast<Index>(),
                                          .max_evaluations = given["max_evaluations"].cast<Index>()},
                           .damping = number("damping"),
                           .step = static_cast<KlKind>(given["step"].cast<int>()),
                           .learning_rate = number("learning_rate"),
                           .kl_radius = number("kl_radius"),
                           .kl_clip = number("kl_clip")},
                       [&](const Iteration<double>& it, const Vector<double>& x, const Quadratic<double>& q) {
                         if (PyErr_CheckSignals() != 0) throw py::error_already_set();
                         if (observe.is_none()) return true;
                         const py::object go_on = observe(seen++, it.cost, it.optimality, it.step,
                                                          it.evaluations, to_numpy(x), to_numpy(q.gradient));
                         return go_on.is_none() || go_on.cast<bool>();
                       });
  return py::make_tuple(to_numpy(result.x), result.cost, to_numpy(result.gradient), result.optimality,
                        static_cast<int>(result.status), result.iterations, result.evaluations,
                        to_numpy(result.trace));
}

}  // namespace

void bind_natural_gradient(py::module_& m) {
  m.def("natural_gradient", &run_natural_gradient, py::arg("loss"), py::arg("jac"), py::arg("direction"),
        py::arg("x0"), py::arg("options"), py::arg("observe"));
  using Step = KlStep<double>;
  py::class_<Step>(m, "KlStep")
      .def(py::init([](int kind, double radius) {
             return Step{.kind = static_cast<KlKind>(kind), .radius = radius};
           }),
           py::arg("kind"), py::arg("radius"))
      .def("begin", &Step::begin, py::arg("value"), py::arg("slack"), py::arg("slope"), py::arg("curvature"),
           py::arg("most"))
      .def(
          "judge", [](Step& step, double there) { return static_cast<int>(step.judge(there)); },
          py::arg("there"))
      .def_readonly("radius", &Step::radius)
      .def_readonly("scale", &Step::scale)
      .def_readonly("predicted", &Step::predicted)
      .def_readonly("actual", &Step::actual)
      .def_readonly("ratio", &Step::ratio)
      .def_readonly("tries", &Step::tries);
}

}  // namespace osculate::python
