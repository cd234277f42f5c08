// The built-in system call profiles as data. Names are Linux's; a name that an architecture lacks is passed over there.
//
// Three answers for what is not allowed: EPERM for calls that are known and denied, ENOSYS for numbers nobody knew when
// this was written (a libc then falls back to older calls), EINVAL for vmsplice and tee (programs fall back to
// copying).
#pragma once
#include <linux/audit.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "contain/sys/caps.hpp"

namespace contain::runtime::seccomp_rules {

/// Allowed whatever the arguments, in both profiles: 272 calls of x86-64's. Lists are names with a blank between.
inline constexpr std::string_view always =
    "accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown clock_adjtime "
    "clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 "
    "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat "
    "exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl "
    "fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex "
    "futex_waitv futimesat get_robust_list getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups "
    "getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit "
    "getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init "
    "inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioprio_get "
    "ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat "
    "listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise membarrier memfd_create mincore mkdir "
    "mkdirat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend "
    "mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat open openat "
    "openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl "
    "pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv "
    "recvfrom recvmmsg recvmsg removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction "
    "rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
    "sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
    "sched_yield seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto set_robust_list "
    "set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid "
    "setreuid setrlimit setsid setsockopt setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd "
    "signalfd4 splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tgkill time "
    "timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime "
    "timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid "
    "write writev";

/// The same calls as 32-bit ABIs name them.
inline constexpr std::string_view always_32bit =
    "_llseek _newselect chown32 clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 "
    "fadvise64_64 arm_fadvise64_64 sync_file_range2 arm_sync_file_range cacheflush breakpoint set_tls fchown32 "
    "fcntl64 fstat64 fstatat64 fstatfs64 ftruncate64 futex_time64 getegid32 geteuid32 getgid32 getgroups32 "
    "getresgid32 getresuid32 getuid32 io_pgetevents_time64 ipc lchown32 lstat64 mmap2 mq_timedreceive_time64 "
    "mq_timedsend_time64 nice oldfstat oldlstat oldolduname oldstat olduname ppoll_time64 pselect6_time64 readdir "
    "recv recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 semtimedop_time64 send sendfile64 "
    "setfsgid32 setfsuid32 setgid32 setgroups32 setregid32 setresgid32 setresuid32 setreuid32 setuid32 sgetmask "
    "signal sigaction sigpending sigprocmask sigreturn sigsuspend ssetmask stat64 statfs64 timer_gettime64 "
    "timer_settime64 timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit utimensat_time64 waitpid";

/// Allowed by docker only: debugging (ptrace…), old ABIs, page cache tricks (CVE-2022-0847), file handles that need no
/// path, and what no program of the official images calls.
inline constexpr std::string_view docker_only =
    "epoll_ctl_old epoll_wait_old fanotify_mark get_thread_area memfd_secret modify_ldt "
    "name_to_handle_at process_mrelease process_vm_readv process_vm_writev ptrace remap_file_pages set_thread_area "
    "tee vmsplice";

struct cap_rule {
  unsigned capability;
  std::string_view names;
};

/// Calls that a capability opens, in both profiles: without it they would fail in the kernel anyway.
inline constexpr cap_rule by_capability[] = {
    {CAP_DAC_READ_SEARCH, "open_by_handle_at name_to_handle_at"},
    {CAP_SYS_ADMIN,
     "bpf clone clone3 fanotify_init fanotify_mark fsconfig fsmount fsopen fspick lookup_dcookie mount "
     "mount_setattr move_mount open_tree perf_event_open pivot_root quotactl quotactl_fd setdomainname sethostname "
     "setns swapoff swapon syslog umount umount2 unshare"},
    {CAP_SYS_BOOT, "reboot"},
    {CAP_SYS_CHROOT, "chroot"},
    {CAP_SYS_MODULE, "delete_module init_module finit_module"},
    {CAP_SYS_PACCT, "acct"},
    {CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise process_mrelease process_vm_readv process_vm_writev ptrace"},
    {CAP_SYS_RAWIO, "iopl ioperm"},
    {CAP_SYS_TIME, "settimeofday stime clock_settime clock_settime64"},
    {CAP_SYS_TTY_CONFIG, "vhangup"},
    {CAP_SYS_NICE, "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node"},
    {CAP_SYSLOG, "syslog"},
    {CAP_BPF, "bpf"},
    {CAP_PERFMON, "perf_event_open"},
};

/// Socket families (AF_x) that a capability opens in the default profile, and netlink protocols (NETLINK_x) beyond
/// ROUTE.
struct family_rule {
  unsigned capability;
  std::uint32_t family;
};
inline constexpr family_rule families_by_capability[] = {{CAP_NET_RAW, 17 /* PACKET */}};
struct netlink_rule {
  unsigned capability;
  std::uint32_t protocol;
};
inline constexpr netlink_rule netlink_by_capability[] = {{CAP_AUDIT_WRITE, 9 /* AUDIT */},
                                                         {CAP_NET_ADMIN, 4 /* SOCK_DIAG */},
                                                         {CAP_NET_ADMIN, 6 /* XFRM */},
                                                         {CAP_NET_ADMIN, 12 /* NETFILTER */},
                                                         {CAP_NET_ADMIN, 16 /* GENERIC */}};

/// personality(2) values: Linux, 32-bit uname, and "which is it now".
inline constexpr std::array<std::uint32_t, 5> personalities = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

/// Numbers from 424 on are the same on every architecture. Those from first_newer on are filtered by number, since the
/// libseccomp at hand may not know their names; what is not in a range below answers ENOSYS.
inline constexpr std::uint32_t first_newer = 451;
struct number_range {
  std::uint32_t first, last;
};
inline constexpr number_range newer[] = {
    {452, 458},  // fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount
    {462, 466},  // mseal setxattrat getxattrat listxattrat removexattrat
};

/// What the hand-made start of a program must know of an ABI.
struct abi {
  std::uint32_t audit_arch;
  std::uint32_t ioctl;          ///< its number
  number_range never_used;      ///< a hole in the numbers, ENOSYS; {0, 0} = none
  number_range traced;          ///< allowed though nameless: calls the kernel's own trampolines make
  std::uint32_t foreign_bit;    ///< set in the numbers of a second ABI with the same audit_arch; 0 = none
  std::uint32_t foreign_ioctl;  ///< of that ABI
  std::uint32_t socketcall;     ///< one call for all of sockets, its arguments in memory; 0 = none
};
/// x86-64 has uretprobe and uprobe at 335 and 336: a program that the host traces dies without them.
inline constexpr abi x86_64{AUDIT_ARCH_X86_64, 16, {337, 423}, {335, 336}, 0x40000000, 0x40000000 + 514, 0};
inline constexpr abi i386{AUDIT_ARCH_I386, 54, {0, 0}, {0, 0}, 0, 0, 102};
inline constexpr abi aarch64{AUDIT_ARCH_AARCH64, 29, {295, 423}, {0, 0}, 0, 0, 0};
inline constexpr abi arm{AUDIT_ARCH_ARM, 54, {0, 0}, {0, 0}, 0, 0, 0};

}  // namespace contain::runtime::seccomp_rules
