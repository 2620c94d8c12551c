// _core.gram_updates, spd_inverses, kronecker_products: the three costs of Kronecker-factored curvature, many
// layers a call. Python has checked shapes and types; matrices are contiguous and by rows, which for
// symmetric ones is by columns too.
#include <pybind11/stl.h>
#include <osculate/curvature/kronecker.hpp>

#include "arrays.hpp"

namespace osculate::python {
namespace {

template <class S>
bool is(const py::handle& object) {
  return py::reinterpret_borrow<py::array>(object).itemsize() == sizeof(S);
}

template <class S>
const S* input(const py::handle& object) {
  return object.is_none() ? nullptr : static_cast<const S*>(py::reinterpret_borrow<py::array>(object).data());
}

template <class S>
S* output(const py::handle& object) {
  return static_cast<S*>(py::reinterpret_borrow<py::array>(object).mutable_data());
}

template <class S>
void update_typed(const py::list& targets, const py::list& rows, const py::list& weights,
                  const std::vector<bool>& bias, const std::vector<double>& decays,
                  const std::vector<double>& scales, int threads) {
  std::vector<GramUpdate<S>> updates;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!is<S>(targets[i])) continue;
    const py::array target = py::reinterpret_borrow<py::array>(targets[i]);
    const py::array matrix = py::reinterpret_borrow<py::array>(rows[i]);
    updates.push_back({.target = output<S>(targets[i]),
                       .order = target.shape(0),
                       .rows = input<S>(matrix),
                       .samples = matrix.shape(0),
                       .sample_stride = matrix.strides(0) / static_cast<py::ssize_t>(sizeof(S)),
                       .feature_stride = matrix.strides(1) / static_cast<py::ssize_t>(sizeof(S)),
                       .weights = input<S>(weights[i]),
                       .ones = bias[i],
                       .decay = static_cast<S>(decays[i]),
                       .scale = static_cast<S>(scales[i])});
  }
  if (updates.empty()) return;
  const py::gil_scoped_release released;
  gram_updates<S>(updates, threads);
}

void update(const py::list& targets, const py::list& rows, const py::list& weights,
            const std::vector<bool>& bias, const std::vector<double>& decays,
            const std::vector<double>& scales, int threads) {
  update_typed<float>(targets, rows, weights, bias, decays, scales, threads);
  update_typed<double>(targets, rows, weights, bias, decays, scales, threads);
}

template <class S>
void invert_typed(const py::list& matrices, const std::vector<double>& dampings, const py::list& outs,
                  int threads, std::int64_t* failed) {
  std::vector<SpdInverse<S>> inverses;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    if (!is<S>(matrices[i])) continue;
    inverses.push_back({.matrix = input<S>(matrices[i]),
                        .order = py::reinterpret_borrow<py::array>(matrices[i]).shape(0),
                        .damping = static_cast<S>(dampings[i]),
                        .out = output<S>(outs[i])});
    places.push_back(i);
  }
  if (inverses.empty()) return;
  {
    const py::gil_scoped_release released;
    spd_inverses<S>(inverses, threads);
  }
  for (std::size_t i = 0; i < places.size(); ++i) failed[places[i]] = inverses[i].failed;
}

py::array_t<std::int64_t> invert(const py::list& matrices, const std::vector<double>& dampings,
                                 const py::list& outs, int threads) {
  py::array_t<std::int64_t> failed(static_cast<py::ssize_t>(matrices.size()));
  invert_typed<float>(matrices, dampings, outs, threads, failed.mutable_data());
  invert_typed<double>(matrices, dampings, outs, threads, failed.mutable_data());
  return failed;
}

template <class S>
void multiply_typed(const py::list& lefts, const py::list& vectors, const py::list& rights,
                    const py::list& outs, int threads) {
  std::vector<KroneckerProduct<S>> products;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (!is<S>(vectors[i])) continue;
    const py::array matrix = py::reinterpret_borrow<py::array>(vectors[i]);
    products.push_back({.left = input<S>(lefts[i]),
                        .vectors = input<S>(vectors[i]),
                        .right = input<S>(rights[i]),
                        .rows = matrix.shape(0),
                        .columns = matrix.shape(1),
                        .out = output<S>(outs[i])});
  }
  if (products.empty()) return;
  const py::gil_scoped_release released;
  kronecker_products<S>(products, threads);
}

void multiply(const py::list& lefts, const py::list& vectors, const py::list& rights, const py::list& outs,
              int threads) {
  multiply_typed<float>(lefts, vectors, rights, outs, threads);
  multiply_typed<double>(lefts, vectors, rights, outs, threads);
}

}  // namespace

void bind_kronecker(py::module_& m) {
  m.def("gram_updates", &update, py::arg("targets"), py::arg("rows"), py::arg("weights"), py::arg("bias"),
        py::arg("decays"), py::arg("scales"), py::arg("threads"));
  m.def("spd_inverses", &invert, py::arg("matrices"), py::arg("dampings"), py::arg("outs"),
        py::arg("threads"));
  m.def("kronecker_products", &multiply, py::arg("lefts"), py::arg("vectors"), py::arg("rights"),
        py::arg("outs"), py::arg("threads"));
}

}  // namespace osculate::python
