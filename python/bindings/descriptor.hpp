// An owned file descriptor. The library's own is no part of its public headers, and these are all that a binding may
// use.
#pragma once
#include <unistd.h>

namespace contain::python {

/// Closed once, at the end; neither copied nor moved.
class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) (void)::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  const int fd_;
};

}  // namespace contain::python
