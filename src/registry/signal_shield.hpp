// Keeps libcurl's doings out of the host's signal handling.
#pragma once
#include <pthread.h>
#include <time.h>

#include <cerrno>
#include <csignal>

namespace contain::registry {

/// While it lives, this thread takes no signal and a SIGPIPE that its writes raise is swallowed: OpenSSL writes without
/// MSG_NOSIGNAL. Threads made meanwhile (libcurl's resolver) inherit the mask, so the host's handlers never run there.
class signal_shield {
 public:
  signal_shield() noexcept {
    sigset_t all;
    sigfillset(&all);
    had_sigpipe_ = sigpipe_pending();
    (void)::pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  ~signal_shield() {
    const int saved_errno = errno;
    if (!had_sigpipe_ && sigpipe_pending()) {
      sigset_t only;
      sigemptyset(&only);
      sigaddset(&only, SIGPIPE);
      const timespec at_once{};
      while (::sigtimedwait(&only, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    (void)::pthread_sigmask(SIG_SETMASK, &saved_, nullptr);
    errno = saved_errno;
  }
  signal_shield(const signal_shield&) = delete;
  signal_shield& operator=(const signal_shield&) = delete;

 private:
  static bool sigpipe_pending() noexcept {
    sigset_t pending;
    sigemptyset(&pending);
    (void)::sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
  }
  sigset_t saved_{};
  bool had_sigpipe_ = false;
};

}  // namespace contain::registry
