// An owned file descriptor. In signatures `unique_fd` owns and `int` borrows.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "contain/sys/result.hpp"

namespace contain::sys {

/// Move-only; empty by default; closes once, without touching errno.
class unique_fd {
 public:
  constexpr unique_fd() noexcept = default;
  constexpr explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  unique_fd(const unique_fd&) = delete;
  unique_fd& operator=(const unique_fd&) = delete;
  ~unique_fd() { reset(); }

  [[nodiscard]] constexpr int get() const noexcept { return fd_; }
  constexpr explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] constexpr int release() noexcept { return std::exchange(fd_, -1); }
  /// The number is cleared before close(2), and EINTR is not retried: Linux has freed it by then.
  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old < 0) return;
    const int saved = errno;
    (void)::close(old);
    errno = saved;
  }

 private:
  int fd_ = -1;
};

/// A copy with close-on-exec (fcntl(2) F_DUPFD_CLOEXEC).
inline result<unique_fd> duplicate(int fd) noexcept {
  unique_fd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 3)};
  if (!copy) return result<unique_fd>::failed(errno);
  return copy;
}

}  // namespace contain::sys
