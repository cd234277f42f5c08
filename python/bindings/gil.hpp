// The GIL, released where it is held: also usable in destructors, which may run on any thread.
#pragma once
#include <Python.h>

namespace contain::python {

/// Releases the GIL if this thread holds it, and takes it back at the end of the scope.
class [[nodiscard]] without_gil {
 public:
  without_gil() noexcept : state_(Py_IsInitialized() != 0 && PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr) {}
  without_gil(const without_gil&) = delete;
  without_gil& operator=(const without_gil&) = delete;
  ~without_gil() {
    if (state_ != nullptr) PyEval_RestoreThread(state_);
  }

 private:
  PyThreadState* state_;
};

}  // namespace contain::python
