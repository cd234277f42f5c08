// The client side of a container's socket: attach, wait, and the files the supervisor leaves.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "contain/core/error.hpp"
#include "contain/runtime/protocol.hpp"
#include "contain/runtime/supervisor.hpp"

namespace contain::runtime {
namespace {

using clock = std::chrono::steady_clock;

/// The socket by way of its directory's descriptor: a store's path may be longer than the 108 bytes of sun_path.
sockaddr_un address_in(int state_fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (void)std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/attach.sock", state_fd);
  return address;
}

bool send_frame(int fd, const client_frame& frame, std::string_view payload = {}) {
  client_frame header = frame;
  std::array<iovec, 2> parts{{{&header, sizeof header}, {const_cast<char*>(payload.data()), payload.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return sys::retry([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); }) >= 0;
}

std::uint32_t wants_of(const client_options& options) {
  return (options.input ? wants_input : 0U) | (options.output ? wants_output : 0U);
}

exit_status to_status(const exit_record& record) {
  exit_status status;
  status.code = record.code;
  status.signal = record.signal;
  status.oom_killed = record.oom_killed != 0;
  status.finished = time_point{std::chrono::nanoseconds{record.finished_ns}};
  return status;
}

/// Waits until `fd` can be read. Throws error{timeout, interrupted}.
void wait_readable(int fd, const std::stop_token& stop, std::optional<std::chrono::nanoseconds> timeout) {
  sys::unique_fd woken;
  if (stop.stop_possible()) woken.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback wake{stop, [fd = woken.get()] {
                                  const std::uint64_t one = 1;
                                  (void)!::write(fd, &one, sizeof one);
                                }};
  const auto deadline = timeout ? clock::now() + *timeout : clock::time_point{};
  while (true) {
    if (stop.stop_requested()) throw error{errc::interrupted, "wait"};
    std::array<pollfd, 2> watched{{{fd, POLLIN, 0}, {woken.get(), POLLIN, 0}}};
    timespec left{};
    if (timeout) {
      const auto rest = std::max<std::chrono::nanoseconds>(deadline - clock::now(), std::chrono::nanoseconds{0});
      left.tv_sec = static_cast<time_t>(rest.count() / 1'000'000'000);
      left.tv_nsec = static_cast<long>(rest.count() % 1'000'000'000);
    }
    const int n = ::ppoll(watched.data(), woken ? 2 : 1, timeout ? &left : nullptr, nullptr);
    if (n < 0 && errno != EINTR) throw error::from_errno(errno, "poll");
    if (n > 0 && watched[0].revents != 0) return;
    if (n == 0) throw error{errc::timeout, "wait"};
  }
}

}  // namespace

std::optional<sys::unique_fd> connect_client(int state_fd, const client_options& options) {
  sys::unique_fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  if (!fd) throw error::from_errno(errno, "socket");
  const auto address = address_in(state_fd);
  if (sys::retry([&] { return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address); }) !=
      0) {
    if (errno == ECONNREFUSED || errno == ENOENT) return std::nullopt;
    throw error::from_errno(errno, "connect", "attach.sock");
  }
  if (!send_frame(fd.get(), {client_frame::kind::hello, wants_of(options)})) return std::nullopt;
  return fd;
}

sys::unique_fd make_listener(int state_fd) {
  sys::unique_fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) throw error::from_errno(errno, "socket");
  (void)::unlinkat(state_fd, "attach.sock", 0);
  const auto address = address_in(state_fd);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::fchmodat(state_fd, "attach.sock", 0600, 0) != 0 || ::listen(fd.get(), 64) != 0)
    throw error::from_errno(errno, "bind", "attach.sock");
  return fd;
}

client_pair make_client(const client_options& options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw error::from_errno(errno, "socketpair");
  client_pair pair{sys::unique_fd{ends[0]}, sys::unique_fd{ends[1]}};
  if (!send_frame(pair.ours.get(), {client_frame::kind::hello, wants_of(options)}))
    throw error::from_errno(errno, "send", "client");
  return pair;
}

client_event next_event(int client_fd, std::stop_token stop, std::optional<std::chrono::nanoseconds> timeout) {
  client_event event;
  std::string buffer(sizeof(client_frame) + frame_payload, '\0');
  while (true) {
    wait_readable(client_fd, stop, timeout);
    const auto n = sys::retry([&] { return ::recv(client_fd, buffer.data(), buffer.size(), MSG_DONTWAIT); });
    // The supervisor closed with input of ours unread: unix(7) reports that once, ahead of the frames that still wait.
    if (n < 0 && (errno == EAGAIN || errno == ECONNRESET)) continue;
    if (n < static_cast<ssize_t>(sizeof(client_frame))) return event;
    client_frame frame;
    std::memcpy(&frame, buffer.data(), sizeof frame);
    const auto size = static_cast<std::size_t>(n) - sizeof frame;
    if (frame.what == client_frame::kind::output) {
      event.what = client_event::kind::output;
      event.from = frame.value == 2 ? stream::err : stream::out;
      event.data.assign(buffer, sizeof frame, size);
      return event;
    }
    if (frame.what == client_frame::kind::exited && size == sizeof(exit_record)) {
      exit_record record;
      std::memcpy(&record, buffer.data() + sizeof frame, sizeof record);
      event.what = client_event::kind::exited;
      event.exit = to_status(record);
      return event;
    }
  }
}

void send_input(int client_fd, std::string_view data) {
  while (!data.empty()) {
    const auto piece = data.substr(0, frame_payload - sizeof(client_frame));
    if (!send_frame(client_fd, {client_frame::kind::input, 0}, piece)) throw error::from_errno(errno, "write", "stdin");
    data.remove_prefix(piece.size());
  }
}

void send_input_end(int client_fd) { (void)send_frame(client_fd, {client_frame::kind::input_end, 0}); }

void send_resize(int client_fd, window_size size) {
  (void)send_frame(client_fd,
                   {client_frame::kind::resize, (static_cast<std::uint32_t>(size.rows) << 16U) | size.columns});
}

std::optional<exit_status> read_exit(int state_fd) {
  exit_record record;
  auto size = ::fgetxattr(state_fd, exit_attribute, &record, sizeof record);
  if (size < 0) {
    const sys::unique_fd fd{::openat(state_fd, "exit", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (fd) size = ::read(fd.get(), &record, sizeof record);
  }
  if (size != static_cast<ssize_t>(sizeof record) || record.magic != exit_record{}.magic) return std::nullopt;
  return to_status(record);
}

void forget_exit(int state_fd) noexcept {
  (void)::fremovexattr(state_fd, exit_attribute);
  (void)::unlinkat(state_fd, "exit", 0);
}

}  // namespace contain::runtime
