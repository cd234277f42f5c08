// Streams: what the process writes goes to the log and to the clients, what clients send goes to its stdin. A client
// that does not read holds up its container (as a terminal does), never the supervisor.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "task.hpp"

namespace contain::runtime::sv {
namespace {

// One buffer for all reads: the loop is one thread. Frames leave room for their header.
unsigned char buffer[frame_payload];

std::uint64_t realtime_ns() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

void write_log(const task& t, std::uint8_t stream, std::size_t size) noexcept {
  if (t.log < 0) return;
  log_header header{realtime_ns(), static_cast<std::uint32_t>(size), stream, {}};
  std::uint32_t trailer = header.size;
  iovec parts[3] = {{&header, sizeof header}, {buffer, size}, {&trailer, sizeof trailer}};
  const off_t before = ::lseek(t.log, 0, SEEK_END);
  const ssize_t whole = static_cast<ssize_t>(sizeof header + size + sizeof trailer);
  // A record is whole or absent: after a short write (a full disk) the file is cut back.
  if (::writev(t.log, parts, 3) != whole && before >= 0) (void)::ftruncate(t.log, before);
}

bool queue_frame(client& c, const client_frame& frame, const void* payload, std::size_t size) noexcept {
  auto* node = static_cast<pending_frame*>(std::malloc(sizeof(pending_frame) + sizeof frame + size));
  if (node == nullptr) return false;
  node->next = nullptr;
  node->size = sizeof frame + size;
  std::memcpy(node->bytes, &frame, sizeof frame);
  if (size != 0) std::memcpy(node->bytes + sizeof frame, payload, size);
  (c.last == nullptr ? c.first : c.last->next) = node;
  c.last = node;
  return true;
}

/// Sends at once, or keeps it. False when the client is gone.
bool deliver(supervisor_state& sv, client& c, const client_frame& frame, const void* payload,
             std::size_t size) noexcept {
  if (c.first == nullptr) {
    client_frame header = frame;
    iovec parts[2] = {{&header, sizeof header}, {const_cast<void*>(payload), size}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    if (::sendmsg(c.s.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
    if (errno != EAGAIN && errno != ENOBUFS) return false;
  }
  if (!queue_frame(c, frame, payload, size)) return false;
  (void)sv.events.watch(c.s, c.of->input_waiter == &c ? EPOLLOUT : EPOLLIN | EPOLLOUT);
  return true;
}

bool anyone_blocked(const task& t) noexcept {
  for (const client* c = t.clients; c != nullptr; c = c->next) {
    if (c->first != nullptr) return true;
  }
  return false;
}

void hold_output(supervisor_state& sv, task& t, bool hold) noexcept {
  for (source* s : {&t.out, &t.err}) {
    if (s->fd < 0) continue;
    if (hold)
      sv.events.unwatch(*s);
    else
      (void)sv.events.watch(*s, EPOLLIN);
  }
}

enum class pumped : std::uint8_t { some, nothing, end };

/// Reads once and passes on.
pumped pump_once(supervisor_state& sv, task& t, source& from, std::uint8_t stream) noexcept {
  ssize_t n = -1;
  do n = ::read(from.fd, buffer, sizeof buffer);
  while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return pumped::nothing;
  if (n <= 0) return pumped::end;  // EIO: the last slave of a pty was closed
  write_log(t, stream, static_cast<std::size_t>(n));
  const client_frame frame{client_frame::kind::output, stream};
  for (client *c = t.clients, *next = nullptr; c != nullptr; c = next) {
    next = c->next;
    if ((c->wants & wants_output) != 0 && !deliver(sv, *c, frame, buffer, static_cast<std::size_t>(n)))
      drop_client(sv, *c);
  }
  return pumped::some;
}

void output_ready(source& s, std::uint32_t) noexcept {
  supervisor_state& sv = state_of();
  task& t = *static_cast<task*>(s.owner);
  const auto stream = static_cast<std::uint8_t>(&s == &t.out ? 1 : 2);
  if (pump_once(sv, t, s, stream) == pumped::end) {
    sv.events.close(s);
    if (stream == 1 && (t.flags & plan_terminal) != 0) close_input(sv, t);
    release_if_done(sv, t);
    return;
  }
  if (!t.exited && anyone_blocked(t)) hold_output(sv, t, true);
}

void flush_input(supervisor_state& sv, task& t) noexcept {
  while (t.in.fd >= 0 && t.input_done < t.input_size) {
    const ssize_t n = ::write(t.in.fd, t.input + t.input_done, t.input_size - t.input_done);
    if (n < 0 && errno == EAGAIN) {
      (void)sv.events.watch(t.in, EPOLLOUT);
      return;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {  // EPIPE: nobody reads any more
      close_input(sv, t);
      break;
    }
    t.input_done += static_cast<std::size_t>(n);
  }
  t.input_size = t.input_done = 0;
  if (t.in.fd >= 0) (void)sv.events.watch(t.in, 0);
  if (t.input_end_wanted) close_input(sv, t);
  if (t.input_waiter != nullptr) {
    client* waiter = t.input_waiter;
    t.input_waiter = nullptr;
    (void)sv.events.watch(waiter->s, waiter->first != nullptr ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }
}

void input_ready(source& s, std::uint32_t events) noexcept {
  supervisor_state& sv = state_of();
  task& t = *static_cast<task*>(s.owner);
  if ((events & EPOLLERR) != 0 && (events & EPOLLOUT) == 0) {
    close_input(sv, t);
    flush_input(sv, t);
    return;
  }
  flush_input(sv, t);
}

void take_input(supervisor_state& sv, client& c, const unsigned char* bytes, std::size_t size) noexcept {
  task& t = *c.of;
  if (t.in.fd < 0 || (c.wants & wants_input) == 0 || size == 0) return;
  if (t.input == nullptr) t.input = static_cast<unsigned char*>(std::malloc(frame_payload));
  if (t.input == nullptr || size > frame_payload) return;
  std::memcpy(t.input, bytes, size);
  t.input_size = size;
  t.input_done = 0;
  flush_input(sv, t);
  if (t.input_size != 0) {
    // Not all of it fits: this client waits, and so it holds its own sender. Output that waits for it must still go:
    // the process may read only after it has written.
    t.input_waiter = &c;
    if (c.first != nullptr)
      (void)sv.events.watch(c.s, EPOLLOUT);
    else
      sv.events.unwatch(c.s);
  }
}

void flush_client(supervisor_state& sv, client& c) noexcept {
  task& t = *c.of;
  while (c.first != nullptr) {
    if (::send(c.s.fd, c.first->bytes, c.first->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EAGAIN || errno == ENOBUFS) return;
      drop_client(sv, c);
      return;
    }
    pending_frame* done = c.first;
    c.first = done->next;
    if (c.first == nullptr) c.last = nullptr;
    std::free(done);
  }
  if (t.exited) {
    drop_client(sv, c);  // the exit frame was the last one
    release_if_done(sv, t);
    return;
  }
  if (t.input_waiter == &c)
    sv.events.unwatch(c.s);
  else
    (void)sv.events.watch(c.s, EPOLLIN);
  if (!anyone_blocked(t)) hold_output(sv, t, false);
}

void client_ready(source& s, std::uint32_t events) noexcept {
  supervisor_state& sv = state_of();
  client& c = *static_cast<client*>(s.owner);
  task& t = *c.of;
  if ((events & EPOLLOUT) != 0) {
    flush_client(sv, c);
    return;  // it may be gone; the next wake-up brings the rest
  }
  const ssize_t n = ::recv(s.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < static_cast<ssize_t>(sizeof(client_frame))) {
    const bool end_input = c.stdin_once && (c.wants & wants_input) != 0;
    drop_client(sv, c);
    if (end_input) {
      t.input_end_wanted = true;
      flush_input(sv, t);
    }
    if (!anyone_blocked(t) && !t.exited) hold_output(sv, t, false);
    release_if_done(sv, t);
    return;
  }
  client_frame frame{};
  std::memcpy(&frame, buffer, sizeof frame);
  const auto size = static_cast<std::size_t>(n) - sizeof frame;
  switch (frame.what) {
    case client_frame::kind::hello:
      c.wants = frame.value & (wants_input | wants_output);
      break;
    case client_frame::kind::input:
      take_input(sv, c, buffer + sizeof frame, size);
      break;
    case client_frame::kind::input_end:
      if ((c.wants & wants_input) == 0) break;
      t.input_end_wanted = true;
      if (t.input_size == 0) flush_input(sv, t);
      break;
    case client_frame::kind::resize: {
      winsize window{};
      window.ws_row = static_cast<unsigned short>(frame.value >> 16U);
      window.ws_col = static_cast<unsigned short>(frame.value & 0xffffU);
      if ((t.flags & plan_terminal) != 0 && t.out.fd >= 0) (void)::ioctl(t.out.fd, TIOCSWINSZ, &window);
      break;
    }
    case client_frame::kind::output:
    case client_frame::kind::exited:
      break;  // only ever sent by the supervisor
  }
}

void listener_ready(source& s, std::uint32_t) noexcept {
  supervisor_state& sv = state_of();
  task& t = *static_cast<task*>(s.owner);
  const int fd = ::accept4(s.fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) add_client(sv, t, fd, first_client::no);
}

}  // namespace

void send_exit(supervisor_state& sv, task& t) noexcept {
  const client_frame frame{client_frame::kind::exited, 0};
  for (client *c = t.clients, *next = nullptr; c != nullptr; c = next) {
    next = c->next;
    if (!deliver(sv, *c, frame, &t.exit, sizeof t.exit) || c->first == nullptr) drop_client(sv, *c);
  }
}

void add_client(supervisor_state& sv, task& t, int fd, first_client first) noexcept {
  auto* c = static_cast<client*>(std::calloc(1, sizeof(client)));
  if (c == nullptr) {
    ::close(fd);
    return;
  }
  c->s.fd = fd;
  c->s.owner = c;
  c->s.ready = client_ready;
  c->of = &t;
  c->next = t.clients;
  t.clients = c;
  if (first == first_client::yes) {
    client_frame hello{};
    if (::recv(fd, &hello, sizeof hello, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof hello)) c->wants = hello.value;
    c->stdin_once = (t.flags & plan_terminal) == 0;
    // What it sends before there is a terminal waits in its socket.
    if ((t.flags & plan_terminal) != 0 && (t.flags & plan_is_exec) == 0) return;
  }
  if (!sv.events.watch(c->s, EPOLLIN)) drop_client(sv, *c);
}

void drop_client(supervisor_state& sv, client& c) noexcept {
  task& t = *c.of;
  for (client** at = &t.clients; *at != nullptr; at = &(*at)->next) {
    if (*at == &c) {
      *at = c.next;
      break;
    }
  }
  if (t.input_waiter == &c) t.input_waiter = nullptr;
  sv.events.close(c.s);
  while (c.first != nullptr) {
    pending_frame* node = c.first;
    c.first = node->next;
    std::free(node);
  }
  std::free(&c);
}

void close_input(supervisor_state& sv, task& t) noexcept {
  if (t.in.fd >= 0 && (t.flags & plan_terminal) != 0 && t.out.fd >= 0) {
    const unsigned char end_of_file = 4;  // a terminal has no end: ^D says it
    (void)::write(t.in.fd, &end_of_file, 1);
  }
  sv.events.close(t.in);
  t.input_size = t.input_done = 0;
}

void start_pumping(supervisor_state& sv, task& t) noexcept {
  for (source* s : {&t.out, &t.err, &t.in, &t.listener}) s->owner = &t;
  t.out.ready = t.err.ready = output_ready;
  t.in.ready = input_ready;
  t.listener.ready = listener_ready;
  for (source* s : {&t.out, &t.err}) {
    if (s->fd < 0) continue;
    (void)::fcntl(s->fd, F_SETFL, O_NONBLOCK);
    (void)sv.events.watch(*s, EPOLLIN);
  }
  if (t.in.fd >= 0) {
    (void)::fcntl(t.in.fd, F_SETFL, O_NONBLOCK);
    (void)sv.events.watch(t.in, 0);
  }
  if (t.listener.fd >= 0) (void)sv.events.watch(t.listener, EPOLLIN);
  for (client* c = t.clients; c != nullptr; c = c->next) (void)sv.events.watch(c->s, EPOLLIN);
}

void drain_output(supervisor_state& sv, task& t) noexcept {
  for (source* s : {&t.out, &t.err}) {
    const auto stream = static_cast<std::uint8_t>(s == &t.out ? 1 : 2);
    // Until the end, or until nothing is left but somebody outside its pid namespace still holds the other end.
    while (s->fd >= 0) {
      const auto what = pump_once(sv, t, *s, stream);
      if (what == pumped::nothing) break;
      if (what == pumped::end) sv.events.close(*s);
    }
  }
}

}  // namespace contain::runtime::sv
