#include "cli/peers.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

/// Signals and sizes are sent to something that may be gone by now; that is no failure of the session.
template <class Call>
void if_it_runs(Call&& call) {
  try {
    call();
  } catch (const error& e) {
    if (e.code() != errc::not_running && e.code() != errc::container_not_found && e.sys_errno() != EPIPE &&
        e.sys_errno() != ECONNRESET)
      throw;
  }
}

bool readable(int fd, int patience_ms) noexcept {
  pollfd ready{fd, POLLIN, 0};
  return fd >= 0 && ::poll(&ready, 1, patience_ms) > 0;
}

}  // namespace

container_peer::~container_peer() {
  if (wait_fd_ >= 0) (void)::close(wait_fd_);
}

std::array<int, 3> container_peer::output_fds() const {
  return {output_ended_ ? -1 : attachment_.fd(), -1, exited_ ? -1 : wait_fd_};
}

process::chunk container_peer::read(int fd) {
  if (fd == wait_fd_) {
    exited_ = true;
    return {};
  }
  auto piece = attachment_.read();
  if (!piece.data.empty()) return piece;
  output_ended_ = true;
  // A daemon may close its streams and go on: then only its end is waited for.
  wait_fd_ = container_.open_wait_fd();
  exited_ = wait_fd_ < 0;
  return {};
}

bool container_peer::finished() const { return output_ended_ && exited_; }

int container_peer::input_fd() const { return input_ended_ || output_ended_ ? -1 : attachment_.fd(); }

bool container_peer::write(std::string_view data) {
  try {
    attachment_.write(data);
    return true;
  } catch (const error& e) {
    if (e.sys_errno() != EPIPE && e.sys_errno() != ECONNRESET && e.code() != errc::not_running) throw;
    input_ended_ = true;
    return false;
  }
}

void container_peer::close_input() {
  if (input_ended_) return;
  input_ended_ = true;
  if_it_runs([&] { attachment_.close_stdin(); });
}

void container_peer::resize(window_size size) {
  if (size.rows == 0 || output_ended_) return;
  if_it_runs([&] { attachment_.resize(size); });
}

void container_peer::signal(int number) {
  if_it_runs([&] { container_.kill(number); });
}

process_peer::process_peer(process& of, bool tty)
    : process_(of), tty_(tty), out_(of.stdout_fd()), err_(of.stderr_fd()), in_(of.stdin_fd()) {}

std::array<int, 3> process_peer::output_fds() const { return {out_, err_, exited_ ? -1 : process_.wait_fd()}; }

process::chunk process_peer::read(int fd) {
  if (fd != out_ && fd != err_) {
    exited_ = true;
    return {};
  }
  process::chunk piece{fd == out_ ? stream::out : stream::err, std::string(32 * 1024, '\0')};
  const auto got = ::read(fd, piece.data.data(), piece.data.size());
  // EIO is how a pty says that its other side was closed (pty(7)).
  if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) {
    piece.data.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return piece;
  }
  (fd == out_ ? out_ : err_) = -1;
  return {};
}

// A background process may keep the pipes open for ever; what the command itself wrote is in them when it has ended.
// A pty hands its last bytes over a little later, from a work queue of the kernel, and then reports a hang-up unless
// somebody else still has it open.
bool process_peer::finished() const {
  constexpr int pty_patience_ms = 100;
  return exited_ && !readable(out_, tty_ ? pty_patience_ms : 0) && !readable(err_, 0);
}

int process_peer::input_fd() const { return in_; }

bool process_peer::write(std::string_view data) {
  try {
    process_.write(data);
    return true;
  } catch (const error& e) {
    if (e.sys_errno() != EPIPE && e.sys_errno() != EIO) throw;
    in_ = -1;
    return false;
  }
}

void process_peer::close_input() {
  in_ = -1;
  process_.close_stdin();
}

void process_peer::resize(window_size size) {
  if (size.rows == 0) return;
  if_it_runs([&] { process_.resize(size); });
}

void process_peer::signal(int number) {
  if_it_runs([&] { process_.signal(number); });
}

int follow(container& of, attachment& through, const session_options& options, console& io) {
  container_peer far{of, through};
  switch (converse(far, options, io)) {
    case session_end::detached:
      io.err.line("read escape sequence").flush();
      return 0;
    case session_end::forsaken:
      io.err.line("got 3 SIGTERM/SIGINTs, forcefully exiting").flush();
      return 1;
    case session_end::finished:
      break;
  }
  return of.wait().code;
}

}  // namespace contain::cli
