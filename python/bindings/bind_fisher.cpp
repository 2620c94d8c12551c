// _core.fisher_solve, fisher_matrix: per-sample scores of shape (count, samples, parameters). Python has
// checked the arguments and made the arrays, which are contiguous and of one type.
#include <pybind11/stl.h>
#include <osculate/curvature/fisher.hpp>

#include <atomic>

#include "arrays.hpp"

namespace osculate::python {
namespace {

void poll_signals() {
  const py::gil_scoped_acquire held;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

template <class S>
void solve_typed(const py::array& scores, const py::array& vectors, const std::vector<double>& dampings,
                 FisherOptions options, py::array& out, std::int8_t* status) {
  const Index count = scores.shape(0), n = scores.shape(1), p = scores.shape(2);
  const auto* from = static_cast<const S*>(scores.data());
  const auto* right = static_cast<const S*>(vectors.data());
  auto* to = static_cast<S*>(out.mutable_data());
  const auto one = [&](Index i, const FisherOptions& inside) {
    const Status end =
        fisher_solve<S>({.data = from + i * n * p, .samples = n, .parameters = p}, right + i * p,
                        dampings[static_cast<std::size_t>(i)], to + i * p, inside);
    status[i] = static_cast<std::int8_t>(end);
  };
  const py::gil_scoped_release released;
  // Small systems side by side, large ones one after another with all threads inside.
  const double cost = double(n) * double(p) * double(std::min(n, p));
  if (count >= options.threads && cost < 1e8) {
    FisherOptions alone = options;
    alone.threads = 1;
    alone.poll = {};
    const Index slice = std::max<Index>(options.threads, static_cast<Index>(1e9 / (cost + 1)));
    for (Index first = 0; first < count; first += slice) {
      options.poll();
      parallel_for(std::min(slice, count - first), options.threads, [&](Index i) { one(first + i, alone); });
    }
  } else {
    for (Index i = 0; i < count; ++i) one(i, options);
  }
}

py::array_t<std::int8_t> solve(const py::array& scores, const py::array& vectors,
                               const std::vector<double>& dampings, bool centered, const std::string& form,
                               bool mixed, py::array out, int threads) {
  py::array_t<std::int8_t> status(scores.shape(0));
  const FisherOptions options{.form = form == "samples" ? FisherForm::samples : FisherForm::parameters,
                              .centered = centered,
                              .mixed = mixed,
                              .threads = threads,
                              .poll = poll_signals};
  if (scores.itemsize() == sizeof(float))
    solve_typed<float>(scores, vectors, dampings, options, out, status.mutable_data());
  else
    solve_typed<double>(scores, vectors, dampings, options, out, status.mutable_data());
  return status;
}

template <class S>
void matrix_typed(const py::array& scores, py::array& target, double decay, const FisherOptions& options) {
  const Scores<S> s{.data = static_cast<const S*>(scores.data()),
                    .samples = scores.shape(0),
                    .parameters = scores.shape(1)};
  auto* to = static_cast<S*>(target.mutable_data());
  const py::gil_scoped_release released;
  fisher_matrix<S>(s, static_cast<S>(decay), to, options);
}

void matrix(const py::array& scores, py::array target, bool centered, double decay, int threads) {
  const FisherOptions options{
      .form = FisherForm::parameters, .centered = centered, .threads = threads, .poll = poll_signals};
  scores.itemsize() == sizeof(float) ? matrix_typed<float>(scores, target, decay, options)
                                     : matrix_typed<double>(scores, target, decay, options);
}

}  // namespace

void bind_fisher(py::module_& m) {
  m.def("fisher_solve", &solve, py::arg("scores"), py::arg("vectors"), py::arg("dampings"),
        py::arg("centered"), py::arg("form"), py::arg("mixed"), py::arg("out"), py::arg("threads"));
  m.def("fisher_matrix", &matrix, py::arg("scores"), py::arg("target"), py::arg("centered"), py::arg("decay"),
        py::arg("threads"));
}

}  // namespace osculate::python
