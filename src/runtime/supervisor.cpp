#include "contain/runtime/supervisor.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/scope.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/protocol.hpp"
#include "contain/sys/uapi.hpp"
#include "planner.hpp"
#include "step_names.hpp"

extern "C" const unsigned char contain_supervisor_begin[], contain_supervisor_end[];

namespace contain::runtime {
namespace {

constexpr std::size_t stack_size = 32 * 1024;

/// The program as a sealed memfd: nobody can change what runs (CVE-2019-5736), and there is no path to find.
sys::unique_fd program() {
  const auto size = static_cast<std::size_t>(contain_supervisor_end - contain_supervisor_begin);
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  sys::unique_fd fd{::memfd_create("contain-supervisor", flags | sys::memfd_exec)};
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("contain-supervisor", flags));  // before Linux 6.3
  if (!fd) throw error::from_errno(errno, "memfd_create", "contain-supervisor");
  for (std::size_t done = 0; done < size;) {
    const auto n = sys::retry([&] { return ::write(fd.get(), contain_supervisor_begin + done, size - done); });
    if (n <= 0) throw error::from_errno(errno, "write", "contain-supervisor");
    done += static_cast<std::size_t>(n);
  }
  (void)::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return fd;
}

/// What the two short-lived children of spawn() share with the suspended thread that made them.
struct spawn_frame {
  int executable, socket, null;
  char* second_stack;
  int pid = 0;
  int sys_errno = 0;
};

/// Becomes the supervisor. Shares the host's memory until execveat: system calls only.
int become_supervisor(void* argument) {
  auto& frame = *static_cast<spawn_frame*>(argument);
  const int executable = ::fcntl(frame.executable, F_DUPFD_CLOEXEC, 10);
  const int socket = ::fcntl(frame.socket, F_DUPFD_CLOEXEC, 10);
  if (executable >= 0 && socket >= 0) {
    for (int fd = 0; fd < 3; ++fd) ::dup2(frame.null, fd);
    ::dup2(socket, 3);
    // Whatever the host left open without close-on-exec stays the host's.
    (void)::close_range(4, ~0U, CLOSE_RANGE_CLOEXEC);
    char name[] = "contain-supervisor";
    char* argv[] = {name, nullptr};
    char* envp[] = {nullptr};
    ::syscall(SYS_execveat, executable, "", argv, envp, AT_EMPTY_PATH);
  }
  frame.sys_errno = errno;
  ::syscall(SYS_exit, 127);
  return 127;
}

/// Clones the supervisor and ends at once, so that the supervisor is nobody's child in this process.
int clone_supervisor(void* argument) {
  auto& frame = *static_cast<spawn_frame*>(argument);
  frame.pid = ::clone(become_supervisor, frame.second_stack + stack_size, CLONE_VM | CLONE_VFORK, argument);
  if (frame.pid < 0) frame.sys_errno = errno;
  ::syscall(SYS_exit, 0);
  return 0;
}

class stack_pair {
 public:
  stack_pair()
      : base_(::mmap(nullptr, 2 * stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ == MAP_FAILED) throw error::from_errno(errno, "mmap", "stack of the supervisor's launcher");
  }
  stack_pair(const stack_pair&) = delete;
  stack_pair& operator=(const stack_pair&) = delete;
  ~stack_pair() { ::munmap(base_, 2 * stack_size); }
  [[nodiscard]] char* first() const noexcept { return static_cast<char*>(base_); }
  [[nodiscard]] char* second() const noexcept { return first() + stack_size; }

 private:
  void* base_;
};

/// Both clones are CLONE_VM | CLONE_VFORK: 0.1 ms whatever the host's size, and this thread sleeps meanwhile.
/// exit_signal 0 hides the first child from the host's SIGCHLD and waitpid(-1); the second was never its child.
int spawn_hidden(int executable, int socket) {
  const sys::unique_fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  if (!null) throw error::from_errno(errno, "open", "/dev/null");
  const stack_pair stacks;
  spawn_frame frame{executable, socket, null.get(), stacks.second()};
  // No handler of the host may run in a child that shares its memory.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const int first = ::clone(clone_supervisor, stacks.first() + stack_size, CLONE_VM | CLONE_VFORK, &frame);
  const int saved = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (first < 0) throw error::from_errno(saved, "clone", "supervisor");
  siginfo_t info{};
  (void)sys::retry([&] { return ::waitid(P_PID, static_cast<id_t>(first), &info, WEXITED | __WALL); });
  if (frame.sys_errno != 0)
    throw error::from_errno(frame.sys_errno, "execveat", "contain-supervisor")
        .with_hint("sysctl vm.memfd_noexec must not be 2");
  return frame.pid;
}

std::pair<sys::unique_fd, sys::unique_fd> packet_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw error::from_errno(errno, "socketpair");
  return {sys::unique_fd{ends[0]}, sys::unique_fd{ends[1]}};
}

error lost() { return error{errc::supervisor_lost, "supervisor", {}, "its process has ended"}; }

void send_request(int socket, request_header::kind what, planned_request& request) {
  request_header header;
  header.what = what;
  header.size = static_cast<std::uint32_t>(request.plan.size());
  std::vector<int> fds = request.fds;
  sys::unique_fd body;
  if (request.plan.size() > inline_limit) {
    body.reset(::memfd_create("contain-plan", MFD_CLOEXEC));
    if (!body) throw error::from_errno(errno, "memfd_create", "plan");
    for (std::size_t done = 0; done < request.plan.size();) {
      const auto n =
          sys::retry([&] { return ::write(body.get(), request.plan.data() + done, request.plan.size() - done); });
      if (n <= 0) throw error::from_errno(errno, "write", "plan");
      done += static_cast<std::size_t>(n);
    }
    header.in_memfd = 1;
    fds.push_back(body.get());
  }
  if (fds.size() > static_cast<std::size_t>(max_fds))
    throw error{
        errc::invalid, "launch", {}, text::cat("needs ", fds.size(), " descriptors; at most ", max_fds, " mounts fit")};

  std::array<iovec, 2> parts{
      {{&header, sizeof header}, {request.plan.data(), header.in_memfd != 0 ? 0 : request.plan.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * max_fds)> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  std::memcpy(CMSG_DATA(c), fds.data(), sizeof(int) * fds.size());
  if (sys::retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); }) >= 0) return;
  if (errno == EPIPE || errno == ECONNRESET) throw lost();
  throw error::from_errno(errno, "sendmsg", "supervisor");
}

struct received_reply {
  launch_reply reply;
  sys::unique_fd descriptor;
};

received_reply receive_reply(int socket) {
  received_reply result;
  iovec part{&result.reply, sizeof result.reply};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto n = sys::retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
  if (n != static_cast<ssize_t>(sizeof result.reply)) throw lost();
  if (const cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr && c->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
    result.descriptor.reset(fd);
  }
  return result;
}

void check(const launch_reply& reply, const oci::spec_process& process) {
  if (reply.failed_step == 0) return;
  throw launch_error(static_cast<step>(reply.failed_step), reply.sys_errno, process.args.front(), process.user.name,
                     process.cwd);
}

}  // namespace

struct supervisor::state {
  sys::unique_fd socket;
  int pid = 0;
};

supervisor::supervisor(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
supervisor::supervisor(supervisor&&) noexcept = default;
supervisor& supervisor::operator=(supervisor&&) noexcept = default;
supervisor::~supervisor() = default;

supervisor supervisor::spawn() {
  auto [ours, theirs] = packet_pair();
  const auto executable = program();
  auto s = std::make_unique<state>();
  s->pid = spawn_hidden(executable.get(), theirs.get());
  theirs.reset();
  std::int32_t ready = 0;
  if (sys::retry([&] { return ::recv(ours.get(), &ready, sizeof ready, 0); }) != static_cast<ssize_t>(sizeof ready))
    throw lost();
  if (ready != 0) throw error::from_errno(ready, "set up the supervisor's mount namespace").with_hint("contain doctor");
  s->socket = std::move(ours);
  return supervisor{std::move(s)};
}

int supervisor::pid() const noexcept { return state_->pid; }

launched supervisor::launch(launch_request request) {
  auto [ours, theirs] = packet_pair();
  auto planned = plan_launch(request, theirs.get());
  send_request(state_->socket.get(), request_header::kind::launch, planned);
  theirs.reset();
  request.first_client.reset();
  const auto [reply, descriptor] = receive_reply(ours.get());
  check(reply, request.spec->process);
  launched result;
  result.pid = reply.pid;
  result.start_ticks = reply.start_ticks;
  result.supervisor_pid = reply.supervisor_pid;
  if ((reply.weakened & weak_landlock) != 0) result.weakened.emplace_back("landlock");
  if ((reply.weakened & weak_landlock_scope) != 0) result.weakened.emplace_back("landlock_scope");
  if ((reply.weakened & weak_timens) != 0) result.weakened.emplace_back("time_namespace");
  return result;
}

exec_started supervisor::exec(exec_request request) {
  auto [ours, theirs] = packet_pair();
  auto client = make_client({});
  auto planned = plan_exec(request, theirs.get(), client.theirs.get());
  send_request(state_->socket.get(), request_header::kind::exec, planned);
  theirs.reset();
  client.theirs.reset();
  auto answered = receive_reply(ours.get());
  check(answered.reply, *request.process);
  exec_started result;
  result.pid = answered.reply.pid;
  result.status = std::move(client.ours);
  result.pty_master = std::move(answered.descriptor);
  return result;
}

bool supervisor::reap(int dir_fd, std::string_view name) noexcept {
  try {
    planned_request request;
    request.plan.assign(name.begin(), name.end());
    request.fds.push_back(dir_fd);
    send_request(state_->socket.get(), request_header::kind::reap, request);
    return true;
  } catch (const std::exception&) {  // gone, or out of memory: the caller has another way
    return false;
  }
}

}  // namespace contain::runtime
