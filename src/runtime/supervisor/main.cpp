// The supervisor: a static program without threads or exceptions, started by the library from a sealed memfd with one
// end of a socketpair as descriptor 3. When the other end closes, its containers end.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "rootfs.hpp"
#include "task.hpp"

namespace contain::runtime::sv {

supervisor_state& state_of() noexcept {
  static supervisor_state state;
  return state;
}

namespace {

/// A request's bytes, in the shared buffer or mapped from a memfd.
struct request_body {
  unsigned char* bytes = nullptr;
  std::size_t mapped = 0;
  ~request_body() {
    if (mapped != 0) ::munmap(bytes, mapped);
  }
};

void host_ready(source& s, std::uint32_t) noexcept {
  supervisor_state& sv = state_of();
  int fds[max_fds];
  int count = 0;
  iovec part{sv.buffer, sizeof(request_header) + inline_limit};
  alignas(cmsghdr) static char control[CMSG_SPACE(sizeof(int) * max_fds)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = ::recvmsg(s.fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    host_closed(sv);
    return;
  }
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    count = static_cast<int>((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(fds, CMSG_DATA(c), static_cast<std::size_t>(count) * sizeof(int));
  }
  request_header header;
  request_body body;
  std::memcpy(&header, sv.buffer, sizeof header);
  if (header.magic == request_header{}.magic) {
    if (header.in_memfd == 0) {
      body.bytes = sv.buffer + sizeof header;
    } else if (count > 0) {
      void* at = ::mmap(nullptr, header.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fds[count - 1], 0);
      if (at != MAP_FAILED) {
        body.bytes = static_cast<unsigned char*>(at);
        body.mapped = header.size;
      }
    }
  }
  if (body.bytes != nullptr && header.what == request_header::kind::reap && count > 0) {
    reap(sv, fds[0], reinterpret_cast<const char*>(body.bytes), header.size);
    for (int i = 0; i < count; ++i) ::close(fds[i]);
  } else if (body.bytes != nullptr) {
    launch(sv, *reinterpret_cast<launch_plan*>(body.bytes), fds, count);
  } else {
    for (int i = 0; i < count; ++i) ::close(fds[i]);
  }
}

void host_ended(source& s, std::uint32_t) noexcept {
  supervisor_state& sv = state_of();
  sv.events.close(s);
  if (sv.host.fd >= 0) host_closed(sv);
}

/// The socket alone does not tell: a child that the host forked without an exec, as Python's multiprocessing does,
/// holds a copy of its end and outlives it.
bool watch_host(supervisor_state& sv) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(3, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  sv.host_process.fd = static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0));
  sv.host_process.ready = host_ended;
  return sv.host_process.fd >= 0 && sv.events.watch(sv.host_process, EPOLLIN);
}

void settle() noexcept {
  for (int signal = 1; signal < NSIG; ++signal) (void)::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::setsid();
  ::umask(0);
  (void)::prctl(PR_SET_NAME, "contain-sv");
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
}

int run() noexcept {
  supervisor_state& sv = state_of();
  settle();
  // The first word on the socket is whether there will be a second.
  std::int32_t ready = 0;
  sv.buffer = static_cast<unsigned char*>(std::malloc(sizeof(request_header) + inline_limit));
  if (sv.buffer == nullptr || !sv.events.open() || !make_own_root()) ready = errno == 0 ? ENOMEM : errno;
  sv.host.fd = 3;
  sv.host.ready = host_ready;
  (void)::fcntl(3, F_SETFD, FD_CLOEXEC);
  if (::send(3, &ready, sizeof ready, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof ready) || ready != 0) return 1;
  if (!sv.events.watch(sv.host, EPOLLIN) || !watch_host(sv)) return 1;
  sv.events.run();
  return 0;
}

}  // namespace
}  // namespace contain::runtime::sv

int main() { return contain::runtime::sv::run(); }
