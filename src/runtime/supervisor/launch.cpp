// The parent's side of a launch: clone, maps, cgroups, the root file system, and the answer to the library.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "child.hpp"
#include "rootfs.hpp"
#include "task.hpp"

namespace contain::runtime::sv {
namespace {

struct failure {
  step at = step::none;
  int sys_errno = 0;
  explicit operator bool() const noexcept { return at != step::none; }
};
failure failed(step at) noexcept { return {at, errno}; }

/// "/proc/PID/name" without stdio.
void proc_path(char* out, int pid, const char* name) noexcept {
  std::memcpy(out, "/proc/", 6);
  char* at = out + 6;
  char digits[12];
  int n = 0;
  do digits[n++] = static_cast<char>('0' + pid % 10);
  while ((pid /= 10) != 0);
  while (n > 0) *at++ = digits[--n];
  *at++ = '/';
  std::memcpy(at, name, std::strlen(name) + 1);
}

bool write_proc(int pid, const char* name, const char* text) noexcept {
  char path[64];
  proc_path(path, pid, name);
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const bool done = ::write(fd, text, static_cast<std::size_t>(size)) == size;
  const int saved = errno;
  ::close(fd);
  errno = saved;
  return done;
}

/// Field 22 of /proc/PID/stat; the command in parentheses may hold anything.
std::uint64_t read_start_ticks(int pid) noexcept {
  char path[64], text[1024];
  proc_path(path, pid, "stat");
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (n <= 0) return 0;
  text[n] = '\0';
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (at != nullptr) ++at;
  }
  return at == nullptr ? 0 : std::strtoull(at, nullptr, 10);
}

bool send_moment(int sync, signal_to_child moment, const int* fds, int count) noexcept {
  auto byte = static_cast<std::uint8_t>(moment);
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    const auto bytes = sizeof(int) * static_cast<unsigned>(count);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), fds, bytes);
  }
  return ::sendmsg(sync, &message, MSG_NOSIGNAL) == 1;
}

void answer(task& t, step at, int sys_errno) noexcept {
  launch_reply reply{};
  reply.failed_step = static_cast<std::uint32_t>(at);
  reply.sys_errno = sys_errno;
  reply.pid = t.pid;
  reply.supervisor_pid = ::getpid();
  reply.start_ticks = t.start_ticks;
  reply.weakened = t.weakened;
  iovec part{&reply, sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (t.pty_for_reply >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &t.pty_for_reply, sizeof(int));
  }
  (void)::sendmsg(t.reply, &message, MSG_NOSIGNAL);
  for (int* fd : {&t.reply, &t.pty_for_reply}) {
    if (*fd >= 0) ::close(*fd);
    *fd = -1;
  }
}

/// One message from the child: a failure, the pid of an exec, the terminal, a row it could not get; or the end.
void sync_ready(source& s, std::uint32_t) noexcept {
  supervisor_state& sv = state_of();
  task& t = *static_cast<task*>(s.owner);
  while (s.fd >= 0) {
    child_report report{};
    iovec part{&report, sizeof report};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(s.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n != static_cast<ssize_t>(sizeof report)) {
      // End of file: close-on-exec has closed it, or the child was killed without a word, which its exit will tell.
      sv.events.close(s);
      t.executed = true;
      const bool nothing = t.process.fd < 0;
      answer(t, nothing ? step::handshake : step::none, nothing ? ESRCH : 0);
      if (nothing) destroy_task(sv, t);
      return;
    }
    t.weakened |= report.weakened;
    if (report.failed_step != 0) {
      sv.events.close(s);
      if (t.process.fd >= 0) (void)::syscall(SYS_pidfd_send_signal, t.process.fd, SIGKILL, nullptr, 0);
      answer(t, static_cast<step>(report.failed_step), report.sys_errno);
      if (t.process.fd < 0) destroy_task(sv, t);
      return;
    }
    if (report.pid > 0) {
      t.pid = report.pid;
      t.process.fd = static_cast<int>(::syscall(SYS_pidfd_open, t.pid, 0));
      t.start_ticks = read_start_ticks(t.pid);
      if (t.process.fd >= 0) watch_process(sv, t);
      (void)send_moment(s.fd, signal_to_child::root, nullptr, 0);
    }
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) continue;
    int master = -1;
    std::memcpy(&master, CMSG_DATA(header), sizeof master);
    if ((t.flags & plan_is_exec) != 0) {
      t.pty_for_reply = master;
    } else {
      t.out.fd = master;
      t.in.fd = ::fcntl(master, F_DUPFD_CLOEXEC, 3);
      start_pumping(sv, t);
    }
  }
}

struct stdio_ends {
  int child[3] = {-1, -1, -1};
  ~stdio_ends() {
    for (int fd : child) {
      if (fd >= 0) ::close(fd);
    }
  }
};

bool make_pipe(int* ours, int* theirs, bool child_reads, const launch_plan& plan) noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  *ours = ends[child_reads ? 1 : 0];
  *theirs = ends[child_reads ? 0 : 1];
  // The container's root must own it to hand it to its user; the host's root is nobody in there.
  (void)::fchown(*theirs, plan.root_uid, plan.root_gid);
  return true;
}

bool make_stdio(task& t, const launch_plan& plan, stdio_ends& ends) noexcept {
  if ((plan.flags & plan_terminal) != 0) return true;
  if ((plan.flags & plan_open_stdin) != 0) {
    if (!make_pipe(&t.in.fd, &ends.child[0], true, plan)) return false;
  } else {
    ends.child[0] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  return ends.child[0] >= 0 && make_pipe(&t.out.fd, &ends.child[1], false, plan) &&
         make_pipe(&t.err.fd, &ends.child[2], false, plan);
}

/// Pointers for execve, which the plan holds as offsets.
char** pointers(plan_list<plan_text>& list) noexcept {
  auto** array = static_cast<char**>(std::calloc(list.size + 1U, sizeof(char*)));
  if (array == nullptr) return nullptr;
  unsigned i = 0;
  for (auto& text : list) array[i++] = text.get();
  return array;
}

/// Linux 6.18 leaves a new task on its parent's cpu until the parent sleeps (200 of 200 measured): the work of both
/// would follow one another. Moving it away and giving the cpus back takes 5 us.
void start_elsewhere(int pid) noexcept {
  cpu_set_t all, others;
  unsigned here = 0;
  if (::sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2 ||
      ::syscall(SYS_getcpu, &here, nullptr, nullptr) != 0)
    return;
  others = all;
  CPU_CLR(here, &others);
  if (::sched_setaffinity(pid, sizeof others, &others) == 0) (void)::sched_setaffinity(pid, sizeof all, &all);
}

failure prepare(const task& t, launch_plan& plan, int* fds, int sync) noexcept {
  if ((plan.namespaces & CLONE_NEWUSER) != 0 &&
      (!write_proc(t.pid, "gid_map", plan.gid_map.get()) || !write_proc(t.pid, "uid_map", plan.uid_map.get())))
    return failed(step::map_ids);
  if (!send_moment(sync, signal_to_child::mapped, nullptr, 0)) return failed(step::handshake);
  for (const auto& limit : plan.rlimits) {
    const rlimit64 value{limit.soft, limit.hard};
    if (::syscall(SYS_prlimit64, t.pid, limit.resource, &value, nullptr) != 0) return failed(step::set_rlimit);
  }
  if ((plan.flags & plan_has_oom_score) != 0) {
    char text[16];
    char* at = text + sizeof text;
    *--at = '\0';
    int value = plan.oom_score_adj < 0 ? -plan.oom_score_adj : plan.oom_score_adj;
    do *--at = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
    if (plan.oom_score_adj < 0) *--at = '-';
    (void)write_proc(t.pid, "oom_score_adj", at);
  }
  char path[64];
  proc_path(path, t.pid, "ns/user");
  int userns = -1;
  if ((plan.namespaces & CLONE_NEWUSER) != 0) {
    userns = ::open(path, O_RDONLY | O_CLOEXEC);
    if (userns < 0) return failed(step::idmap_store);
  }
  int mounts[2] = {-1, -1};
  step at = make_rootfs(plan, fds, userns, &mounts[0]);
  if (at == step::none) at = make_dev(plan, fds, &mounts[1]);
  if (at == step::none) at = idmap_binds(plan, fds, userns);
  if (at == step::none && !send_moment(sync, signal_to_child::root, mounts, 2)) at = step::handshake;
  const failure result = at == step::none ? failure{} : failed(at);
  for (int fd : {userns, mounts[0], mounts[1]}) {
    if (fd >= 0) ::close(fd);
  }
  return result;
}

/// Takes the descriptors it keeps out of `fds`, so that the caller's clean-up closes only the rest.
int keep(int* fds, std::int32_t index) noexcept {
  if (index < 0) return -1;
  const int fd = fds[index];
  fds[index] = -1;
  return fd;
}

task* new_task(supervisor_state& sv, const launch_plan& plan, int* fds) noexcept {
  auto* t = static_cast<task*>(std::calloc(1, sizeof(task)));
  if (t == nullptr) return nullptr;
  for (source* s : {&t->process, &t->sync, &t->out, &t->err, &t->in, &t->listener}) {
    s->fd = -1;
    s->owner = t;
  }
  t->exit = exit_record{};
  t->flags = plan.flags;
  std::memcpy(t->id, plan.id, sizeof t->id);
  t->reply = keep(fds, plan.fds.reply);
  t->pty_for_reply = t->log = -1;
  t->state_dir = keep(fds, plan.fds.state_dir);
  t->listener.fd = keep(fds, plan.fds.listener);
  t->oom_events = keep(fds, plan.fds.oom_events);
  for (unsigned i = 0; i < plan.fds.parents_count && i < 8; ++i)
    t->parents[t->parent_count++] = keep(fds, plan.fds.parents_first + static_cast<int>(i));
  t->next = sv.tasks;
  sv.tasks = t;
  return t;
}

failure start(task& t, launch_plan& plan, int* fds) noexcept {
  const bool exec = (plan.flags & plan_is_exec) != 0;
  stdio_ends ends;
  if (exec) {
    for (int i = 0; i < 3; ++i) {
      ends.child[i] = keep(fds, plan.fds.stdio[i]);
      struct stat st {};
      if (ends.child[i] >= 0 && ::fstat(ends.child[i], &st) == 0 && S_ISFIFO(st.st_mode))
        (void)::fchown(ends.child[i], plan.root_uid, plan.root_gid);
    }
  } else if (!make_stdio(t, plan, ends)) {
    return failed(step::clone);
  }
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return failed(step::clone);
  t.sync.fd = pair[0];
  t.sync.ready = sync_ready;

  child_context context{
      &plan, fds, pair[1], {ends.child[0], ends.child[1], ends.child[2]}, pointers(plan.argv), pointers(plan.envp)};
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | (exec ? 0 : plan.namespaces & ~static_cast<std::uint64_t>(CLONE_NEWNET));
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (plan.fds.unified >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(fds[plan.fds.unified]);
  }
  long pid = -1;
  if (context.argv != nullptr && context.envp != nullptr) pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) {
    ::close(pair[0]);
    ::signal(SIGPIPE, SIG_DFL);
    ::_exit(exec ? contain_exec_child(&context) : contain_launch_child(&context));
  }
  const int saved = errno;
  ::close(pair[1]);
  std::free(context.argv);
  std::free(context.envp);
  errno = saved;
  if (pid < 0) return failed(step::clone);

  if (exec) {
    // This process only opens the way: it joins the cgroups and namespaces that its sibling inherits, and ends.
    siginfo_t info{};
    (void)::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | __WALL);
    ::close(pidfd);
    return {};
  }
  start_elsewhere(static_cast<int>(pid));
  t.pid = static_cast<int>(pid);
  t.process.fd = pidfd;
  if (failure f = prepare(t, plan, fds, pair[0])) {
    // The child may have failed first and said so: its word is the better one.
    child_report report{};
    if (::recv(pair[0], &report, sizeof report, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof report) &&
        report.failed_step != 0)
      f = {static_cast<step>(report.failed_step), report.sys_errno};
    (void)::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
    siginfo_t info{};
    (void)::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | __WALL);
    return f;
  }
  // While the child is busy: a new file takes 0.1 ms where inodes were freed a moment ago (ext4's recently_deleted).
  if (t.state_dir >= 0)
    t.log = ::openat(t.state_dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  t.start_ticks = read_start_ticks(t.pid);
  return {};
}

/// A supervisor of its own for a detached container: the same code, without the engine's socket and without the other
/// tasks, a child of whoever is this one's parent.
bool become_independent(supervisor_state& sv) noexcept {
  clone_args args{};
  args.flags = CLONE_PARENT;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid != 0) return false;
  (void)::setsid();
  // The epoll instance is shared with the parent: it must be left, not edited.
  sv.events.leave();
  for (task* t = sv.tasks; t != nullptr; t = t->next) {
    for (int fd : {t->process.fd, t->sync.fd, t->out.fd, t->err.fd, t->in.fd, t->listener.fd, t->reply,
                   t->pty_for_reply, t->state_dir, t->log, t->oom_events}) {
      if (fd >= 0) ::close(fd);
    }
    for (unsigned i = 0; i < t->parent_count; ++i) ::close(t->parents[i]);
    for (client* c = t->clients; c != nullptr; c = c->next) ::close(c->s.fd);
  }
  sv.tasks = nullptr;
  if (sv.ended.containers >= 0) ::close(sv.ended.containers);
  sv.ended = forgotten_ids{};
  if (sv.reaper >= 0) ::close(sv.reaper);
  sv.reaper = -1;
  ::close(sv.host.fd);
  ::close(sv.host_process.fd);
  sv.host.fd = sv.host_process.fd = -1;
  return true;
}

}  // namespace

void launch(supervisor_state& sv, launch_plan& plan, int* fds, int count) noexcept {
  const bool independent = (plan.flags & plan_detached) != 0 && (plan.flags & plan_is_exec) == 0;
  if (!independent || become_independent(sv)) {
    task* t = new_task(sv, plan, fds);
    if (t != nullptr) {
      const int first = keep(fds, plan.fds.client);
      if (const failure f = start(*t, plan, fds)) {
        if (first >= 0) ::close(first);
        answer(*t, f.at, f.sys_errno);
        destroy_task(sv, *t);
      } else {
        const bool exec = (plan.flags & plan_is_exec) != 0;
        if (first >= 0) add_client(sv, *t, first, first_client::yes);
        if (t->process.fd >= 0) watch_process(sv, *t);
        (void)sv.events.watch(t->sync, EPOLLIN);
        // With a terminal this waits for the pty's master, which the child makes.
        if (!exec && (plan.flags & plan_terminal) == 0) start_pumping(sv, *t);
      }
    }
  }
  for (int i = 0; i < count; ++i) {
    if (fds[i] >= 0) ::close(fds[i]);
  }
}

}  // namespace contain::runtime::sv
