#include "cli/session.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "cli/errors.hpp"
#include "cli/signals.hpp"
#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

constexpr int standard_input = 0;

class session {
 public:
  session(peer& with, const session_options& options, console& io)
      : with_(with), options_(options), io_(io), keys_(options.tty ? std::string_view{options.keys} : "") {
    if (options_.tty && options_.input && ::isatty(standard_input) == 1) raw_.emplace(standard_input);
  }

  session_end run() {
    if (options_.tty) with_.resize(current_size());
    reading_ = options_.input;
    while (!with_.finished()) {
      if (const auto end = turn()) return *end;
    }
    return session_end::finished;
  }

 private:
  /// Waits for one thing to happen and handles it.
  std::optional<session_end> turn() {
    const auto outputs = with_.output_fds();
    const bool can_read = reading_ && pending_.empty();
    const int input = pending_.empty() ? -1 : with_.input_fd();
    // The input and an output may be one descriptor (a socket, a pty): poll takes it twice. An absent one is -1, which
    // poll skips.
    std::array<pollfd, 6> watched{{{signals_.fd(), POLLIN, 0},
                                   {outputs[0], POLLIN, 0},
                                   {outputs[1], POLLIN, 0},
                                   {outputs[2], POLLIN, 0},
                                   {can_read ? standard_input : -1, POLLIN, 0},
                                   {input, POLLOUT, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) return std::nullopt;
      throw error::from_errno(errno, "poll");
    }
    if (watched[0].revents != 0) {
      if (const auto end = take_signals()) return end;
    }
    for (const std::size_t i : {1U, 2U, 3U})
      if (watched[i].revents != 0) pass_output(watched[i].fd);
    if (watched[4].revents != 0 && take_input()) return session_end::detached;
    if (watched[5].revents != 0) send_pending();
    return std::nullopt;
  }

  void pass_output(int fd) {
    const auto piece = with_.read(fd);
    if (piece.data.empty()) return;
    auto& to = piece.from == stream::err ? io_.err : io_.out;
    if (piece.from == stream::err ? options_.err : options_.out) to.write(piece.data).flush();
  }

  /// True when the user typed the detach keys.
  bool take_input() {
    std::array<char, input_piece> buffer{};
    const auto got = ::read(standard_input, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return false;
    // EIO: the terminal is gone, or belongs to another job now. Both end what can be typed.
    if (got <= 0) {
      end_input();
      return false;
    }
    auto typed = keys_.feed({buffer.data(), static_cast<std::size_t>(got)});
    pending_ += typed.forward;
    if (typed.detached && !pending_.empty()) send_pending();
    return typed.detached;
  }

  void send_pending() {
    const auto piece = std::string_view{pending_}.substr(0, input_piece);
    if (!with_.write(piece)) {
      reading_ = false;
      pending_.clear();
      return;
    }
    pending_.erase(0, piece.size());
  }

  void end_input() {
    reading_ = false;
    with_.close_input();
  }

  std::optional<session_end> take_signals() {
    while (const auto number = signals_.take()) {
      if (*number == SIGWINCH) {
        if (options_.tty) with_.resize(current_size());
      } else if (*number == SIGCONT) {
        if (raw_) raw_->enter();
        if (options_.tty) with_.resize(current_size());
      } else if (options_.tty || !options_.proxy_signals) {
        leave_by(*number);
      } else {
        // docker's rule: who presses Ctrl-C three times wants the prompt back, whatever the container does.
        const bool asks_to_end = *number == SIGINT || *number == SIGTERM;
        if (asks_to_end && ++requests_to_end_ == 3) return session_end::forsaken;
        with_.signal(*number);
      }
    }
    return std::nullopt;
  }

  /// Ends this process by the signal itself, so that its parent sees what happened. The process in the container goes
  /// on.
  [[noreturn]] void leave_by(int number) {
    raw_.reset();
    (void)std::signal(number, SIG_DFL);
    (void)std::raise(number);
    ::_exit(128 + number);
  }

  peer& with_;
  const session_options& options_;
  console& io_;
  detach_keys keys_;
  std::string pending_;  ///< read from standard input, not yet written to the process
  bool reading_ = true;
  int requests_to_end_ = 0;
  // Last, so that the terminal is given back and the signals are released first, in this order.
  caught_signals signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT};
  std::optional<raw_mode> raw_;
};

}  // namespace

void require_terminal(bool tty, bool input, std::string verb) {
  if (tty && input && ::isatty(standard_input) != 1)
    throw usage_error{"the input device is not a TTY", std::move(verb), {}, 1};
}

window_size current_size() noexcept {
  for (const int fd : {1, standard_input, 2})
    if (const auto size = terminal_size(fd)) return *size;
  return {};
}

session_end converse(peer& with, const session_options& options, console& io) {
  return session{with, options, io}.run();
}

}  // namespace contain::cli
