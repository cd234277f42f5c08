// A process that deletes, so that nobody waits for it: rmdir(2) takes 4 ms on an ext4 that discards at once, and a
// container has five directories. Started with the first request, ends with its supervisor once the queue is empty.
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "task.hpp"

namespace contain::runtime::sv {
namespace {

constexpr std::size_t name_limit = 256;

[[noreturn]] void serve(int socket) noexcept {
  // Only the queue: the supervisor's other descriptors would keep containers' pipes open.
  (void)::dup2(socket, 3);
  (void)::close_range(4, ~0U, 0);
  (void)::prctl(PR_SET_NAME, "contain-reaper");
  while (true) {
    char name[name_limit];
    int dir = -1;
    iovec part{name, sizeof name - 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(3, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0) ::_exit(0);
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr)
      std::memcpy(&dir, CMSG_DATA(header), sizeof dir);
    name[n] = '\0';
    remove_tree(dir, name);
    ::close(dir);
  }
}

bool start(supervisor_state& sv) noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  clone_args args{};  // no exit signal, no wait: it outlives nothing that would miss it
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) serve(ends[1]);
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return false;
  }
  sv.reaper = ends[0];
  return true;
}

}  // namespace

void reap(supervisor_state& sv, int dir, const char* name, std::size_t size) noexcept {
  if (size == 0 || size >= name_limit || std::memchr(name, '/', size) != nullptr) return;
  if (sv.reaper >= 0 || start(sv)) {
    iovec part{const_cast<char*>(name), size};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &dir, sizeof dir);
    if (::sendmsg(sv.reaper, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
  }
  char copy[name_limit];  // the queue is full, or there is none: then here and now
  std::memcpy(copy, name, size);
  copy[size] = '\0';
  remove_tree(dir, copy);
}

}  // namespace contain::runtime::sv
