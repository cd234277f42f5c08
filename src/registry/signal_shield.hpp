// Keeps libcurl's doings out of the host's signal handling.
#pragma once
#include <time.h>

#include <cerrno>
#include <csignal>

#include "contain/sys/signal_mask.hpp"

namespace contain::registry {

/// While it lives, this thread takes no signal and a SIGPIPE that its writes raise is swallowed: OpenSSL writes without
/// MSG_NOSIGNAL. Threads made meanwhile (libcurl's resolver) inherit the mask.
class signal_shield {
 public:
  signal_shield() noexcept = default;
  ~signal_shield() {
    if (had_sigpipe_ || !sigpipe_pending()) return;
    const int saved_errno = errno;
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    const timespec at_once{};
    while (::sigtimedwait(&only, nullptr, &at_once) == -1 && errno == EINTR) {
    }
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
  sys::blocked_signals blocked_;  // first: unblocks after the destructor has taken the signal away
  bool had_sigpipe_ = sigpipe_pending();
};

}  // namespace contain::registry
