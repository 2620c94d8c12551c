// _core.spd: many small positive definite matrices. Python has checked the arguments and
// made the arrays, which are contiguous and of one type.
#include <osculate/batch/spd.hpp>

#include "arrays.hpp"

namespace osculate::python {
namespace {

/// Calls solve(first, count) for slices of the matrices that take some 10^8 multiply-adds, and looks for
/// signals between them.
template <class Solve>
void in_slices(Index count, Index n, Index columns, const Solve& solve) {
  const Index slice = std::max<Index>(8, 100'000'000 / (n * n * (n + columns) + 100));
  for (Index first = 0; first < count; first += slice) {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    const py::gil_scoped_release released;
    solve(first, std::min(slice, count - first));
  }
}

/// x = A^-1 b, for shapes (count, n, n) and (count, n, columns); without b the inverse.
template <class S>
void solve_all(const py::array& a, const py::object& b, py::array& x, py::array_t<bool>& definite,
               int threads) {
  const Index count = a.shape(0), n = a.shape(1), columns = x.shape(2);
  const auto* matrices = static_cast<const S*>(a.data());
  const auto* right =
      b.is_none() ? nullptr : static_cast<const S*>(py::reinterpret_borrow<py::array>(b).data());
  auto* out = static_cast<S*>(x.mutable_data());
  bool* flags = definite.mutable_data();
  in_slices(count, n, columns, [&](Index first, Index some) {
    const batch::SpdBatch<S> batch{.matrices = matrices + first * n * n,
                                   .count = some,
                                   .n = static_cast<int>(n),
                                   .definite = flags + first,
                                   .threads = threads};
    if (right)
      batch.solve(right + first * n * columns, out + first * n * columns, static_cast<int>(columns));
    else
      batch.inverse(out + first * n * n);
  });
}

void spd(const py::array& a, const py::object& b, py::array x, py::array_t<bool> definite, int threads) {
  a.itemsize() == sizeof(float) ? solve_all<float>(a, b, x, definite, threads)
                                : solve_all<double>(a, b, x, definite, threads);
}

}  // namespace

void bind_spd(py::module_& m) {
  m.def("spd", &spd, py::arg("a"), py::arg("b"), py::arg("x"), py::arg("definite"), py::arg("threads"));
}

}  // namespace osculate::python
