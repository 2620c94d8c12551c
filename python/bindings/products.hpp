#pragma once
// Python functions as the products of a Krylov method. They see one read-only view of the core's vector,
// which is made once; what they return is read where it lies if it has the core's type and is contiguous.

#include <osculate/linsolve/krylov.hpp>

#include <memory>
#include <optional>

#include "callback.hpp"

namespace osculate::python {

/// A read-only 1-D view of `v`, which lives at least as long as `owner` has holders.
template <class S>
py::array read_only_view(const Vector<S>& v, const std::shared_ptr<void>& owner) {
  const py::capsule keep(new std::shared_ptr<void>(owner),
                         [](void* held) { delete static_cast<std::shared_ptr<void>*>(held); });
  py::array view(py::dtype::of<S>(), {v.size()}, {static_cast<py::ssize_t>(sizeof(S))}, v.data(), keep);
  py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return view;
}

/// function(v) as the core's product v -> A v.
template <class S>
class PythonProduct {
 public:
  /// `what` begins the message of a refusal; `owner` keeps the vector that the function sees.
  PythonProduct(py::object function, std::string what, std::shared_ptr<void> owner, GilSwitch& gil)
      : function_(std::move(function)), what_(std::move(what)), owner_(std::move(owner)), gil_(gil) {}

  const S* operator()(const Vector<S>& v, Vector<S>& own) {
    const GilSwitch::Callback hold(gil_);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    result_ = call(function_, view_of(v));
    return read(v.size(), own);
  }

 private:
  struct View {
    const S* data = nullptr;
    py::object array{};
  };
  /// The views of the last two vectors are kept: MINRES asks the preconditioner for two in turn.
  const py::object& view_of(const Vector<S>& v) {
    for (const View& view : views_)
      if (view.data == v.data()) return view.array;
    std::swap(views_[0], views_[1]);
    views_[0] = {v.data(), read_only_view(v, owner_)};
    return views_[0].array;
  }
  const S* read(Index n, Vector<S>& own) {
    if (py::isinstance<py::array>(result_) &&
        !py::detail::check_flags(result_.ptr(), py::detail::npy_api::NPY_ARRAY_ALIGNED_))
      result_ = result_.attr("copy")();
    if (py::array_t<S>::check_(result_)) {
      const auto* array = py::detail::array_proxy(result_.ptr());
      if (array->nd == 1 && array->dimensions[0] == n && array->strides[0] == py::ssize_t(sizeof(S)))
        return reinterpret_cast<const S*>(array->data);
    }
    to_vector(result_, what_, numbers_);
    if (numbers_.size() != n)
      throw py::value_error(what_ + " must return " + std::to_string(n) + " numbers, got " +
                            std::to_string(numbers_.size()));
    own = numbers_.template cast<S>();
    return own.data();
  }

  py::object function_;
  std::string what_;
  std::shared_ptr<void> owner_;
  GilSwitch& gil_;
  View views_[2]{};
  py::object result_;
  Vector<double> numbers_;
};

/// callback(x) -> False to stop, as the core's observer.
struct PythonObserver {
  py::object callback, view;
  GilSwitch& gil;

  template <class S>
  bool operator()(const KrylovIteration&, const Vector<S>&) const {
    if (callback.is_none()) return true;
    const GilSwitch::Callback hold(gil);
    return call(callback, view).template cast<bool>();
  }
};

/// What a call of a Krylov method is given in Python, in the core's terms; x is already in the workspace.
template <class S>
class KrylovCall {
 public:
  template <class Workspace>
  KrylovCall(const std::string& caller, py::object product, const py::array& b,
             const py::object& precondition, py::object callback, const std::shared_ptr<Workspace>& work)
      : right(static_cast<const S*>(b.data()), b.size()),
        apply(std::move(product), caller + ": A", work, gil_),
        observe{std::move(callback), py::none(), gil_},
        caller_(caller) {
    if (!observe.callback.is_none()) observe.view = read_only_view(work->x, work);
    if (py::isinstance<py::array>(precondition))
      diagonal_.inverse = Eigen::Map<const Vector<S>>(
          static_cast<const S*>(py::reinterpret_borrow<py::array>(precondition).data()), right.size());
    else if (!precondition.is_none())
      function_.emplace(precondition, caller + ": M", work, gil_);
  }

  /// solve(preconditioner), without the GIL where vectors are long.
  template <class Solve>
  auto run(const Solve& solve) {
    if (right.size() > Sweep<S>::chunk) gil_.release();
    try {
      const auto out = function_                  ? solve(*function_)
                       : diagonal_.inverse.size() ? solve(diagonal_)
                                                  : solve(NoPreconditioner{});
      gil_.acquire();
      return out;
    } catch (const std::invalid_argument& error) {  // a refusal of the core, which does not know its caller
      gil_.acquire();
      throw py::value_error(caller_ + ": " + error.what());
    }
  }

  Eigen::Map<const Vector<S>> right;
  PythonProduct<S> apply;
  PythonObserver observe;

 private:
  std::string caller_;
  DiagonalPreconditioner<S> diagonal_{};
  std::optional<PythonProduct<S>> function_;
  GilSwitch gil_{};  // the last member: destroyed first, so that the GIL is held when the objects above go
};

}  // namespace osculate::python
