// Writing to a pipe whose reader may be gone, without the signal that would end the host.
#pragma once
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <string_view>

#include "contain/sys/result.hpp"

namespace contain {

/// Blocks SIGPIPE for this thread, and takes one that arose meanwhile out of the queue. A pipe has no MSG_NOSIGNAL, and
/// the host's handlers are not ours to change.
class sigpipe_guard {
 public:
  sigpipe_guard() noexcept {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigemptyset(&pending);
    (void)::sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    (void)::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  sigpipe_guard(const sigpipe_guard&) = delete;
  sigpipe_guard& operator=(const sigpipe_guard&) = delete;
  ~sigpipe_guard() {
    const int saved = errno;
    if (!was_pending_) {
      const timespec at_once{};
      while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    }
    (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

/// write(2); EPIPE is an errno like any other.
inline ssize_t write_without_signal(int fd, std::string_view data) noexcept {
  const sigpipe_guard guard;
  return sys::retry([&] { return ::write(fd, data.data(), data.size()); });
}

}  // namespace contain
