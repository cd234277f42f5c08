#include "contain/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/file.hpp"
#include "engine/process_state.hpp"
#include "engine/sigpipe.hpp"
#include "engine/wait.hpp"

namespace contain {
namespace {

constexpr std::size_t chunk_limit = 64 * 1024;

bool send_signal(int pidfd, int number) { return ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0; }

}  // namespace

process::process(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
process::process(process&&) noexcept = default;
process& process::operator=(process&&) noexcept = default;
process::~process() = default;

process::state::~state() {
  // In a forked child this is a copy: the process belongs to the parent.
  if (detached || made_by != ::getpid() || exit) return;
  if (pidfd) (void)send_signal(pidfd.get(), SIGKILL);
}

int process::pid() const noexcept { return state_->pid; }
int process::wait_fd() const noexcept { return state_->status.get(); }
int process::stdin_fd() const noexcept { return state_->in.get(); }
int process::stdout_fd() const noexcept { return state_->out.get(); }
int process::stderr_fd() const noexcept { return state_->err.get(); }

void process::write(std::string_view data) {
  if (!state_->in) throw error{errc::invalid, "write to the process", {}, "its stdin is closed or was not asked for"};
  while (!data.empty()) {
    const auto n = write_without_signal(state_->in.get(), data);
    if (n < 0 && errno == EAGAIN) {  // whoever borrowed the descriptor may have made it non-blocking
      pollfd room{.fd = state_->in.get(), .events = POLLOUT, .revents = 0};
      wait_for_event({&room, 1}, {}, {}, "write to the process");
      continue;
    }
    if (n < 0) throw error::from_errno(errno, "write to the process");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

void process::close_stdin() noexcept {
  if (state_->tty) {
    const char end_of_file = 4;  // a terminal has no end: ^D says it
    if (state_->in) (void)sys::write_all(state_->in.get(), &end_of_file, 1);
    return;
  }
  state_->in.reset();
}

process::chunk process::read(std::stop_token stop, std::optional<std::chrono::nanoseconds> timeout) {
  auto& s = *state_;
  const deadline until{timeout};
  while (!(s.out_ended && s.err_ended)) {
    pollfd fds[2] = {{.fd = s.out_ended ? -1 : s.out.get(), .events = POLLIN, .revents = 0},
                     {.fd = s.err_ended ? -1 : s.err.get(), .events = POLLIN, .revents = 0}};
    wait_for_event(fds, stop, until, "read from the process");
    for (const auto from : {stream::out, stream::err}) {
      const auto& ready = fds[from == stream::out ? 0 : 1];
      if (ready.revents == 0) continue;
      chunk piece{.from = from, .data = std::string(chunk_limit, '\0')};
      const auto n = sys::retry([&] { return ::read(ready.fd, piece.data.data(), piece.data.size()); });
      if (n < 0 && errno == EAGAIN) continue;
      // EIO: the last one who had the terminal open has closed it.
      if (n < 0 && !(s.tty && errno == EIO)) throw error::from_errno(errno, "read from the process");
      if (n > 0) {
        piece.data.resize(static_cast<std::size_t>(n));
        return piece;
      }
      (from == stream::out ? s.out_ended : s.err_ended) = true;
    }
  }
  return {};
}

std::optional<exit_status> process::poll() const {
  if (!state_->exit && is_readable(state_->status.get())) state_->take_exit({}, {});
  return state_->exit;
}

exit_status process::wait(std::stop_token stop, std::optional<std::chrono::nanoseconds> timeout) {
  if (!state_->exit) state_->take_exit(stop, timeout);
  return *state_->exit;
}

void process::state::take_exit(const std::stop_token& stop, std::optional<std::chrono::nanoseconds> timeout) {
  const auto event = runtime::next_event(status.get(), stop, timeout);
  if (event.what != runtime::client_event::kind::exited) {
    throw error{errc::supervisor_lost, "wait for the process", text::cat("pid ", pid)};
  }
  exit = event.exit;
  if (on_exit) std::exchange(on_exit, {})(*exit);
}

void process::signal(int number) {
  if (number < 0 || number > SIGRTMAX) throw error{errc::invalid, "signal", std::to_string(number)};
  if (poll() || !state_->pidfd) throw error{errc::not_running, "signal", text::cat("pid ", state_->pid)};
  if (send_signal(state_->pidfd.get(), number)) return;
  if (errno == ESRCH) throw error{errc::not_running, "signal", text::cat("pid ", state_->pid)};
  throw error::from_errno(errno, "pidfd_send_signal", text::cat("pid ", state_->pid));
}

void process::resize(window_size size) {
  if (!state_->tty) throw error{errc::invalid, "resize the terminal", {}, "the process has none"};
  winsize w{};
  w.ws_row = size.rows;
  w.ws_col = size.columns;
  if (::ioctl(state_->in.get(), TIOCSWINSZ, &w) != 0) throw error::from_errno(errno, "resize the terminal");
}

void process::detach() noexcept { state_->detached = true; }

const completed& completed::check() const {
  if (status.code == 0) return *this;
  // The last words usually say why; not all of them, they may be megabytes.
  constexpr std::size_t longest = 400;
  std::string_view words = text::trim(err.empty() ? out : err);
  if (words.size() > longest) words.remove_prefix(words.size() - longest);
  std::string detail =
      status.signal != 0 ? text::cat("ended by signal ", status.signal) : text::cat("exit status ", status.code);
  if (status.oom_killed) detail += ", out of memory";
  if (!words.empty()) detail += text::cat(": ", words);
  throw error{status.oom_killed ? errc::out_of_memory : errc::nonzero_exit, "run", text::join(command, " "),
              std::move(detail)};
}

}  // namespace contain
