// What a system call gives: a value or an errno. No text, no exceptions: also usable after clone3.
#pragma once
#include <cerrno>
#include <utility>

namespace contain::sys {

/// A value or an errno. `if (!r) … r.error()`; `*r` is the value.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) noexcept : value_(std::move(value)) {}  // NOLINT: a value converts by design
  static result failed(int sys_errno) noexcept {
    result r{T{}};
    r.errno_ = sys_errno;
    return r;
  }
  explicit operator bool() const noexcept { return errno_ == 0; }
  [[nodiscard]] int error() const noexcept { return errno_; }
  T& operator*() & noexcept { return value_; }
  const T& operator*() const& noexcept { return value_; }
  T&& operator*() && noexcept { return std::move(value_); }
  T* operator->() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }

 private:
  T value_;
  int errno_ = 0;
};

/// Success or an errno.
struct [[nodiscard]] status {
  int sys_errno = 0;
  explicit operator bool() const noexcept { return sys_errno == 0; }
  [[nodiscard]] int error() const noexcept { return sys_errno; }
  /// From a call that returns -1 and sets errno.
  template <class N>
  static status of(N returned) noexcept {
    return {returned == static_cast<N>(-1) ? errno : 0};
  }
};

/// Repeats `call` while it fails with EINTR. Never for close(2): the descriptor is gone either way.
template <class Call>
auto retry(Call&& call) noexcept(noexcept(call())) {
  for (;;) {
    const auto returned = call();
    if (returned != static_cast<decltype(returned)>(-1) || errno != EINTR) return returned;
  }
}

}  // namespace contain::sys
