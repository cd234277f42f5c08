// libseccomp at run time. Opened on demand: only filters that were not made with the library need it.
#pragma once
#include <memory>

#include "runtime/seccomp_compiler.hpp"

namespace contain::runtime {

/// Holds libseccomp.so.2 open. LGPL, so never linked in; and no program pays for its loading at every start.
class seccomp_library {
 public:
  /// Throws error{unsupported} if it is not installed or lacks a function.
  seccomp_library();
  [[nodiscard]] const seccomp_api& api() const noexcept { return api_; }

 private:
  struct close {
    void operator()(void* handle) const noexcept;
  };
  std::unique_ptr<void, close> handle_;
  seccomp_api api_;
};

}  // namespace contain::runtime
