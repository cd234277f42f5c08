#include "interruptible.hpp"

#include <poll.h>
#include <pybind11/pybind11.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "contain/core/error.hpp"

namespace py = pybind11;

namespace contain::python {
namespace {

using clock = std::chrono::steady_clock;

/// A signal that arrives just before poll(2) does not interrupt it, and another thread may take it: so look again
/// at least this often.
constexpr std::chrono::milliseconds signal_check_interval{50};

/// Waits on `fds` for at most `time`; true when one is ready. EINTR counts as "not ready".
bool poll_once(std::span<pollfd> fds, std::chrono::milliseconds time) {
  const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
  if (ready < 0 && errno != EINTR) throw error::from_errno(errno, "poll");
  return ready > 0;
}

/// All signals blocked on this thread, so that a thread started now never takes one from the host's main thread.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

mailbox::mailbox() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!bell_) throw error::from_errno(errno, "eventfd");
}

void mailbox::post(std::function<void()> message) {
  {
    const std::lock_guard lock{guard_};
    messages_.push_back(std::move(message));
  }
  ring();
}

void mailbox::ring() const noexcept { (void)::eventfd_write(bell_.get(), 1); }

void mailbox::deliver() {
  std::deque<std::function<void()>> batch;
  {
    const std::lock_guard lock{guard_};
    eventfd_t count = 0;
    (void)::eventfd_read(bell_.get(), &count);
    batch.swap(messages_);
  }
  for (const auto& message : batch) message();
}

void background_call::finish() noexcept {
  const std::lock_guard lock{guard_};
  done_ = true;
  box_->ring();
}

bool background_call::finished() const noexcept {
  const std::lock_guard lock{guard_};
  return done_;
}

bool background_call::wait_for(std::chrono::milliseconds time) const noexcept {
  const auto until = clock::now() + time;
  while (!finished()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    if (left.count() <= 0) return false;
    pollfd bell{box_->fd(), POLLIN, 0};
    (void)::poll(&bell, 1, static_cast<int>(left.count()));
    // An undelivered message keeps the bell ringing; empty it so that the next poll sleeps until finish().
    eventfd_t count = 0;
    (void)::eventfd_read(box_->fd(), &count);
  }
  return true;
}

void background_call::run(const std::shared_ptr<background_call>& self) {
  helper_thread([self] {
    try {
      self->perform(self->stop_.get_token());
    } catch (...) {
      self->failure_ = std::current_exception();
    }
    self->finish();
  }).detach();
  try {
    while (!self->finished()) {
      {
        const without_gil released;
        pollfd bell{self->box_->fd(), POLLIN, 0};
        (void)poll_once({&bell, 1}, signal_check_interval);
      }
      self->box_->deliver();
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
    self->box_->deliver();
  } catch (...) {
    const without_gil released;
    self->stop_.request_stop();
    (void)self->wait_for(rollback_time);
    throw;
  }
  if (self->failure_) std::rethrow_exception(self->failure_);
}

std::thread helper_thread(std::function<void()> body) {
  const signals_blocked inherited_by_the_thread;
  return std::thread{std::move(body)};
}

bool on_main_thread() {
  // threading knows the main thread also after a fork from another one.
  const py::object threading = py::module_::import("threading");
  const py::object main = threading.attr("main_thread")().attr("ident");
  return main.equal(threading.attr("get_ident")());
}

deadline deadline_after(std::optional<double> seconds) {
  const auto time = duration_of(seconds);
  if (!time) return std::nullopt;
  return clock::now() + *time;
}

std::optional<std::chrono::nanoseconds> duration_of(std::optional<double> seconds) {
  constexpr double forever = 100.0 * 365 * 24 * 3600;  // beyond it the sum with "now" would overflow
  if (!seconds || *seconds > forever) return std::nullopt;
  if (std::isnan(*seconds)) throw error{errc::invalid, "read a timeout", {}, "it is not a number"};
  return std::chrono::nanoseconds{static_cast<std::int64_t>(std::max(*seconds, 0.0) * 1e9)};
}

bool wait_readable(std::span<const int> fds, deadline until) {
  std::vector<pollfd> set;
  for (const int fd : fds)
    if (fd >= 0) set.push_back({fd, POLLIN, 0});
  const bool main = on_main_thread();
  for (;;) {
    // Other threads run no handlers, so they need not wake up for them.
    auto slice = main ? signal_check_interval : std::chrono::milliseconds{std::numeric_limits<int>::max()};
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - clock::now());
      slice = std::clamp(left, std::chrono::milliseconds{0}, slice);
    }
    bool ready = false;
    {
      const without_gil released;
      ready = poll_once(set, slice);
    }
    if (ready) return true;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (until && clock::now() >= *until) return false;
  }
}

}  // namespace contain::python
