#pragma once
// A solve holds the GIL as long as its own linear algebra is short beside switching it; a long one releases
// it and takes it back for every callback.

#include <pybind11/pybind11.h>

namespace osculate::python {

class GilSwitch {
 public:
  /// From here on the GIL is released, but for callbacks.
  void release() { state_ = PyEval_SaveThread(); }
  /// Ends the released section; does nothing where there is none.
  void acquire() {
    if (state_) PyEval_RestoreThread(std::exchange(state_, nullptr));
  }
  ~GilSwitch() { acquire(); }

  /// Holds the GIL during a callback.
  class Callback {
   public:
    explicit Callback(GilSwitch& gil) : gil_(gil), was_released_(gil.state_ != nullptr) { gil_.acquire(); }
    ~Callback() {
      if (was_released_) gil_.release();
    }
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;

   private:
    GilSwitch& gil_;
    bool was_released_;
  };

 private:
  PyThreadState* state_ = nullptr;
};

}  // namespace osculate::python
