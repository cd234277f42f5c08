/* The half of the floor that runs between clone3 and execve.
 *
 * The child shares memory and descriptor table with its parent until exec (CLONE_VM | CLONE_FILES): nothing is copied,
 * the parent goes on building mounts meanwhile, and hands a descriptor over by writing its number. Raw system calls
 * only, since errno would be the parent's too. Order:
 *   1. ids as soon as the maps are written; sysfs entries of a network namespace take their owner when it is made
 *   2. network namespace, the longest step, while the parent makes cgroups, overlay and /dev on the other processor
 *   3. join the cgroups, then the cgroup namespace (its root is the cgroup one is in)
 *   4. superblocks that belong to the new namespaces: proc, sysfs, cgroup, devpts, shm. Before the old root goes: the
 *      kernel lets a user namespace mount proc only while a whole one is visible
 *   5. attach all below the new root, masks, pivot, drop the old root
 *   6. limits, capabilities, no_new_privs, Landlock (after the last mount: it forbids them), seccomp, exec
 */
#pragma once
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include "floor_plan.h"

static void must(struct floor_plan* plan, const char* what, long result) {
  if (result >= 0) return;
  plan->failed_step = what;
  plan->failed = result;
  for (;;) SC(exit, 125, 0, 0, 0, 0, 0);
}
#define MUST(what, call) must(plan, what, (call))

static void write_file(struct floor_plan* plan, const char* path, const char* text, long size) {
  const long fd = SC(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0, 0, 0);
  MUST(path, fd);
  MUST(path, SC(write, fd, text, size, 0, 0, 0));
  SC(close, fd, 0, 0, 0, 0, 0);
}

/* A new superblock as a detached mount. `options` are pairs, ended by NULL. */
static int new_mount(struct floor_plan* plan, const char* type, const char* const* pairs, unsigned attributes) {
  const long fs = SC(fsopen, type, FSOPEN_CLOEXEC, 0, 0, 0, 0);
  MUST(type, fs);
  for (; pairs != NULL && *pairs != NULL; pairs += 2)
    MUST(*pairs, pairs[1] == NULL || *pairs[1] == '\0'
                     ? SC(fsconfig, fs, FSCONFIG_SET_FLAG, pairs[0], 0, 0, 0)
                     : SC(fsconfig, fs, FSCONFIG_SET_STRING, pairs[0], pairs[1], 0, 0));
  MUST(type, SC(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0, 0));
  const long fd = SC(fsmount, fs, FSMOUNT_CLOEXEC, attributes, 0, 0, 0);
  MUST(type, fd);
  SC(close, fs, 0, 0, 0, 0, 0);
  plan->child_fds[plan->child_fd_count++] = (int)fd;
  return (int)fd;
}

static void attach(struct floor_plan* plan, int mount, int dir, const char* path) {
  MUST(path, SC(move_mount, mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH, 0));
}

/* Masked with one bind each, source in the parent's own root, target relative to the fresh proc or sysfs: no path of
 * the image is walked. Paths that this kernel lacks cost one failed lookup. */
static void mask(struct floor_plan* plan) {
  static const char* const proc_files[] = {
      "acpi",       "asound",       "interrupts",    "kcore",         "keys",     "latency_stats",
      "timer_list", "timer_stats",  "sched_debug",   "scsi",          "kallsyms", "modules",
      "kmsg",       "key-users",    "sysrq-trigger", "iomem",         "ioports",  "vmallocinfo",
      "slabinfo",   "pagetypeinfo", "mtrr",          "dynamic_debug", NULL};
  static const char* const sys_dirs[] = {"firmware",        "devices/virtual/powercap",
                                         "kernel/debug",    "kernel/tracing",
                                         "kernel/security", "module",
                                         "fs/bpf",          "fs/pstore",
                                         "fs/selinux",      "power",
                                         "class/dmi",       "devices/virtual/dmi",
                                         "hypervisor",      NULL};
  static const char* const read_only[] = {"bus", "fs", "irq", "sys", NULL};
  for (const char* const* path = proc_files; *path != NULL; path++) {
    long r = SC(mount, plan->null_path, *path, 0, MS_BIND, 0, 0);
    if (r == -ENOTDIR) r = SC(mount, plan->empty_path, *path, 0, MS_BIND, 0, 0);
    if (r != -ENOENT) MUST(*path, r);
  }
  for (const char* const* path = read_only; *path != NULL; path++) {
    const long r = SC(mount, *path, *path, 0, MS_BIND, 0, 0);
    if (r == -ENOENT) continue;
    MUST(*path, r);
    MUST(*path, SC(mount, 0, *path, 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, 0));
  }
  step(&plan->child_log, "masks of /proc, 4 read-only");
  MUST("/sys", SC(chdir, "../sys", 0, 0, 0, 0, 0));
  for (const char* const* path = sys_dirs; *path != NULL; path++) {
    const long r = SC(mount, plan->empty_path, *path, 0, MS_BIND, 0, 0);
    if (r != -ENOENT) MUST(*path, r);
  }
  step(&plan->child_log, "masks of /sys");
}

static void loopback_up(struct floor_plan* plan) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  const long fd = SC(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0, 0);
  MUST("socket", fd);
  MUST("lo up", SC(ioctl, fd, SIOCSIFFLAGS, &request, 0, 0, 0));
  SC(close, fd, 0, 0, 0, 0, 0);
}

static void landlock(struct floor_plan* plan) {
  static const char* const writable[] = {"/dev", "/etc", "/home", "/mnt", "/opt",       "/root", "/run",
                                         "/srv", "/tmp", "/usr",  "/var", "/proc/self", NULL};
  /* The 6.1 headers know ABI 2 only. */
  const struct { uint64_t handled_fs, handled_net, scoped; } attr = {(1u << 15) - 1, 0, 3};
  const uint64_t reading = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  const long ruleset = SC(landlock_create_ruleset, &attr, sizeof attr, 0, 0, 0, 0);
  MUST("landlock", ruleset);
  const char* root = "/";
  for (const char* const* path = &root; path != NULL; path = path == &root     ? writable
                                                             : path[1] != NULL ? path + 1
                                                                               : NULL) {
    const long fd = SC(openat, AT_FDCWD, *path, O_PATH | O_CLOEXEC, 0, 0, 0);
    if (fd == -ENOENT) continue;
    MUST(*path, fd);
    const struct landlock_path_beneath_attr rule = {path == &root ? reading : attr.handled_fs, (int)fd};
    MUST("landlock rule", SC(landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0, 0, 0));
  }
  MUST("landlock", SC(landlock_restrict_self, ruleset, 0, 0, 0, 0, 0));
}

static void drop_capabilities(struct floor_plan* plan) {
  const unsigned kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                        1u << CAP_KILL | 1u << CAP_SETGID | 1u << CAP_SETUID | 1u << CAP_SETPCAP |
                        1u << CAP_NET_BIND_SERVICE;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  const struct __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
  for (long cap = 0; cap <= CAP_LAST_CAP; cap++)
    if (cap > 31 || !(kept >> cap & 1u)) SC(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0, 0);
  MUST("capset", SC(capset, &header, data, 0, 0, 0, 0));
}

static void set_limits(struct floor_plan* plan) {
  const struct rlimit files = {1024, 16384}, core = {1, 1};
  MUST("nofile", SC(prlimit64, 0, RLIMIT_NOFILE, &files, 0, 0, 0));
  MUST("core", SC(prlimit64, 0, RLIMIT_CORE, &core, 0, 0, 0));
}

__attribute__((noreturn, used)) static void floor_child(struct floor_plan* plan) {
  static const char* const shm[] = {"size", "64m", "mode", "1777", NULL};
  static const char* const pts[] = {"mode", "0620", "ptmxmode", "0666", NULL};
  static const char* const memory[] = {"memory", "", NULL};
  static const char* const pids[] = {"pids", "", NULL};
  static const char* const file_paths[generated] = {"etc/hosts", "etc/hostname", "etc/resolv.conf"};
  static const char* const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  const unsigned quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  struct step_log* log = &plan->child_log;
  step(log, "child runs");
  /* Before the ids change: that makes the shared memory undumpable, and the files of /proc/self the host root's. */
  write_file(plan, "/proc/self/oom_score_adj", "300", 3);
  write_file(plan, "/proc/self/timens_offsets", "boottime -1000 0", 16);
  SC(umask, 022, 0, 0, 0, 0, 0);
  MUST("setsid", SC(setsid, 0, 0, 0, 0, 0, 0));
  MUST("sethostname", SC(sethostname, "floor", 5, 0, 0, 0, 0));
  step(log, "oom, time offset, session, hostname");
  await(&plan->ready_maps);
  step(log, "wait for maps");
  MUST("setgroups", SC(setgroups, 0, 0, 0, 0, 0, 0));
  MUST("setresgid", SC(setresgid, 0, 0, 0, 0, 0, 0));
  MUST("setresuid", SC(setresuid, 0, 0, 0, 0, 0, 0));
  MUST("keyring", SC(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0, 0));
  step(log, "ids, keyring");
  if (plan->unshare_net) MUST("unshare net", SC(unshare, CLONE_NEWNET, 0, 0, 0, 0, 0));
  step(log, "network namespace");
  loopback_up(plan);
  step(log, "lo up");
  const int proc = new_mount(plan, "proc", NULL, quiet);
  step(log, "proc");
  const int sys = new_mount(plan, "sysfs", NULL, quiet | MOUNT_ATTR_RDONLY);
  step(log, "sysfs");
  const int devpts = new_mount(plan, "devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  const int dev_shm = new_mount(plan, "tmpfs", shm, quiet);
  step(log, "devpts, shm");
  await(&plan->ready_cgroups);
  step(log, "wait for cgroups");
  if (plan->join_by_child)
    for (int i = 0; i < cgroups; i++) MUST("join cgroup", SC(write, plan->join[i], "0", 1, 0, 0, 0));
  MUST("unshare cgroup", SC(unshare, CLONE_NEWCGROUP, 0, 0, 0, 0, 0));
  step(log, "join cgroups, cgroup namespace");
  const int group_a = plan->unified ? new_mount(plan, "cgroup2", NULL, quiet | MOUNT_ATTR_RDONLY)
                                    : new_mount(plan, "cgroup", memory, quiet | MOUNT_ATTR_RDONLY);
  const int group_b = plan->unified ? -1 : new_mount(plan, "cgroup", pids, quiet | MOUNT_ATTR_RDONLY);
  step(log, "cgroup mounts");
  await(&plan->ready_mounts);
  step(log, "wait for mounts");
  attach(plan, plan->rootfs, AT_FDCWD, "/");
  MUST("new root", SC(fchdir, plan->rootfs, 0, 0, 0, 0, 0));
  attach(plan, proc, plan->rootfs, "proc");
  attach(plan, sys, plan->rootfs, "sys");
  attach(plan, plan->dev, plan->rootfs, "dev");
  attach(plan, devpts, plan->dev, "pts");
  attach(plan, dev_shm, plan->dev, "shm");
  attach(plan, plan->unified ? group_a : plan->cgroup_root, sys, "fs/cgroup");
  if (!plan->unified) {
    attach(plan, group_a, plan->cgroup_root, "memory");
    attach(plan, group_b, plan->cgroup_root, "pids");
  }
  const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  for (int i = 0; i < generated; i++) {
    const long target = SC(openat2, plan->rootfs, file_paths[i], &how, sizeof how, 0, 0);
    MUST(file_paths[i], target);
    plan->child_fds[plan->child_fd_count++] = (int)target;
    MUST(file_paths[i],
         SC(move_mount, plan->files[i], "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, 0));
  }
  step(log, "attach 12 mounts");
  MUST("/proc", SC(fchdir, proc, 0, 0, 0, 0, 0));
  mask(plan);
  MUST("new root", SC(fchdir, plan->rootfs, 0, 0, 0, 0, 0));
  MUST("pivot_root", SC(pivot_root, ".", ".", 0, 0, 0, 0));
  MUST("old root", SC(umount2, ".", MNT_DETACH, 0, 0, 0, 0));
  MUST("/", SC(chdir, "/", 0, 0, 0, 0, 0));
  step(log, "pivot_root, drop old root");
  MUST("close_range", SC(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE, 0, 0, 0));
  const long null = SC(openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0, 0, 0);
  MUST("/dev/null", null);
  MUST("stdin", SC(dup3, null, 0, 0, 0, 0, 0));
  set_limits(plan);
  drop_capabilities(plan);
  MUST("no_new_privs", SC(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0));
  step(log, "fds, limits, capabilities");
  landlock(plan);
  step(log, "landlock");
  MUST("seccomp", SC(seccomp, SECCOMP_SET_MODE_FILTER, 0, &plan->filter, 0, 0, 0));
  step(log, "seccomp");
  MUST("execve", SC(execve, plan->argv[0], plan->argv, environment, 0, 0, 0));
  __builtin_unreachable();
}

/* clone3 with shared memory needs a stack of its own, and must not return in the child. */
__attribute__((naked, noinline)) static long clone3_call(struct clone_args* args, size_t size,
                                                         struct floor_plan* plan) {
  __asm__(
      "mov $435, %eax\n\t"
      "syscall\n\t"
      "test %eax, %eax\n\t"
      "jnz 1f\n\t"
      "xor %ebp, %ebp\n\t"
      "mov %rdx, %rdi\n\t"
      "call floor_child\n\t"
      "1: ret");
  (void)args, (void)size, (void)plan;
}

static void floor_setup_child(struct floor_plan* plan) {
  plan->stack = mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (plan->stack == MAP_FAILED) perror("mmap"), exit(1);
}

static long floor_clone(struct floor_plan* plan, int into_cgroup) {
  plan->tid = 1;
  plan->args =
      (struct clone_args){.flags = plan->flags | CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID | CLONE_CLEAR_SIGHAND,
                          .child_tid = (uint64_t)(uintptr_t)&plan->tid,
                          .exit_signal = SIGCHLD,
                          .stack = (uint64_t)(uintptr_t)plan->stack,
                          .stack_size = stack_bytes};
  if (into_cgroup >= 0) plan->args.flags |= CLONE_INTO_CGROUP, plan->args.cgroup = (uint64_t)into_cgroup;
  return clone3_call(&plan->args, sizeof plan->args, plan);
}
