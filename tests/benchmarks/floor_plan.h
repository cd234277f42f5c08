/* What the floor's two halves share: the plan, raw system calls, waiting by futex, a log of steps, the seccomp filter.
 */
#pragma once
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "the floor is written for x86_64"
#endif

enum { cgroups = 2, generated = 3, stack_bytes = 64 << 10 };

struct step_log {
  int count;
  struct {
    const char* name;
    uint64_t at;
  } entries[48];
};

struct floor_plan {
  uint64_t flags; /* of clone3, without those that are always there */
  char* const* argv;
  struct sock_fprog filter;
  int cgroup[cgroups], join[cgroups]; /* directories; v1 files to join through, or -1 */
  int rootfs, dev, cgroup_root, files[generated];
  int child_fds[16], child_fd_count; /* what the child left open in the shared table */
  int unshare_net, join_by_child, unified;
  const char *null_path, *empty_path; /* covers of masked paths, in the parent's mount namespace */
  struct clone_args args;
  void* stack;
  _Atomic uint32_t ready_maps, ready_cgroups, ready_mounts, tid;
  struct step_log child_log;
  const char* volatile failed_step;
  volatile long failed;
};

static inline long sc(long nr, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define SC(name, a, b, c, d, e, f) sc(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void step(struct step_log* log, const char* name) {
  log->entries[log->count].name = name;
  log->entries[log->count++].at = now_ns();
}

static void print_steps(const char* who, const struct step_log* log, uint64_t start) {
  for (int i = 0; i < log->count; i++) {
    const uint64_t before = i == 0 ? start : log->entries[i - 1].at;
    printf("  %s\t%s\t%.1f\t%.1f\n", who, log->entries[i].name, (double)(log->entries[i].at - start) / 1e3,
           (double)(log->entries[i].at - before) / 1e3);
  }
}

static inline void publish(_Atomic uint32_t* word) {
  *word = 1;
  SC(futex, word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
static inline void await(_Atomic uint32_t* word) {
  while (*word == 0) SC(futex, word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
}
/* The kernel clears the word and wakes (not privately) when the child leaves the shared memory: at exec or exit. */
static inline void await_exec(_Atomic uint32_t* tid) {
  for (uint32_t seen; (seen = *tid) != 0;) SC(futex, tid, FUTEX_WAIT, seen, 0, 0, 0);
}

/* Classic BPF: the native ABI only, a binary search over the allowed ranges, ENOSYS otherwise, and argument checks of
 * socket() and clone() as the default profile has them. About as long as a compiled profile of 280 calls. */
static struct sock_filter* emit_ranges(struct sock_filter* out, const unsigned (*range)[2], int count) {
  if (count == 1) {
    *out++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, range[0][0], 0, 1);
    *out++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, range[0][1], 0, 1);
    *out++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    *out++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return out;
  }
  struct sock_filter* jump = out++; /* jt reaches 255 instructions only: a long jump follows */
  struct sock_filter* far = out++;
  out = emit_ranges(out, range, count / 2);
  *jump = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, range[count / 2][0], 0, 1);
  *far = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (unsigned)(out - far - 1));
  return emit_ranges(out, range + count / 2, count - count / 2);
}

static void floor_make_filter(struct floor_plan* plan) {
  static const unsigned short denied[] = {SYS_ptrace,
                                          SYS_syslog,
                                          SYS_uselib,
                                          SYS_ustat,
                                          SYS_sysfs,
                                          SYS_vhangup,
                                          SYS_modify_ldt,
                                          SYS_pivot_root,
                                          SYS__sysctl,
                                          SYS_adjtimex,
                                          SYS_chroot,
                                          SYS_acct,
                                          SYS_settimeofday,
                                          SYS_mount,
                                          SYS_umount2,
                                          SYS_swapon,
                                          SYS_swapoff,
                                          SYS_reboot,
                                          SYS_sethostname,
                                          SYS_setdomainname,
                                          SYS_iopl,
                                          SYS_ioperm,
                                          SYS_create_module,
                                          SYS_init_module,
                                          SYS_delete_module,
                                          SYS_get_kernel_syms,
                                          SYS_query_module,
                                          SYS_quotactl,
                                          SYS_nfsservctl,
                                          SYS_getpmsg,
                                          SYS_putpmsg,
                                          SYS_afs_syscall,
                                          SYS_tuxcall,
                                          SYS_security,
                                          SYS_set_thread_area,
                                          SYS_get_thread_area,
                                          SYS_lookup_dcookie,
                                          SYS_epoll_ctl_old,
                                          SYS_epoll_wait_old,
                                          SYS_remap_file_pages,
                                          SYS_clock_settime,
                                          SYS_vserver,
                                          SYS_mbind,
                                          SYS_set_mempolicy,
                                          SYS_get_mempolicy,
                                          SYS_kexec_load,
                                          SYS_add_key,
                                          SYS_request_key,
                                          SYS_keyctl,
                                          SYS_migrate_pages,
                                          SYS_unshare,
                                          SYS_tee,
                                          SYS_vmsplice,
                                          SYS_move_pages,
                                          SYS_perf_event_open,
                                          SYS_fanotify_init,
                                          SYS_fanotify_mark,
                                          SYS_name_to_handle_at,
                                          SYS_open_by_handle_at,
                                          SYS_clock_adjtime,
                                          SYS_setns,
                                          SYS_process_vm_readv,
                                          SYS_process_vm_writev,
                                          SYS_kcmp,
                                          SYS_finit_module,
                                          SYS_kexec_file_load,
                                          SYS_bpf,
                                          SYS_userfaultfd};
  static struct sock_filter code[2048];
  static unsigned ranges[100][2];
  const unsigned data_nr = offsetof(struct seccomp_data, nr), data_arg0 = offsetof(struct seccomp_data, args[0]);
  int count = 0;
  unsigned next = 0;
  for (unsigned i = 0; i < sizeof denied / sizeof *denied; next = denied[i++] + 1u) /* sorted by number */
    if (denied[i] > next) ranges[count][0] = next, ranges[count++][1] = denied[i] - 1u;
  ranges[count][0] = next, ranges[count++][1] = SYS_rseq; /* up to where the numbers of all architectures meet */
  ranges[count][0] = SYS_close_range, ranges[count++][1] = SYS_pidfd_getfd - 1;
  ranges[count][0] = SYS_faccessat2, ranges[count++][1] = SYS_epoll_pwait2;
  ranges[count][0] = SYS_landlock_create_ruleset, ranges[count++][1] = SYS_landlock_restrict_self;
  struct sock_filter head[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data_nr),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 7),
                               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data_arg0),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 4, 0),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 3, 0),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 2, 0),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
                               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data_arg0),
                               BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7E020000, 0, 1),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  memcpy(code, head, sizeof head);
  struct sock_filter* end = emit_ranges(code + sizeof head / sizeof *head, (const unsigned(*)[2])ranges, count);
  plan->filter = (struct sock_fprog){.len = (unsigned short)(end - code), .filter = code};
}

static void floor_load_filter(struct floor_plan* plan, const char* path) {
  static struct sock_filter code[BPF_MAXINSNS];
  FILE* file = fopen(path, "rb");
  if (file == NULL) perror(path), exit(2);
  plan->filter =
      (struct sock_fprog){.len = (unsigned short)fread(code, sizeof *code, BPF_MAXINSNS, file), .filter = code};
  fclose(file);
}
