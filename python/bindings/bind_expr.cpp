// _core.Graph: models as graphs of operations, built by the tracer in Python.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <osculate/expr/derive.hpp>
#include <osculate/expr/tape_text.hpp>

#include <map>

namespace osculate::python {

namespace py = pybind11;

namespace {

using expr::Graph;
using expr::Id;
using expr::Op;

Op operation(const std::string& word) {
  static const auto known = [] {
    std::map<std::string, Op> names;
    for (int k = 0; k < static_cast<int>(Op::fma); ++k)
      if (expr::arity(static_cast<Op>(k)) > 0) names[expr::name(static_cast<Op>(k))] = static_cast<Op>(k);
    return names;
  }();
  const auto found = known.find(word);
  if (found == known.end()) throw py::value_error("Graph: there is no operation '" + word + "'");
  return found->second;
}

const expr::Node& node(const Graph& g, Id id) {
  if (id < 0 || id >= g.size()) throw py::index_error("Graph: no node " + std::to_string(id));
  return g[id];
}

expr::Names names_from(const std::vector<std::string>& parameters,
                       const std::vector<std::string>& coordinates) {
  const auto from = [](const std::vector<std::string>& names, const char* other) {
    return [names, other](int k) {
      return static_cast<std::size_t>(k) < names.size() ? names[static_cast<std::size_t>(k)]
                                                        : other + std::to_string(k);
    };
  };
  return {from(parameters, "p"), from(coordinates, "x"), from({}, "array")};
}

std::string text(const Graph& g, Id id, const std::vector<std::string>& parameters,
                 const std::vector<std::string>& coordinates) {
  node(g, id);
  const expr::Names names = names_from(parameters, coordinates);
  return expr::Writer(g, names)(id);
}

/// The tape that fits of `root` with all parameters free would run.
std::string tape_text(const Graph& g, Id id, const std::vector<std::string>& parameters,
                      const std::vector<std::string>& coordinates) {
  node(g, id);
  std::vector<int> active;
  for (std::size_t k = 0; k < parameters.size(); ++k) active.push_back(static_cast<int>(k));
  const expr::Names names = names_from(parameters, coordinates);
  const auto tape =
      expr::TapeCompiler::compile(g, id, static_cast<int>(parameters.size()), active, expr::Rate::point);
  return expr::TapeWriter(tape, names)();
}

/// Every node as (operation, a, b, c, value): what a pickle keeps, without naming an instruction set.
py::list nodes(const Graph& g) {
  py::list all;
  for (Id id = 0; id < g.size(); ++id)
    all.append(py::make_tuple(static_cast<int>(g[id].op), g[id].a, g[id].b, g[id].c, g[id].value));
  return all;
}

Graph from_nodes(const py::list& all) {
  Graph g;
  for (const py::handle item : all) {
    const auto [op, a, b, c, value] = item.cast<std::tuple<int, Id, Id, Id, double>>();
    const Op kind = static_cast<Op>(op);
    if (op < 0 || op >= static_cast<int>(Op::fma)) throw py::value_error("Graph: not a pickled graph");
    const Id id = kind == Op::constant     ? g.constant(value)
                  : kind == Op::parameter  ? g.parameter(a)
                  : kind == Op::coordinate ? g.coordinate(a)
                  : kind == Op::array      ? g.array(a)
                                           : g.apply(kind, a, b, c);
    if (id != g.size() - 1) throw py::value_error("Graph: not a pickled graph");
  }
  return g;
}

/// Values of `roots` at every point, shape (roots, points), node by node and in double.
py::array_t<double> evaluate_nodes(
    const Graph& g, const std::vector<Id>& roots, const py::array_t<double>& parameters,
    const py::array_t<double, py::array::c_style | py::array::forcecast>& coordinates,
    const py::array_t<double, py::array::c_style | py::array::forcecast>& arrays) {
  const auto p = parameters.unchecked<1>();
  const auto x = coordinates.unchecked<2>(), extra = arrays.unchecked<2>();
  const py::ssize_t points = x.shape(0) > 0 ? x.shape(1) : extra.shape(1);
  Id last = expr::none;
  for (const Id root : roots) {
    node(g, root);
    last = std::max(last, root);
  }
  py::array_t<double> out({static_cast<py::ssize_t>(roots.size()), points});
  auto result = out.mutable_unchecked<2>();
  std::vector<double> value(static_cast<std::size_t>(last + 1));
  const auto of = [&](Id id) { return id == expr::none ? 0 : value[static_cast<std::size_t>(id)]; };
  for (py::ssize_t i = 0; i < points; ++i) {
    for (Id id = 0; id <= last; ++id) {
      const expr::Node& n = g[id];
      const auto outside = [&](py::ssize_t size) {
        if (n.a >= size)
          throw py::value_error("Graph: " + std::string(expr::name(n.op)) + " " + std::to_string(n.a) +
                                " of " + std::to_string(size) + " given");
      };
      double& v = value[static_cast<std::size_t>(id)];
      if (n.op == Op::constant)
        v = n.value;
      else if (n.op == Op::parameter)
        outside(p.shape(0)), v = p(n.a);
      else if (n.op == Op::coordinate)
        outside(x.shape(0)), v = x(n.a, i);
      else if (n.op == Op::array)
        outside(extra.shape(0)), v = extra(n.a, i);
      else
        v = expr::evaluate(n.op, of(n.a), of(n.b), of(n.c));
    }
    for (std::size_t k = 0; k < roots.size(); ++k) result(static_cast<py::ssize_t>(k), i) = of(roots[k]);
  }
  return out;
}

}  // namespace

void bind_expr(py::module_& m) {
  py::class_<Graph>(m, "Graph")
      .def(py::init<>())
      .def("constant", &Graph::constant, py::arg("value"))
      .def("parameter", &Graph::parameter, py::arg("index"))
      .def("coordinate", &Graph::coordinate, py::arg("index"))
      .def("array", &Graph::array, py::arg("index"))
      .def(
          "apply",
          [](Graph& g, const std::string& op, Id a, Id b, Id c) { return g.apply(operation(op), a, b, c); },
          py::arg("operation"), py::arg("a"), py::arg("b") = expr::none, py::arg("c") = expr::none)
      .def(
          "gradient",
          [](Graph& g, Id root, int parameters) {
            node(g, root);
            return expr::Derivatives(g, parameters).gradient(root);
          },
          py::arg("root"), py::arg("parameters"))
      .def("text", &text, py::arg("node"), py::arg("parameters"), py::arg("coordinates"))
      .def("tape", &tape_text, py::arg("node"), py::arg("parameters"), py::arg("coordinates"))
      .def(
          "node",
          [](const Graph& g, Id id) {
            const expr::Node& n = node(g, id);
            return py::make_tuple(expr::name(n.op), n.a, n.b, n.c, n.value);
          },
          py::arg("node"))
      .def("evaluate", &evaluate_nodes, py::arg("roots"), py::arg("parameters"), py::arg("coordinates"),
           py::arg("arrays"))
      .def("__len__", &Graph::size)
      .def("nodes", &nodes)
      .def_static("from_nodes", &from_nodes, py::arg("nodes"));
}

}  // namespace osculate::python
