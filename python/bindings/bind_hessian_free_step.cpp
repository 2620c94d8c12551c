// _core.hessian_free_step: a step of the core whose loss and products are Python functions. Python has
// checked the arguments.
#include <osculate/solve/hessian_free_step.hpp>

#include "hessian_free.hpp"
#include "products.hpp"

namespace osculate::python {
namespace {

/// loss(theta) of a Python function, which sees a read-only view of the core's vector.
template <class S>
class PythonLoss {
 public:
  PythonLoss(py::object function, std::string what, std::shared_ptr<void> owner, GilSwitch& gil)
      : function_(std::move(function)), what_(std::move(what)), owner_(std::move(owner)), gil_(gil) {}

  double operator()(const Vector<S>& point) {
    const GilSwitch::Callback hold(gil_);
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!view_ || seen_ != point.data()) view_ = read_only_view(point, owner_), seen_ = point.data();
    to_vector(call(function_, view_), what_, number_);
    if (number_.size() != 1)
      throw py::value_error(what_ + " must return a number, got an array of " +
                            std::to_string(number_.size()));
    return number_[0];
  }

 private:
  py::object function_, view_{};
  std::string what_;
  std::shared_ptr<void> owner_;
  GilSwitch& gil_;
  const S* seen_ = nullptr;
  Vector<double> number_{};
};

template <class S>
Eigen::Map<const Vector<S>> as_vector(const py::array& a) {
  return {static_cast<const S*>(a.data()), a.size()};
}

template <class S>
py::tuple step(const std::string& caller, const py::array& theta, const py::object& value, py::object loss,
               const py::array& gradient, py::object product, const py::object& precondition, double damping,
               const py::object& direction, const py::dict& given) {
  const HessianFreeOptions options = hessian_free_options(given);
  const auto work = std::make_shared<HessianFreeWorkspace<S>>();
  HessianFreeState<S> state{.damping = damping};
  if (!direction.is_none()) state.direction = as_vector<S>(py::reinterpret_borrow<py::array>(direction));
  const Eigen::Map<const Vector<S>> at = as_vector<S>(theta), g = as_vector<S>(gradient);
  struct {
    std::optional<PythonLoss<S>> loss;
    std::optional<PythonProduct<S>> product, preconditioner;
    GilSwitch gil{};  // the last member: destroyed first, so that the GIL is held when the objects above go
  } python;
  python.loss.emplace(std::move(loss), caller + ": loss", work, python.gil);
  python.product.emplace(std::move(product), caller + ": product", work, python.gil);
  Index asked = 0;
  double here = 0;
  if (value.is_none()) {
    work->point = at;
    here = (*python.loss)(work->point);
    ++asked;
  } else {
    here = value.cast<double>();
  }
  HessianFreeStep out;
  const auto run = [&](auto&& preconditioner) {
    out = hessian_free_step<S>(at, here, g, *python.loss, *python.product, options, state, *work,
                               preconditioner);
  };
  if (at.size() > Sweep<S>::chunk) python.gil.release();
  if (precondition.is_none()) {
    run(NoPreconditioner{});
  } else if (py::isinstance<py::array>(precondition)) {
    run(DampedDiagonal<S>{as_vector<S>(py::reinterpret_borrow<py::array>(precondition))});
  } else {
    python.preconditioner.emplace(precondition, caller + ": preconditioner", work, python.gil);
    run(*python.preconditioner);
  }
  python.gil.acquire();
  py::object point = py::none(), next = py::none();
  if (out.exit == HessianFreeExit::accepted) point = to_numpy(work->point);
  if (state.direction.size()) next = to_numpy(state.direction);
  return py::make_tuple(point, state.damping, next, static_cast<int>(out.exit), out.before, out.after,
                        out.damping, out.ratio, out.predicted, out.step_norm, out.scale, out.cg_iterations,
                        static_cast<int>(out.cg_exit), out.products, out.losses + asked, out.checkpoints,
                        out.checkpoint, out.negative_curvature);
}

}  // namespace

void bind_hessian_free_step(py::module_& m) {
  m.def("hessian_free_sentence", [](int exit) { return sentence(static_cast<HessianFreeExit>(exit)); });
  m.def(
      "hessian_free_step",
      [](const std::string& caller, const py::array& theta, const py::object& value, py::object loss,
         const py::array& gradient, py::object product, const py::object& precondition, double damping,
         const py::object& direction, const py::dict& options) {
        const auto run = theta.itemsize() == sizeof(float) ? &step<float> : &step<double>;
        return run(caller, theta, value, std::move(loss), gradient, std::move(product), precondition, damping,
                   direction, options);
      },
      py::arg("caller"), py::arg("theta"), py::arg("value"), py::arg("loss"), py::arg("gradient"),
      py::arg("product"), py::arg("precondition"), py::arg("damping"), py::arg("direction"),
      py::arg("options"));
}

}  // namespace osculate::python
