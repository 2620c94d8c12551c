// expr/lower.hpp and expr/tape.hpp: tapes run number by number give the model and its derivatives, for shared
// and own coordinates, with factored and whole columns.

#include <doctest/doctest.h>

#include <numeric>
#include <osculate/expr/expr.hpp>
#include <osculate/expr/tape.hpp>

#include "random_model.hpp"

using namespace osculate::expr;

namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

/// Runs a tape for one fit at one point.
struct Runner {
  const Tape& tape;
  std::vector<double> lanes, cells, points, inputs;

  Runner(const Tape& t, const double* x, const double* p) : tape(t), lanes(size(t.lane_registers)) {
    const double nothing = std::numeric_limits<double>::quiet_NaN();  // registers are written before read
    std::fill(lanes.begin(), lanes.end(), nothing);
    cells.assign(size(t.cell_registers), nothing);
    std::copy(p, p + t.parameters, lanes.begin());
    for (const auto& [index, value] : t.constants) lanes[size(index)] = value;
    std::vector<double> node(size(t.graph.size()));
    for (Id id = 0; id < t.graph.size(); ++id) {
      const Node& n = t.graph[id];
      const auto of = [&](Id k) { return k == none ? 0 : node[size(k)]; };
      node[size(id)] = n.op == Op::constant     ? n.value
                       : n.op == Op::coordinate ? x[n.a]
                       : n.op == Op::parameter  ? nothing
                                                : evaluate(n.op, of(n.a), of(n.b), of(n.c));
    }
    for (const Id id : t.points) points.push_back(node[size(id)]);
    for (const Source& s : t.inputs) inputs.push_back(x[s.index]);
    for (const auto* code : {&t.lane_code, &t.cell_code})
      for (const Instruction& i : *code)
        write(i.to, i.op == Op::constant ? read(i.a) : evaluate(i.op, read(i.a), read(i.b), read(i.c)));
  }

  double read(const Operand& o) const {
    if (o.where == Where::nowhere) return 1;
    const auto& from = o.where == Where::lane    ? lanes
                       : o.where == Where::point ? points
                       : o.where == Where::cell  ? cells
                                                 : inputs;
    return from.at(size(o.index));
  }
  void write(const Operand& o, double value) {
    REQUIRE((o.where == Where::lane || o.where == Where::cell));
    (o.where == Where::lane ? lanes : cells).at(size(o.index)) = value;
  }
  double column(std::size_t k) const {
    if (!tape.influences[k]) return 0;
    return read(tape.columns[k].values) * read(tape.columns[k].factor);
  }
};

int count(const std::vector<Instruction>& code, Op op) {
  return static_cast<int>(
      std::count_if(code.begin(), code.end(), [&](const Instruction& i) { return i.op == op; }));
}

Tape compile(const Model& m, std::vector<int> active, Rate data = Rate::point, bool factors = true) {
  return TapeCompiler::compile(m.graph, m.root, m.parameters, active, data, factors);
}

}  // namespace

TEST_CASE("tape_of_random_models_gives_their_values_and_derivatives") {
  std::mt19937_64 bits(2);
  for (unsigned seed = 0; seed < 200; ++seed) {
    const int parameters = 1 + static_cast<int>(seed % 6);
    const tests::RandomModel m(1000 + seed, 2, parameters, 14);
    std::vector<int> active(size(parameters));
    std::iota(active.begin(), active.end(), 0);
    if (seed % 3 == 0) active.erase(active.begin());
    double x[2], p[tests::most_parameters], largest;
    for (double& v : x) v = tests::even(bits, 1.5);
    for (double& v : p) v = tests::even(bits, 1.5);
    const tests::Dual wanted = m(x, p, largest);
    const double rounding = 1e-12 * largest * largest;
    for (const Rate data : {Rate::point, Rate::cell})
      for (const bool factors : {true, false}) {
        const Tape tape = TapeCompiler::compile(m.graph, m.root, parameters, active, data, factors);
        const Runner run(tape, x, p);
        CAPTURE(seed);
        CAPTURE(factors);
        CHECK(tape.value.where == Where::cell);
        CHECK((data == Rate::point ? tape.inputs.empty() : tape.points.empty()));
        CHECK(std::abs(run.read(tape.value) - wanted.value) <= rounding);
        REQUIRE(tape.columns.size() == active.size());
        for (std::size_t k = 0; k < active.size(); ++k) {
          CHECK(std::abs(run.column(k) - wanted.slope[size(active[k])]) <= rounding);
          const Operand& f = tape.columns[k].factor;
          const bool lane_alone = tape.columns[k].values.where == Where::nowhere;
          if (!factors && !lane_alone) CHECK(f.where == Where::nowhere);
        }
      }
  }
}

TEST_CASE("tape_sums_products_in_one_operation_where_the_product_is_used_once") {
  const Model once = model(1, 2, [](const auto& x, const auto& p) {
    return sin(p[0] * x[0]) * cos(p[1] * x[0]) + sin(p[1] + x[0]);
  });
  CHECK(count(compile(once, {}).cell_code, Op::fma) == 1);
  const Model twice = model(1, 2, [](const auto& x, const auto& p) {
    const auto product = sin(p[0] * x[0]) * cos(p[1] * x[0]);
    return product + exp(product);
  });
  CHECK(count(compile(twice, {}).cell_code, Op::fma) == 0);
  const Model less = model(1, 2, [](const auto& x, const auto& p) {
    return exp(p[1] + x[0]) - sin(p[0] + x[0]) * cos(p[1] + x[0]);
  });
  CHECK(count(compile(less, {}).cell_code, Op::fnma) == 1);
  const Model decay = model(1, 2, [](const auto& x, const auto& p) { return exp(-p[0] * (x[0] + p[1])); });
  CHECK(count(compile(decay, {}).cell_code, Op::exp_mul) == 1);
}

TEST_CASE("tape_adds_a_fits_factors_of_the_same_rest_once_a_fit") {
  const Model sum = model(1, 3, [](const auto& x, const auto& p) {
    const auto e = exp(p[0] * x[0]);
    return p[1] * e + p[2] * e - 3 * e;
  });
  const Tape tape = compile(sum, {});
  CHECK(tape.cell_code.size() == 2);  // the exponential, and once times the sum
  const double x[] = {0.7}, p[] = {0.3, 2, 1.5};
  CHECK(std::abs(Runner(tape, x, p).read(tape.value) - 0.5 * std::exp(0.21)) < 1e-15);
}

TEST_CASE("tape_takes_a_product_at_hand_before_a_square") {
  const auto peak = [](const auto& x, const auto& p) { return exp(-square(x[0] - p[0]) * p[1]); };
  const Model m = model(1, 2, peak);
  CHECK(count(compile(m, {0, 1}).cell_code, Op::mul) == 2);  // d e and d (d e)
  CHECK(count(compile(m, {1}).cell_code, Op::mul) == 2);     // d d and d d e
  const Model line = model(1, 2, [](const auto& x, const auto& p) {
    const auto d = x[0] - p[0], w = 1 / (square(d) + p[1]);
    return w * d + w * square(d);  // the square has a use of its own
  });
  const double x[] = {0.7}, p[] = {0.3, 2};
  const Tape tape = compile(line, {0, 1});
  const double d = 0.4, w = 1 / (d * d + 2);
  CHECK(std::abs(Runner(tape, x, p).read(tape.value) - (w * d + w * d * d)) < 1e-15);
}

TEST_CASE("tape_knows_exponentials_of_lines_and_parabolas_of_a_number_a_point") {
  const Model line = model(1, 3, [](const auto& x, const auto& p) { return exp(-(x[0] - p[1]) / p[2]); });
  CHECK(count(compile(line, {}).cell_code, Op::exp_line) == 1);
  CHECK(compile(line, {}).cell_code.size() == 1);  // x - p[1] is needed nowhere else
  const Model bell = model(1, 3, [](const auto& x, const auto& p) {
    return exp(-square(x[0] - p[1]) / (2 * square(p[2]))) + exp(-square((p[0] - x[0]) / p[2]));
  });
  CHECK(count(compile(bell, {}).cell_code, Op::exp_bell) == 2);
  CHECK(compile(bell, {}).cell_code.size() == 3);
  CHECK(count(compile(bell, {0, 1, 2}).cell_code, Op::sub) == 2);            // for the derivatives
  CHECK(count(compile(bell, {}, Rate::cell).cell_code, Op::exp_bell) == 0);  // every fit has its own points
  const Model neither = model(2, 3, [](const auto& x, const auto& p) {
    return exp((x[0] - p[1]) * (x[1] - p[0]) * p[2]) + exp((x[0] + p[1]) * p[2]);
  });
  CHECK(count(compile(neither, {}).cell_code, Op::exp_bell) == 0);
  CHECK(count(compile(neither, {}).cell_code, Op::exp_line) == 0);
}

TEST_CASE("tape_computes_what_changes_with_the_fit_or_the_point_alone_outside_of_the_cells") {
  const Model m = model(1, 3, [](const auto& x, const auto& p) {
    return p[0] * exp(p[1] * p[1]) * sin(x[0]) + log(x[0]) * exp(p[2]);
  });
  const Tape tape = compile(m, {0, 1, 2});
  CHECK(count(tape.cell_code, Op::exp) + count(tape.cell_code, Op::sin) + count(tape.cell_code, Op::log) ==
        0);
  CHECK(count(tape.lane_code, Op::exp) == 2);
  const Tape own = compile(m, {0, 1, 2}, Rate::cell);
  CHECK(count(own.cell_code, Op::sin) == 1);
  CHECK(own.inputs.size() == 1);
  CHECK(count(own.cell_code, Op::exp) == 0);
}

TEST_CASE("tape_has_columns_that_are_constant_a_number_a_point_and_without_influence") {
  const Model m =
      model(1, 4, [](const auto& x, const auto& p) { return p[0] + p[1] * sin(x[0]) + 2 * p[2]; });
  const Tape tape = compile(m, {0, 1, 2, 3});
  CHECK(tape.columns[0].values.where == Where::nowhere);
  CHECK(tape.columns[0].factor.where == Where::nowhere);
  CHECK(tape.columns[1].values.where == Where::point);
  CHECK(tape.columns[2].values.where == Where::nowhere);
  CHECK(tape.columns[2].factor.where == Where::lane);
  CHECK(tape.influences == std::vector<bool>{true, true, true, false});
}

TEST_CASE("tape_of_a_model_without_points_or_parameters_has_a_cell_as_its_value") {
  for (const Rate data : {Rate::point, Rate::cell}) {
    const Model level = model(1, 1, [](const auto&, const auto& p) { return p[0]; });
    const Model fixed = model(1, 1, [](const auto& x, const auto&) { return x[0]; });
    const Model number = model(1, 1, [](const auto&, const auto&) { return 3.0; });
    const double x = 5, p = 7;
    for (const auto& [m, wanted] : {std::pair{&level, p}, std::pair{&fixed, x}, std::pair{&number, 3.0}}) {
      const Tape tape = compile(*m, {0}, data);
      CHECK(tape.value.where == Where::cell);
      CHECK(Runner(tape, &x, &p).read(tape.value) == wanted);
    }
  }
}

TEST_CASE("tape_of_a_gaussian_spot_keeps_few_registers") {
  const Model m = model(2, 5, [](const auto& x, const auto& p) {
    return p[0] * exp(-(square(x[0] - p[1]) + square(x[1] - p[2])) / (2 * square(p[3]))) + p[4];
  });
  const Tape tape = compile(m, {0, 1, 2, 3, 4});
  CHECK(count(tape.cell_code, Op::exp) + count(tape.cell_code, Op::exp_mul) == 1);
  CHECK(tape.cell_registers <= 6);  // the value, four columns and one more: the offset's column is constant
}

TEST_CASE("tape_of_a_deep_model_needs_no_deep_stack") {
  const Model m = model(1, 1, [](const auto& x, const auto& p) {
    auto sum = p[0] * x[0];
    for (int k = 0; k < 100000; ++k) sum = sin(sum);
    return sum;
  });
  const double x = 0.5, p = 1;
  const Tape tape = compile(m, {});
  CHECK(tape.cell_registers <= 2);
  CHECK(Runner(tape, &x, &p).read(tape.value) == m(std::span(&x, 1), std::span(&p, 1)));
}
