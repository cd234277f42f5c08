// The GIL, released or taken for a scope: also usable in destructors, which may run on any thread.
#pragma once
#include <Python.h>
#include <cxxabi.h>
#include <unistd.h>

namespace contain::python {

/// Calls `take()`, which waits for the GIL. Once the interpreter ends no thread but the main one gets it: before 3.14
/// Python then ends the thread by unwinding its stack, through frames that must not throw. Such a thread is parked
/// instead, as 3.14 does it, and goes with the process.
template <class Take>
void take_gil(Take take) noexcept {
  try {
    take();
  } catch (abi::__forced_unwind&) {
    for (;;) ::pause();
  }
}

/// Releases the GIL if this thread holds it, and takes it back at the end of the scope.
class [[nodiscard]] without_gil {
 public:
  without_gil() noexcept : state_(Py_IsInitialized() != 0 && PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr) {}
  without_gil(const without_gil&) = delete;
  without_gil& operator=(const without_gil&) = delete;
  ~without_gil() {
    if (state_ != nullptr) take_gil([this] { PyEval_RestoreThread(state_); });
  }

 private:
  PyThreadState* state_;
};

/// Holds the GIL, on a thread that need not be Python's.
class [[nodiscard]] with_gil {
 public:
  with_gil() noexcept {
    take_gil([this] { state_ = PyGILState_Ensure(); });
  }
  with_gil(const with_gil&) = delete;
  with_gil& operator=(const with_gil&) = delete;
  ~with_gil() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_{};
};

}  // namespace contain::python
