// The system call filters, installed in a child of the test and probed there.
#include "contain/runtime/seccomp_profile.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "contain/core/error.hpp"
#include "contain/runtime/profile.hpp"

namespace {

using namespace contain;
using namespace contain::runtime;

const auto standard_caps = data_of(isolation_profile::standard).caps;
const auto docker_caps = data_of(isolation_profile::docker).caps;

#if defined(__aarch64__)
constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_X86_64;
#endif

struct outcome {
  int value = -1;  ///< what the probe returned, 0 to 255
  int signal = 0;
};

/// Runs `probe` in a child under `filter`.
outcome under(const seccomp_program& filter, const std::function<int()>& probe) {
  const pid_t child = ::fork();
  if (child == 0) {
    sock_fprog program{static_cast<unsigned short>(filter.bpf.size()),
                       reinterpret_cast<sock_filter*>(const_cast<std::uint64_t*>(filter.bpf.data()))};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(254);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(253);
    ::_exit(probe());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) return {-1, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

/// The errno of one raw system call, 0 if it worked.
template <class... Args>
int errno_under(const seccomp_program& filter, long number, Args... args) {
  return under(filter, [=] { return ::syscall(number, args...) < 0 ? errno : 0; }).value;
}

seccomp_program standard() { return builtin_seccomp(seccomp_builtin::standard, standard_caps); }

TEST(seccomp_standard, allows_at_most_280_calls) {
  const auto filter = standard();
  EXPECT_LE(filter.allowed, 280U);
  EXPECT_GE(filter.allowed, 200U);
}

/// Whether call `number` is allowed whatever its arguments are: then the kernel skips the program (Linux 5.11,
/// seccomp_is_const_allow), which this follows.
bool is_always_allowed(const seccomp_program& filter, std::uint32_t number) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < filter.bpf.size(); ++at) {
    const auto line = std::bit_cast<sock_filter>(filter.bpf[at]);
    switch (line.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (line.k == offsetof(seccomp_data, nr)) {
          accumulator = number;
        } else if (line.k == offsetof(seccomp_data, arch)) {
          accumulator = native_audit_arch;
        } else {
          return false;
        }
        break;
      case BPF_RET | BPF_K:
        return line.k == SECCOMP_RET_ALLOW;
      case BPF_JMP | BPF_JA:
        at += line.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == line.k ? line.jt : line.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= line.k ? line.jt : line.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        at += accumulator > line.k ? line.jt : line.jf;
        break;
      default:
        return false;
    }
  }
  return false;
}

TEST(seccomp_standard, costs_nothing_for_calls_that_are_always_allowed) {
  const auto filter = standard();
  for (const int number :
       {SYS_read, SYS_write, SYS_openat, SYS_futex, SYS_epoll_pwait, SYS_sendmsg, SYS_mmap, SYS_execve})
    EXPECT_TRUE(is_always_allowed(filter, static_cast<std::uint32_t>(number))) << number;
  for (const int number : {SYS_ioctl, SYS_socket, SYS_clone, SYS_mount, 500})
    EXPECT_FALSE(is_always_allowed(filter, static_cast<std::uint32_t>(number))) << number;
  unsigned always = 0;
  for (std::uint32_t number = 0; number < 512; ++number) always += is_always_allowed(filter, number) ? 1 : 0;
  constexpr unsigned looked_into = 7;  // ioctl, socket, socketpair, clone, personality, mknod, mknodat
  EXPECT_GE(always, filter.allowed - looked_into);
}

TEST(seccomp_standard, allows_ordinary_calls) {
  const auto filter = standard();
  EXPECT_EQ(errno_under(filter, SYS_getpid), 0);
  EXPECT_EQ(errno_under(filter, SYS_openat, AT_FDCWD, "/", O_RDONLY), 0);
  EXPECT_EQ(errno_under(filter, SYS_socket, AF_UNIX, SOCK_STREAM, 0), 0);
  EXPECT_EQ(errno_under(filter, SYS_socket, AF_INET, SOCK_STREAM, 0), 0);
  EXPECT_EQ(errno_under(filter, SYS_socket, AF_NETLINK, SOCK_RAW, 0), 0);
  EXPECT_EQ(errno_under(filter, SYS_personality, 0xffffffffL), 0);
}

TEST(seccomp_standard, denies_what_changes_the_system_or_other_processes) {
  const auto filter = standard();
  EXPECT_EQ(errno_under(filter, SYS_unshare, CLONE_NEWUSER), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_setns, -1, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_mount, 0, 0, 0, 0, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_chroot, "/"), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_bpf, 0, 0, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_io_uring_setup, 0, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_userfaultfd, 0), EPERM);
}

TEST(seccomp_standard, answers_enosys_for_calls_it_does_not_know) {
  const auto filter = standard();
  EXPECT_EQ(errno_under(filter, 500), ENOSYS);
  EXPECT_EQ(errno_under(filter, 467), ENOSYS);
  EXPECT_EQ(errno_under(filter, 400), ENOSYS);
  EXPECT_EQ(errno_under(filter, SYS_clone3, 0, 0), ENOSYS);
}

TEST(seccomp_standard, lets_newer_calls_reach_the_kernel) {
  // fchmodat2 with a bad descriptor: EBADF where the kernel has it, ENOSYS where it does not; never EPERM.
  EXPECT_NE(errno_under(standard(), 452, -1, "x", 0, 0), EPERM);
}

TEST(seccomp_standard, makes_programs_copy_instead_of_sharing_pages) {
  EXPECT_EQ(errno_under(standard(), SYS_tee, -1, -1, 1, 0), EINVAL);
  EXPECT_EQ(errno_under(standard(), SYS_vmsplice, -1, 0, 0, 0), EINVAL);
}

TEST(seccomp_standard, allows_four_socket_families) {
  const auto filter = standard();
  constexpr int alg = 38, packet = 17, vsock = 40, netfilter = 12;
  for (const int family : {alg, packet, vsock, 1000})
    EXPECT_EQ(errno_under(filter, SYS_socket, family, SOCK_RAW, 0), EPERM) << family;
  EXPECT_EQ(errno_under(filter, SYS_socket, AF_NETLINK, SOCK_RAW, netfilter), EPERM);
}

TEST(seccomp_standard, compares_the_half_of_a_register_that_the_kernel_reads) {
  const auto filter = standard();
  constexpr long upper = 1L << 40;
  EXPECT_EQ(errno_under(filter, SYS_socket, upper | AF_UNIX, SOCK_STREAM, 0), 0);
  EXPECT_EQ(errno_under(filter, SYS_socket, upper | 38, SOCK_STREAM, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_ioctl, 0, upper | TIOCSTI, "x"), EPERM);
}

TEST(seccomp_standard, denies_typing_into_terminals) {
  const auto filter = standard();
  char type = 2;
  EXPECT_EQ(errno_under(filter, SYS_ioctl, -1, TIOCSTI, &type), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_ioctl, -1, TIOCLINUX, &type), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_ioctl, -1, TIOCGWINSZ, &type), EBADF);
}

TEST(seccomp_standard, makes_no_device_nodes) {
  const auto filter = standard();
  EXPECT_EQ(errno_under(filter, SYS_mknodat, -1, "x", S_IFCHR | 0600, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_mknodat, -1, "x", S_IFBLK | 0600, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_mknodat, -1, "x", S_IFIFO | 0600, 0), EBADF);
  EXPECT_EQ(errno_under(filter, SYS_personality, 0x0040000), EPERM);  // ADDR_NO_RANDOMIZE
}

#if defined(__x86_64__)
/// A call by the i386 entry point, from a 64-bit process.
int i386_call(int number, int a, int b, int c) {
  int answer = 0;
  asm volatile("int $0x80" : "=a"(answer) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return answer;
}
constexpr int i386_getpid = 20, i386_socketcall = 102, i386_socket = 359, i386_unshare = 310, x32_bit = 0x40000000;

bool kernel_runs_i386() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(i386_call(i386_getpid, 0, 0, 0) > 0 ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(seccomp_standard, ends_processes_that_use_another_abi) {
  if (!kernel_runs_i386()) GTEST_SKIP() << "this kernel has no i386 system calls";
  EXPECT_EQ(under(standard(), [] { return i386_call(i386_getpid, 0, 0, 0) > 0 ? 0 : 1; }).signal, SIGSYS);
  EXPECT_EQ(under(standard(), [] { return ::syscall(x32_bit | SYS_getpid) > 0 ? 0 : 1; }).signal, SIGSYS);
}

TEST(seccomp_foreign_abi, is_filtered_by_the_same_rules) {
  if (!kernel_runs_i386()) GTEST_SKIP() << "this kernel has no i386 system calls";
  const auto filter = builtin_seccomp(seccomp_builtin::standard, standard_caps, foreign_abi::filter);
  const auto call = [&](int number, int a, int b = 0, int c = 0) {
    return under(filter, [=] { return i386_call(number, a, b, c) >= 0 ? 0 : -i386_call(number, a, b, c); }).value;
  };
  EXPECT_EQ(call(i386_getpid, 0), 0);
  EXPECT_EQ(call(i386_unshare, CLONE_NEWUSER), EPERM);
  EXPECT_EQ(call(i386_socket, AF_INET, SOCK_STREAM), 0);
  EXPECT_EQ(call(i386_socket, 38, SOCK_STREAM), EPERM);
  // Its arguments lie in memory, so a family could not be told from another (the 2026 bypass of docker's AF_ALG rule).
  EXPECT_EQ(call(i386_socketcall, 1), EPERM);
  EXPECT_EQ(call(500, 0), ENOSYS);
}
#endif

TEST(seccomp_docker, allows_what_docker_allows) {
  const auto filter = builtin_seccomp(seccomp_builtin::docker, docker_caps, foreign_abi::filter);
  EXPECT_EQ(filter.allowed, 295U);
  EXPECT_EQ(errno_under(filter, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), 0);
  EXPECT_EQ(errno_under(filter, SYS_unshare, CLONE_NEWUSER), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_socket, 38, SOCK_STREAM, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_socket, 1L << 32 | 38, SOCK_STREAM, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_clone3, 0, 0), ENOSYS);
  EXPECT_EQ(errno_under(filter, SYS_tee, -1, -1, 1, 0), EBADF);
}

TEST(seccomp_capabilities, open_the_calls_that_need_them) {
  const auto tracer = builtin_seccomp(seccomp_builtin::standard, standard_caps | sys::cap_bit(CAP_SYS_PTRACE));
  EXPECT_EQ(errno_under(tracer, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0), 0);
  EXPECT_EQ(errno_under(tracer, SYS_unshare, CLONE_NEWUSER), EPERM);
  const auto raw = builtin_seccomp(seccomp_builtin::standard, standard_caps | sys::cap_bit(CAP_NET_RAW));
  EXPECT_NE(errno_under(raw, SYS_socket, 17, SOCK_RAW, 0), EACCES);
  EXPECT_EQ(errno_under(raw, SYS_socket, 38, SOCK_RAW, 0), EPERM);
}

TEST(seccomp_json, compiles_a_profile_of_the_users) {
  const auto filter = compile_seccomp(R"({
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
      {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122},
      {"name": "socket", "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
      {"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}]})",
                                      standard_caps);
  EXPECT_EQ(errno_under(filter, SYS_mkdirat, -1, "x", 0700), 122);
  EXPECT_EQ(errno_under(filter, SYS_socket, AF_INET, SOCK_STREAM, 0), EPERM);
  EXPECT_EQ(errno_under(filter, SYS_socket, AF_UNIX, SOCK_STREAM, 0), 0);
}

TEST(seccomp_json, answers_enosys_above_the_calls_it_names) {
  const auto filter = compile_seccomp(R"({
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [{"names": ["exit_group", "rt_sigreturn", "futex_waitv"], "action": "SCMP_ACT_ALLOW"}]})",
                                      standard_caps);
  EXPECT_EQ(filter.allowed, 3U);
  EXPECT_EQ(errno_under(filter, SYS_getpid), EPERM);
  EXPECT_EQ(errno_under(filter, 460), ENOSYS);
}

TEST(seccomp_json, honours_capabilities_in_includes_and_excludes) {
  constexpr auto profile = R"({
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
      {"names": ["mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "includes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["unlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["symlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "includes": {"minKernel": "99.0"}},
      {"names": ["linkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "includes": {"arches": ["s390x"]}}]})";
  const auto plain = compile_seccomp(profile, 0);
  EXPECT_EQ(errno_under(plain, SYS_mkdirat, -1, "x", 0700), EBADF);
  EXPECT_EQ(errno_under(plain, SYS_unlinkat, -1, "x", 0), 7);
  EXPECT_EQ(errno_under(plain, SYS_symlinkat, "x", -1, "y"), EBADF);
  EXPECT_EQ(errno_under(plain, SYS_linkat, -1, "x", -1, "y", 0), EBADF);
  const auto admin = compile_seccomp(profile, sys::cap_bit(CAP_SYS_ADMIN));
  EXPECT_EQ(errno_under(admin, SYS_mkdirat, -1, "x", 0700), 7);
  EXPECT_EQ(errno_under(admin, SYS_unlinkat, -1, "x", 0), EBADF);
}

TEST(seccomp_json, names_the_place_of_a_mistake) {
  const auto subject = [](const char* profile) {
    try {
      (void)compile_seccomp(profile, 0);
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::invalid) << e.what();
      return e.subject();
    }
    return std::string("accepted");
  };
  EXPECT_EQ(subject("{"), "/");
  EXPECT_EQ(subject("[]"), "/");
  EXPECT_EQ(subject(R"({"defaultAction": "SCMP_ACT_SOMETIMES"})"), "/defaultAction");
  EXPECT_EQ(subject(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [3], "action": "SCMP_ACT_KILL"}]})"),
            "/syscalls/0/names");
  EXPECT_EQ(subject(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
              {"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]})"),
            "/syscalls/0/args/0/index");
}

}  // namespace
