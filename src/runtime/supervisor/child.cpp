#include "child.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace contain::runtime::sv {
namespace {

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) noexcept {
  return ::syscall(number, a, b, c, d, e);
}

/// Into the version 1 cgroups, through "tasks" and by this thread itself: that takes no lock, while cgroup.procs waits
/// for an RCU grace period of the whole machine (10 ms and more, measured on Linux 6.18). The right to write is that of
/// whoever opened the file, or, on older kernels, of this process while it has the supervisor's ids.
step join_cgroups(const child_context& c) noexcept {
  for (unsigned i = 0; i < c.plan->fds.procs_count; ++i) {
    if (::write(c.fds[c.plan->fds.procs_first + static_cast<int>(i)], "0", 1) != 1) return step::join_cgroup;
  }
  return step::none;
}

step become_root(const child_context& c) noexcept {
  // Raw calls: glibc's wrappers walk its list of threads, which a clone does not have.
  if ((c.plan->namespaces & CLONE_NEWUSER) == 0) return step::none;
  if (raw(SYS_setgroups) != 0 || raw(SYS_setresgid) != 0 || raw(SYS_setresuid) != 0) return step::become_root;
  return step::none;
}

/// Writes `value` in decimal at `at`; returns the end.
char* put_number(char* at, long long value) noexcept {
  char digits[24];
  int n = 0;
  do digits[n++] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  while (n > 0) *at++ = digits[--n];
  return at;
}

/// A time namespace whose clocks start at zero, so that the host's uptime does not show. It takes effect at execve
/// (Linux 6.3 and stable backports; older ones only at the next fork, and then the row is reported as weakened).
void hide_uptime(child_context& c) noexcept {
  if (::unshare(CLONE_NEWTIME) != 0) {
    c.weakened |= weak_timens;
    return;
  }
  if ((c.plan->flags & plan_hide_uptime) == 0) return;
  timespec boot{}, mono{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &boot);
  (void)::clock_gettime(CLOCK_MONOTONIC, &mono);
  char text[96];
  char* end = text;
  const auto put = [&end](const char* words) {
    const auto n = std::strlen(words);
    std::memcpy(end, words, n);
    end += n;
  };
  // One second is left so that no clock can be negative, which time_namespaces(7) refuses.
  put("boottime -");
  end = put_number(end, boot.tv_sec > 1 ? boot.tv_sec - 1 : 0);
  put(" 0\nmonotonic -");
  end = put_number(end, mono.tv_sec > 1 ? mono.tv_sec - 1 : 0);
  put(" 0\n");
  const int fd = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text, static_cast<std::size_t>(end - text)) < 0) c.weakened |= weak_timens;
  if (fd >= 0) ::close(fd);
}

step loopback_up() noexcept {
  const int s = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (s < 0) return step::loopback;
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const int failed = ::ioctl(s, SIOCSIFFLAGS, &request);
  const int saved = errno;
  ::close(s);
  errno = saved;
  return failed != 0 ? step::loopback : step::none;
}

step pivot(int root) noexcept {
  // pivot_root(".", ".") stacks the old root over the new one, from where it is detached (pivot_root(2) NOTES).
  if (::fchdir(root) != 0 || raw(SYS_pivot_root, reinterpret_cast<long>("."), reinterpret_cast<long>(".")) != 0)
    return step::pivot_root;
  if (::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) return step::detach_old_root;
  return step::none;
}

/// chdir to the working directory, made when absent as docker does it. Only inside the container's root.
step enter_cwd(const char* cwd) noexcept {
  if (::chdir(cwd) != 0) {
    if (errno != ENOENT) return step::change_directory;
    if (::chdir("/") != 0) return step::change_directory;
    char part[256];
    while (*cwd != '\0') {
      while (*cwd == '/') ++cwd;
      std::size_t n = 0;
      while (cwd[n] != '\0' && cwd[n] != '/') ++n;
      if (n == 0) break;
      if (n >= sizeof part) return errno = ENAMETOOLONG, step::change_directory;
      std::memcpy(part, cwd, n);
      part[n] = '\0';
      if (::mkdir(part, 0755) != 0 && errno != EEXIST) return step::change_directory;
      if (::chdir(part) != 0) return step::change_directory;
      cwd += n;
    }
  }
  // A working directory outside the root would be a way out (CVE-2024-21626); getcwd(2) marks it.
  char where[4096];
  if (raw(SYS_getcwd, reinterpret_cast<long>(where), sizeof where) < 0) return step::change_directory;
  if (where[0] != '/') return errno = EXDEV, step::change_directory;
  return step::none;
}

/// Raising a hard limit takes the host's CAP_SYS_RESOURCE, so an exec does it before it joins; for a container the
/// supervisor does it from outside.
step set_rlimits(const launch_plan& plan) noexcept {
  for (const auto& limit : plan.rlimits) {
    const rlimit value{limit.soft, limit.hard};
    if (raw(SYS_prlimit64, 0, limit.resource, reinterpret_cast<long>(&value)) != 0) return step::set_rlimit;
  }
  return step::none;
}

/// Makes the three standard descriptors. Everything else is closed by the execve.
step place_stdio(child_context& c, int slave) noexcept {
  for (int i = 0; i < 3; ++i) {
    const int from = slave >= 0 ? slave : c.stdio[i];
    // The reader of /dev/stdout is whoever opens it again: the user must own what it points to (moby#31243).
    if (slave < 0) (void)::fchown(from, c.plan->uid, static_cast<gid_t>(-1));
    if (::dup2(from, i) < 0) return step::open_terminal;
  }
  if (slave >= 0) {
    (void)::fchown(slave, c.plan->uid, static_cast<gid_t>(-1));
    if (::ioctl(0, TIOCSCTTY, 0) != 0) return step::session;
  }
  return step::none;
}

/// As execvp(3), on a PATH that was taken from the container's own environment.
step execute(child_context& c) noexcept {
  const char* name = c.argv[0];
  if (std::strchr(name, '/') != nullptr) {
    ::execve(name, c.argv, c.envp);
    return step::exec;
  }
  const char* path = c.plan->path.get();
  if (*path == '\0') path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const std::size_t length = std::strlen(name);
  int kept = ENOENT;
  char candidate[4096 + 256];
  while (true) {
    std::size_t n = 0;
    while (path[n] != '\0' && path[n] != ':') ++n;
    if (n + length + 2 <= sizeof candidate) {
      std::memcpy(candidate, path, n);
      candidate[n] = '/';
      std::memcpy(candidate + n + 1, name, length + 1);
      ::execve(n == 0 ? name : candidate, c.argv, c.envp);
      if (errno == EACCES) {
        // A directory of that name, or no search permission on the way, is no finding: go on.
        struct stat st {};
        if (::stat(candidate, &st) == 0 && S_ISREG(st.st_mode)) kept = EACCES;
      } else if (errno != ENOENT && errno != ENOTDIR) {
        return step::exec;
      }
    }
    if (path[n] == '\0') break;
    path += n + 1;
  }
  errno = kept;
  return step::exec;
}

/// What a container's first process and an exec have in common once they stand in the namespaces.
step finish(child_context& c, int slave) noexcept {
  static char home[4096 + 8];
  home[0] = '\0';
  if (step s = find_user(c, home, sizeof home); s != step::none) return s;
  if (c.plan->home_slot >= 0) c.envp[c.plan->home_slot] = home;
  if (step s = enter_cwd(c.plan->cwd.get()); s != step::none) return s;
  if (step s = place_stdio(c, slave); s != step::none) return s;
  // A new session keyring, so that none of the host's keys can be reached through the inherited one.
  if (raw(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0) < 0 && errno != ENOSYS && errno != EPERM) return step::keyring;
  ::umask(022);
  if (step s = confine(c); s != step::none) return s;
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  return execute(c);
}

step run(child_context& c) noexcept {
  const launch_plan& plan = *c.plan;
  if (step s = join_cgroups(c); s != step::none) return s;
  if (step s = wait_for(c, signal_to_child::mapped, nullptr, 0); s != step::none) return s;
  if (step s = become_root(c); s != step::none) return s;
  // The change of ids made this process not dumpable, and then its own /proc files belong to the host's root
  // (proc(5)). Nobody else is in its pid namespace yet, so this shows it to nobody.
  (void)::prctl(PR_SET_DUMPABLE, 1);
  if ((plan.namespaces & CLONE_NEWUTS) != 0 && *plan.hostname.get() != '\0' &&
      ::sethostname(plan.hostname.get(), std::strlen(plan.hostname.get())) != 0)
    return step::set_hostname;
  if ((plan.flags & plan_new_timens) != 0) hide_uptime(c);
  // Here and not in clone3: it is the longest single step (0.4 ms), and the supervisor is busy with the root meanwhile.
  // After the ids, because what it shows in sysfs takes its owner at creation.
  if ((plan.namespaces & CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWNET) != 0) return step::network_namespace;
  if ((plan.flags & plan_loopback_up) != 0) {
    if (step s = loopback_up(); s != step::none) return s;
  }
  if (step s = build_mounts(c); s != step::none) return s;

  // The cgroups joined above become the namespace's root.
  if ((plan.flags & plan_new_cgroupns) != 0 && ::unshare(CLONE_NEWCGROUP) != 0) return step::cgroup_namespace;
  int received[2] = {-1, -1};  // the root file system and /dev
  if (step s = wait_for(c, signal_to_child::root, received, 2); s != step::none) return s;
  if (step s = attach_mounts(c, received[0], received[1]); s != step::none) return s;
  if (step s = pivot(received[0]); s != step::none) return s;
  if (::setsid() < 0) return step::session;
  int master = -1, slave = -1;
  if ((plan.flags & plan_terminal) != 0) {
    if (step s = open_terminal(c, &master, &slave); s != step::none) return s;
    if (!send_report(c, {}, master)) return step::handshake;
    ::close(master);
  }
  return finish(c, slave);
}

step join(child_context& c) noexcept {
  const launch_plan& plan = *c.plan;
  if (step s = join_cgroups(c); s != step::none) return s;
  if (step s = set_rlimits(plan); s != step::none) return s;
  // Not dumpable: once inside, nobody there may look at this process or its descriptors (CVE-2016-9962).
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return step::join_namespaces;
  if (::setns(c.fds[plan.fds.target], static_cast<int>(plan.namespaces)) != 0) return step::join_namespaces;

  clone_args args{};
  args.flags = CLONE_PARENT;  // a sibling: the supervisor is its parent, and this process can go
  const long pid = raw(SYS_clone3, reinterpret_cast<long>(&args), sizeof args);
  if (pid < 0) return step::clone_exec;
  if (pid > 0) {
    child_report where{};
    where.pid = static_cast<int>(pid);
    if (!send_report(c, where, -1)) return step::handshake;
    ::_exit(0);
  }
  // The supervisor has to know this process before it can end, or nobody would reap it, and the container's first
  // process could not end either: its pid namespace would wait for the zombie.
  if (step s = wait_for(c, signal_to_child::root, nullptr, 0); s != step::none) return s;
  if (step s = become_root(c); s != step::none) return s;
  if (::setsid() < 0) return step::session;
  int master = -1, slave = -1;
  if ((plan.flags & plan_terminal) != 0) {
    if (step s = open_terminal(c, &master, &slave); s != step::none) return s;
    if (!send_report(c, {}, master)) return step::handshake;
    ::close(master);
  }
  return finish(c, slave);
}

int report_failure(child_context& c, step at) noexcept {
  child_report report{};
  report.failed_step = static_cast<std::uint32_t>(at);
  report.sys_errno = errno;
  report.weakened = c.weakened;
  (void)send_report(c, report, -1);
  return 127;
}

}  // namespace

step wait_for(child_context& c, signal_to_child moment, int* fds, int count) noexcept {
  std::uint8_t byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = -1;
  do n = ::recvmsg(c.sync, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  // An end of file is the supervisor's death or its decision not to go on: end without a word.
  if (n == 0) ::_exit(127);
  if (n != 1 || byte != static_cast<std::uint8_t>(moment)) return errno = EPROTO, step::handshake;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (count > 0) {
    if (header == nullptr || header->cmsg_len != CMSG_LEN(sizeof(int) * static_cast<unsigned>(count)))
      return errno = EPROTO, step::handshake;
    std::memcpy(fds, CMSG_DATA(header), sizeof(int) * static_cast<unsigned>(count));
  }
  return step::none;
}

bool send_report(child_context& c, const child_report& report, int fd) noexcept {
  iovec part{const_cast<child_report*>(&report), sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return ::sendmsg(c.sync, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof report);
}

extern "C" int contain_launch_child(child_context* c) noexcept { return report_failure(*c, run(*c)); }
extern "C" int contain_exec_child(child_context* c) noexcept { return report_failure(*c, join(*c)); }

}  // namespace contain::runtime::sv
