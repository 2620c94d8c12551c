#pragma once
// A model made ready for the data of one call: its tape, and the values that are the same for all fits.

#include <span>

#include "../expr/tape.hpp"
#include "interpreter.hpp"

namespace osculate::batch {

/// Numbers a point that all fits share: coordinates, or arrays that the model brings along.
using PointRows = std::vector<const double*>;

template <class S>
struct Program {
  expr::Tape tape{};
  std::vector<std::vector<S>> values{};  ///< of the tape's `points`

  std::vector<const S*> per_point() const {
    std::vector<const S*> pointers;
    for (const std::vector<S>& v : values) pointers.push_back(v.data());
    return pointers;
  }
};

/// The model `root` for n points whose coordinates all fits share. What depends on the points alone is
/// computed here, in double whatever S is.
template <class S>
Program<S> make_program(const expr::Graph& graph, expr::Id root, int parameters, std::span<const int> active,
                        const PointRows& coordinates, const PointRows& arrays, std::ptrdiff_t n,
                        bool factor_columns = true) {
  Program<S> program;
  program.tape =
      expr::TapeCompiler::compile(graph, root, parameters, active, expr::Rate::point, factor_columns);
  const expr::Graph& g = program.tape.graph;
  expr::Id last = expr::none;
  for (const expr::Id id : program.tape.points) last = std::max(last, id);
  std::vector<char> needed(static_cast<std::size_t>(last + 1), 0);
  for (const expr::Id id : program.tape.points) needed[static_cast<std::size_t>(id)] = 1;
  for (expr::Id id = last; id >= 0; --id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    for (int i = 0; i < expr::arity(g[id].op); ++i)
      needed[static_cast<std::size_t>(i == 0 ? g[id].a : i == 1 ? g[id].b : g[id].c)] = 1;
  }
  program.values.assign(program.tape.points.size(), std::vector<S>(static_cast<std::size_t>(n)));
  std::vector<double> value(needed.size());
  const auto of = [&](expr::Id id) { return id == expr::none ? 0 : value[static_cast<std::size_t>(id)]; };
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    for (expr::Id id = 0; id <= last; ++id) {
      if (!needed[static_cast<std::size_t>(id)]) continue;
      const expr::Node& node = g[id];
      double& v = value[static_cast<std::size_t>(id)];
      if (node.op == expr::Op::constant)
        v = node.value;
      else if (node.op == expr::Op::coordinate)
        v = coordinates[static_cast<std::size_t>(node.a)][i];
      else if (node.op == expr::Op::array)
        v = arrays[static_cast<std::size_t>(node.a)][i];
      else
        v = expr::evaluate(node.op, of(node.a), of(node.b), of(node.c));
    }
    for (std::size_t k = 0; k < program.values.size(); ++k)
      program.values[k][static_cast<std::size_t>(i)] = static_cast<S>(of(program.tape.points[k]));
  }
  return program;
}

/// The model `root` where fits have coordinates of their own: the tape's inputs are coordinates and arrays.
template <class S>
Program<S> make_program(const expr::Graph& graph, expr::Id root, int parameters, std::span<const int> active,
                        bool factor_columns = true) {
  return {expr::TapeCompiler::compile(graph, root, parameters, active, expr::Rate::cell, factor_columns)};
}

}  // namespace osculate::batch
