// Blocks every signal of the calling thread for a scope. pthread_sigmask(3).
#pragma once
#include <pthread.h>

#include <csignal>

namespace contain::sys {

/// Threads made meanwhile inherit the mask: the host's handlers never run on threads that it does not know.
class blocked_signals {
 public:
  blocked_signals() noexcept {
    sigset_t all;
    sigfillset(&all);
    (void)::pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;
  ~blocked_signals() { (void)::pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }

 private:
  sigset_t saved_{};
};

}  // namespace contain::sys
