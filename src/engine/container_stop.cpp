// The end of a run: signals, and waiting for it.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/supervisor.hpp"
#include "engine/container_state.hpp"
#include "engine/lifecycle.hpp"
#include "engine/wait.hpp"

namespace contain {
namespace {

using storage::run_state;

/// After SIGKILL only the kernel is waited for.
constexpr std::chrono::seconds kill_limit{10};

bool runs(const std::optional<storage::container_record>& c) { return c && c->state == run_state::running; }

}  // namespace

exit_status container::stop(std::optional<std::chrono::nanoseconds> grace, std::stop_token stop) {
  const auto c = impl_->observe();
  if (!runs(c)) return impl_->wait({}, {});
  // Connected before the signal, so that the end cannot be missed, nor its status with a container that removes itself.
  const auto client = runtime::connect_client(impl_->directory.get(), {});
  const auto& made_of = impl_->plan();
  const auto wait = [&](const std::stop_token& until, std::chrono::nanoseconds limit) {
    return client ? impl_->wait_on(client->get(), *c, until, limit) : impl_->wait(until, limit);
  };
  exit_status how;
  try {
    impl_->signal(*c, made_of.built.stop_signal);
    how = wait(stop, grace.value_or(made_of.options.stop_timeout));
  } catch (const error& e) {
    if (e.code() == errc::not_running) return impl_->wait({}, kill_limit);
    if (e.code() != errc::timeout) throw;
    try {
      impl_->signal(*c, SIGKILL);
    } catch (const error& late) {
      if (late.code() != errc::not_running) throw;
    }
    how = wait({}, kill_limit);
  }
  impl_->report(*c, "stop");
  return how;
}

void container::kill(int signal) {
  if (signal < 1 || signal > SIGRTMAX) throw error{errc::invalid, "kill container", std::to_string(signal)};
  const auto c = impl_->current();
  if (!runs(c)) throw error{errc::not_running, "kill container", c.name};
  impl_->signal(c, signal);
}

void container::restart(std::optional<std::chrono::nanoseconds> grace) {
  (void)stop(grace);
  start();
  impl_->report(impl_->current(), "restart");
}

exit_status container::wait(std::stop_token stop, std::optional<std::chrono::nanoseconds> timeout) const {
  return impl_->wait(stop, timeout);
}

int container::open_wait_fd() const {
  const auto c = impl_->observe();
  return runs(c) ? lifecycle::open_process(*impl_->in, c->process).release() : -1;
}

exit_status container::impl::wait(const std::stop_token& stop, std::optional<std::chrono::nanoseconds> timeout) const {
  const deadline until{timeout};
  for (;;) {
    const auto c = observe();
    if (!runs(c)) {
      if (c) return c->exit ? lifecycle::status_of(*c->exit) : exit_status{};
      if (const auto how = ended->get()) return *how;
      throw error{errc::container_not_found, "wait for container", id};
    }
    if (const auto client = runtime::connect_client(directory.get(), {})) {
      return wait_on(client->get(), *c, stop, until.left());
    }
    // It has just ended, or it has lost its supervisor: then the kernel alone can say when.
    const auto process = lifecycle::open_process(*in, c->process);
    if (!process) continue;
    pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
    wait_for_event({&end, 1}, stop, until, "wait for container", c->name);
  }
}

exit_status container::impl::wait_on(int client, const storage::container_record& c, const std::stop_token& stop,
                                     std::optional<std::chrono::nanoseconds> timeout) const {
  using kind = runtime::client_event::kind;
  const deadline until{timeout};
  for (;;) {
    const auto event = runtime::next_event(client, stop, until.left());
    if (event.what == kind::output) continue;
    if (event.what == kind::closed) return wait(stop, until.left());
    ended->set(event.exit);
    lifecycle::record_end(*in, c, event.exit, lifecycle::then::keep);
    return event.exit;
  }
}

void container::impl::signal(const storage::container_record& c, int number) const {
  const auto process = lifecycle::open_process(*in, c.process);
  const bool sent = process && ::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0;
  if (!process || (!sent && errno == ESRCH)) throw error{errc::not_running, "signal container", c.name};
  if (!sent) throw error::from_errno(errno, "pidfd_send_signal", c.name);
  report(c, "kill", {{"signal", std::to_string(number)}});
}

}  // namespace contain
