// Runs a callable when the scope ends, for the few resources that have no type of their own.
#pragma once
#include <exception>
#include <utility>

namespace contain {

/// `scope_exit undo{[&] { … }};` runs at the end of the scope unless release() was called.
template <class F>
class [[nodiscard]] scope_exit {
 public:
  explicit scope_exit(F f) noexcept : f_(std::move(f)) {}
  scope_exit(const scope_exit&) = delete;
  scope_exit& operator=(const scope_exit&) = delete;
  ~scope_exit() {
    if (armed_) f_();
  }
  void release() noexcept { armed_ = false; }

 private:
  F f_;
  bool armed_ = true;
};

}  // namespace contain
