/* The floor: what the kernel itself asks for one container as contain's default profile makes it, and nothing more.
 *
 * Namespaces (user, mount, pid, net, ipc, uts, cgroup, time), one idmapped mount of the store, overlay, proc, sysfs,
 * cgroup, /dev, masks, read-only paths, three generated files, loopback, limits, 9 capabilities, no_new_privs,
 * Landlock, seccomp, exec, wait, and the removal of everything. No container engine can be faster and give the same
 * isolation, so every figure of contain is a ratio to this one. It looks for the fastest order it can find;
 * floor_child.h says why each step stands where it does.
 *
 *   floor --store DIR --lower NAME [--lower NAME…] [--samples N | --serve] [--pause MS] [--steps] [--bpf FILE]
 * [VARIANT…] -- ARGV…
 *
 * NAME is a directory of the store: an unpacked layer, base first, with the mount points /proc /sys /dev and /etc
 * files.
 *
 * One line a sample: wall nanoseconds, CPU nanoseconds (this process and the container). With --serve a sample runs for
 * each line read from standard input, so that a driver can interleave it with its peers.
 * Variants, each undoing one trick so that its worth can be measured:
 *   --copy-mounts   keep the host's whole mount table (else a namespace of five mounts is what clone copies)
 *   --procs         join v1 cgroups through cgroup.procs by the parent (else the child writes 0 to tasks)
 *   --durable       overlay without "volatile"
 *   --net-in-clone  make the network namespace in clone3 (else the child unshares it while the parent builds mounts)
 *   --same-cpu      leave the new child on its parent's processor, where it waits until the parent sleeps
 *   --defer         remove by one rename; a child of low priority frees the blocks after the sample (on a file system
 * that trims at once, each rmdir sleeps until the disk has answered)
 *   --hold          keep the overlay's superblock until after the wait (its unmount is then the parent's)
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floor_child.h"

enum { id_count = 65536, first_id = 0x40000000, max_lower = 64 };

static struct {
  const char* lower[max_lower];
  int lowers;
  const char* store;
  long samples, pause_ms;
  int serve, steps;
  int copy_mounts, procs, durable, net_in_clone, hold, same_cpu, defer;
} options = {.samples = 100};

static struct floor_plan plan;
static int store_fd;            /* the store inside the small mount namespace */
static int proc_fd;             /* a procfs of the host's pid namespace */
static int cgroup_fds[cgroups]; /* the benchmark's own parent cgroup in each hierarchy, or -1 */
static int unified;             /* 1 when cgroup_fds[0] is a v2 directory */
static struct step_log log_of_parent;

static void die(const char* what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}
#define check(call) ((call) < 0 ? die(#call) : (void)0)

static uint64_t cpu_ns(void) {
  struct rusage self, children;
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  uint64_t us = 0;
  const struct timeval all[] = {self.ru_utime, self.ru_stime, children.ru_utime, children.ru_stime};
  for (int i = 0; i < 4; i++) us += (uint64_t)all[i].tv_sec * 1000000u + (uint64_t)all[i].tv_usec;
  return us * 1000u;
}

static void write_at(int dir, const char* name, const char* text) {
  int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) die(name);
  close(fd);
}

/* ---- once: the parent's own surroundings ---- */

static char own_name[32]; /* of the benchmark's cgroup */
static int hierarchy_fds[cgroups] = {-1, -1};

static void open_hierarchy(int index, const char* mountpoint) {
  check(hierarchy_fds[index] = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  check(mkdirat(hierarchy_fds[index], own_name, 0755));
  check(cgroup_fds[index] = openat(hierarchy_fds[index], own_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void open_cgroups(void) {
  snprintf(own_name, sizeof own_name, "contain-floor-%d", (int)getpid());
  unified = access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0;
  if (!unified) {
    open_hierarchy(0, "/sys/fs/cgroup/memory");
    open_hierarchy(1, "/sys/fs/cgroup/pids");
    return;
  }
  open_hierarchy(0, "/sys/fs/cgroup");
  cgroup_fds[1] = -1;
  write_at(hierarchy_fds[0], "cgroup.subtree_control", "+memory +pids");
  write_at(cgroup_fds[0], "cgroup.subtree_control", "+memory +pids");
}

static void remove_own_cgroups(void) {
  for (int i = 0; i < cgroups; i++)
    if (hierarchy_fds[i] >= 0) unlinkat(hierarchy_fds[i], own_name, AT_REMOVEDIR);
}

/* The masks' covers, a null device and an empty directory, on a read-only tmpfs that every clone gets a copy of. */
static void make_covers(int dir) {
  int fs, covers;
  check(fs = fsopen("tmpfs", FSOPEN_CLOEXEC));
  check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  check(covers = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  check(mknodat(covers, "null", S_IFCHR | 0666, makedev(1, 3)));
  check(mkdirat(covers, "empty", 0555));
  struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
  check(mount_setattr(covers, "", AT_EMPTY_PATH, &read_only, sizeof read_only));
  check(move_mount(covers, "", dir, dir < 0 ? "/mnt" : "mnt", MOVE_MOUNT_F_EMPTY_PATH));
  plan.null_path = "/mnt/null";
  plan.empty_path = "/mnt/empty";
  close(covers);
  close(fs);
}

/* A mount namespace of five mounts: a tmpfs with store, proc, sys and covers on it. clone3(CLONE_NEWNS) copies these
 * instead of the host's; proc and sys must be there, fully visible, or the kernel refuses the container its own
 * (mount_too_revealing). */
static void enter_small_namespace(void) {
  int store, fs, root, proc, sys;
  check(unshare(CLONE_NEWNS));
  check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  check(store = open_tree(AT_FDCWD, options.store, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!options.copy_mounts) {
    check(proc = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    check(sys = open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    check(fs = fsopen("tmpfs", FSOPEN_CLOEXEC));
    check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    check(root = fsmount(fs, FSMOUNT_CLOEXEC, 0));
    check(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
    check(fchdir(root));
    check(mkdir("store", 0700));
    check(mkdir("proc", 0755));
    check(mkdir("sys", 0755));
    check(mkdir("mnt", 0755));
    make_covers(root);
    check(move_mount(store, "", root, "store", MOVE_MOUNT_F_EMPTY_PATH));
    check(move_mount(proc, "", root, "proc", MOVE_MOUNT_F_EMPTY_PATH));
    check(move_mount(sys, "", root, "sys", MOVE_MOUNT_F_EMPTY_PATH));
    check(syscall(SYS_pivot_root, ".", "."));
    check(umount2(".", MNT_DETACH));
    check(chdir("/"));
    check(store_fd = open("/store", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  } else {
    check(store_fd = open(options.store, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    close(store);
    make_covers(AT_FDCWD);
  }
  check(proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* ---- per run: the parent's half ---- */

static int userns_of(int pid, unsigned base) {
  char path[64], map[64];
  snprintf(map, sizeof map, "0 %u %u", base, (unsigned)id_count);
  snprintf(path, sizeof path, "%d", pid);
  int dir, fd;
  check(dir = openat(proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  write_at(dir, "uid_map", map);
  write_at(dir, "gid_map", map);
  check(fd = openat(dir, "ns/user", O_RDONLY | O_CLOEXEC));
  close(dir);
  return fd;
}

/* Overlay makes its work files with the ids of whoever creates it, through the idmapped mount: those must be ids that
 * the map has, or it silently becomes read-only. So the file system ids are the container's root's for this one call;
 * the securebits set in main() keep the capabilities meanwhile. */
static int overlay(int idmapped, const char* id, unsigned base) {
  char path[96];
  int fs, fd;
  check(fs = fsopen("overlay", FSOPEN_CLOEXEC));
  for (int i = options.lowers - 1; i >= 0; i--) {
    check(fd = openat(idmapped, options.lower[i], O_PATH | O_DIRECTORY | O_CLOEXEC));
    check(fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, fd));
    close(fd);
  }
  static const char* const keys[] = {"upperdir", "workdir"};
  static const char* const dirs[] = {"upper", "work"};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", id, dirs[i]);
    check(fd = openat(idmapped, path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    check(fsconfig(fs, FSCONFIG_SET_FD, keys[i], NULL, fd));
    close(fd);
  }
  if (!options.durable) check(fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0));
  setfsgid(base);
  setfsuid(base);
  check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  setfsuid(0);
  setfsgid(0);
  check(fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV));
  close(fs);
  return fd;
}

/* One tmpfs serves as /dev and holds the generated files: a superblock less to make and to destroy. Its nodes are made
 * here because a user namespace may not. All is host root's, and the container's root's through an idmapped mount. */
static int dev_and_files(int userns) {
  static const struct {
    const char* name;
    unsigned minor;
    unsigned major;
  } nodes[] = {{"dev/null", 3, 1},   {"dev/zero", 5, 1},    {"dev/full", 7, 1},
               {"dev/random", 8, 1}, {"dev/urandom", 9, 1}, {"dev/tty", 0, 5}};
  static const char* const links[][2] = {{"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"},
                                         {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"},
                                         {"pts/ptmx", "dev/ptmx"},          {"/proc/kcore", "dev/core"}};
  static const char* const files[generated][2] = {
      {"hosts", "127.0.0.1 localhost\n::1 localhost\n"}, {"hostname", "floor\n"}, {"resolv.conf", "# none\n"}};
  int fs, tree, fd;
  check(fs = fsopen("tmpfs", FSOPEN_CLOEXEC));
  check(fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0));
  check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
  check(tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  close(fs);
  check(mkdirat(tree, "dev", 0755));
  check(mkdirat(tree, "dev/pts", 0755));
  check(mkdirat(tree, "dev/shm", 01777));
  for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++)
    check(mknodat(tree, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
  for (unsigned i = 0; i < sizeof links / sizeof *links; i++) check(symlinkat(links[i][0], tree, links[i][1]));
  for (int i = 0; i < generated; i++) {
    check(fd = openat(tree, files[i][0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    check(write(fd, files[i][1], strlen(files[i][1])));
    close(fd);
  }
  if (!unified) {
    check(mkdirat(tree, "cgroup", 0755));
    check(mkdirat(tree, "cgroup/memory", 0755));
    check(mkdirat(tree, "cgroup/pids", 0755));
  }
  struct mount_attr map = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
  check(mount_setattr(tree, "", AT_EMPTY_PATH, &map, sizeof map));
  for (int i = 0; i < generated; i++)
    check(plan.files[i] = open_tree(tree, files[i][0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  check(plan.dev = open_tree(tree, "dev", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!unified) {
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    check(plan.cgroup_root = open_tree(tree, "cgroup", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    check(mount_setattr(plan.cgroup_root, "", AT_EMPTY_PATH, &read_only, sizeof read_only));
  }
  return tree;
}

static void make_cgroups(const char* id) {
  for (int i = 0; i < cgroups && cgroup_fds[i] >= 0; i++) {
    check(mkdirat(cgroup_fds[i], id, 0755));
    check(plan.cgroup[i] = openat(cgroup_fds[i], id, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (unified || i == 0) write_at(plan.cgroup[i], unified ? "memory.max" : "memory.limit_in_bytes", "1073741824");
    if (unified || i == 1) write_at(plan.cgroup[i], "pids.max", "2048");
    if (!unified)
      check(plan.join[i] = openat(plan.cgroup[i], options.procs ? "cgroup.procs" : "tasks", O_WRONLY | O_CLOEXEC));
  }
}

static void remove_tree(int parent, const char* name) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    _Alignas(struct dirent64) char buffer[4096];
    for (ssize_t n; (n = getdents64(fd, buffer, sizeof buffer)) > 0;)
      for (ssize_t at = 0; at < n;) {
        struct dirent64* entry = (struct dirent64*)(buffer + at);
        at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (entry->d_type == DT_DIR)
          remove_tree(fd, entry->d_name);
        else
          unlinkat(fd, entry->d_name, 0);
      }
    close(fd);
  }
  check(unlinkat(parent, name, AT_REMOVEDIR));
}

static int reaper_fd; /* a pipe to the child that empties the trash */
static char trash_name[32];

static void throw_away(const char* id) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", trash_name, id);
  check(renameat(store_fd, id, store_fd, path));
  char name[32] = {0};
  snprintf(name, sizeof name, "%s", id);
  check(write(reaper_fd, name, sizeof name));
}

static void start_reaper(void) {
  int ends[2];
  snprintf(trash_name, sizeof trash_name, "trash-%d", (int)getpid());
  check(mkdirat(store_fd, trash_name, 0700));
  check(pipe2(ends, O_CLOEXEC));
  const int pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0) {
    close(ends[0]);
    reaper_fd = ends[1];
    return;
  }
  close(ends[1]);
  const struct sched_param none = {0};
  sched_setscheduler(0, SCHED_IDLE, &none);
  int trash;
  check(trash = openat(store_fd, trash_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (char name[32]; read(ends[0], name, sizeof name) == sizeof name;) remove_tree(trash, name);
  _exit(unlinkat(store_fd, trash_name, AT_REMOVEDIR) < 0);
}

static void close_all(int* fds, int count) {
  for (int i = 0; i < count; i++) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
}

/* Some kernels start a new task on its parent's processor whatever the others do. Taking that processor out of its mask
 * moves it while it is still queued; then the mask is put back. */
static void move_to_other_cpu(int pid) {
  cpu_set_t all, others;
  const int cpu = sched_getcpu();
  if (sched_getaffinity(0, sizeof all, &all) < 0 || CPU_COUNT(&all) < 2 || cpu < 0) return;
  others = all;
  CPU_CLR(cpu, &others);
  sched_setaffinity(pid, sizeof others, &others);
  sched_setaffinity(pid, sizeof all, &all);
}

static void run_once(unsigned number) {
  const unsigned base = first_id + number % 4096 * id_count;
  char id[32], path[64];
  int status, tree;
  snprintf(id, sizeof id, "run-%u", number);
  plan.ready_maps = plan.ready_mounts = plan.ready_cgroups = plan.failed = plan.child_fd_count = 0;
  plan.child_log.count = 0;
  log_of_parent.count = 0;
  step(&log_of_parent, "begin");
  if (unified) { /* CLONE_INTO_CGROUP: the directory must be there before the clone */
    make_cgroups(id);
    step(&log_of_parent, "cgroup mkdir + limits");
  }
  plan.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWTIME |
               (options.net_in_clone ? CLONE_NEWNET : 0);
  const int pid = (int)floor_clone(&plan, unified ? plan.cgroup[0] : -1);
  if (pid < 0) errno = -pid, die("clone3");
  if (!options.same_cpu) move_to_other_cpu(pid);
  step(&log_of_parent, "clone3");
  int userns = userns_of(pid, base);
  publish(&plan.ready_maps);
  step(&log_of_parent, "uid_map, gid_map, open userns");
  if (!unified) {
    make_cgroups(id);
    if (options.procs) {
      char text[16];
      snprintf(text, sizeof text, "%d", pid);
      for (int i = 0; i < cgroups; i++) check(write(plan.join[i], text, strlen(text)));
    }
    step(&log_of_parent, options.procs ? "cgroup mkdir + limits + procs" : "cgroup mkdir + limits");
  }
  publish(&plan.ready_cgroups);
  check(mkdirat(store_fd, id, 0700));
  snprintf(path, sizeof path, "%s/upper", id);
  check(mkdirat(store_fd, path, 0755));
  snprintf(path, sizeof path, "%s/work", id);
  check(mkdirat(store_fd, path, 0700));
  step(&log_of_parent, "mkdir upper, work");
  int idmapped;
  check(idmapped = open_tree(store_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
  check(mount_setattr(idmapped, "", AT_EMPTY_PATH, &attr, sizeof attr));
  step(&log_of_parent, "idmapped clone of the store");
  plan.rootfs = overlay(idmapped, id, base);
  step(&log_of_parent, "overlay");
  tree = dev_and_files(userns);
  step(&log_of_parent, "tmpfs: /dev nodes, 3 files");
  publish(&plan.ready_mounts);
  close(idmapped);
  close(userns);
  close(tree);
  /* The table is shared until the child has its own, just before exec; then everything in it is the parent's to close,
   * also what the child opened. */
  await_exec(&plan.tid);
  if (!options.hold) close_all(&plan.rootfs, 1);
  close_all(&plan.dev, 1);
  if (!unified) close_all(&plan.cgroup_root, 1);
  close_all(plan.child_fds, plan.child_fd_count);
  close_all(plan.files, generated);
  close_all(plan.cgroup, cgroups);
  if (!unified) close_all(plan.join, cgroups);
  step(&log_of_parent, "until exec, close fds");
  check(waitpid(pid, &status, __WALL));
  step(&log_of_parent, "wait");
  if (options.hold) close_all(&plan.rootfs, 1);
  for (int i = 0; i < cgroups && cgroup_fds[i] >= 0; i++)
    while (unlinkat(cgroup_fds[i], id, AT_REMOVEDIR) < 0)
      if (errno != EBUSY) die("rmdir cgroup");
  step(&log_of_parent, "rmdir cgroups");
  if (options.defer)
    throw_away(id);
  else
    remove_tree(store_fd, id);
  step(&log_of_parent, "remove upper");
  if (plan.failed) {
    errno = -plan.failed;
    fprintf(stderr, "floor: step %s: ", plan.failed_step);
    die("child");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fprintf(stderr, "floor: status %x\n", (unsigned)status);
}

static void parse(int argc, char** argv) {
  static const struct option long_options[] = {{"lower", required_argument, NULL, 'l'},
                                               {"store", required_argument, NULL, 's'},
                                               {"samples", required_argument, NULL, 'n'},
                                               {"pause", required_argument, NULL, 'p'},
                                               {"bpf", required_argument, NULL, 'b'},
                                               {"serve", no_argument, &options.serve, 1},
                                               {"steps", no_argument, &options.steps, 1},
                                               {"copy-mounts", no_argument, &options.copy_mounts, 1},
                                               {"procs", no_argument, &options.procs, 1},
                                               {"durable", no_argument, &options.durable, 1},
                                               {"net-in-clone", no_argument, &options.net_in_clone, 1},
                                               {"defer", no_argument, &options.defer, 1},
                                               {"same-cpu", no_argument, &options.same_cpu, 1},
                                               {"hold", no_argument, &options.hold, 1},
                                               {NULL, 0, NULL, 0}};
  for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) switch (c) {
      case 'l':
        options.lower[options.lowers++] = optarg;
        break;
      case 's':
        options.store = optarg;
        break;
      case 'n':
        options.samples = atol(optarg);
        break;
      case 'p':
        options.pause_ms = atol(optarg);
        break;
      case 'b':
        floor_load_filter(&plan, optarg);
        break;
      case 0:
        break;
      default:
        exit(2);
    }
  if (options.lowers == 0 || options.store == NULL || optind == argc) {
    fprintf(stderr, "usage: floor --lower DIR --store DIR [options] -- ARGV…\n");
    exit(2);
  }
  plan.argv = argv + optind;
}

int main(int argc, char** argv) {
  parse(argc, argv);
  if (plan.filter.len == 0) floor_make_filter(&plan);
  umask(0);
  check(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
  open_cgroups();
  atexit(remove_own_cgroups);
  enter_small_namespace();
  if (options.defer) start_reaper();
  floor_setup_child(&plan);
  plan.unshare_net = !options.net_in_clone;
  plan.join_by_child = !options.procs && !unified;
  plan.unified = unified;
  char line[16];
  for (unsigned i = 0; options.serve ? fgets(line, sizeof line, stdin) != NULL : i < options.samples; i++) {
    if (options.pause_ms > 0) usleep((useconds_t)options.pause_ms * 1000u);
    const uint64_t cpu = cpu_ns(), start = now_ns();
    run_once(i);
    const uint64_t wall = now_ns() - start;
    printf("%lu %lu\n", wall, cpu_ns() - cpu);
    fflush(stdout);
    if (options.steps) {
      print_steps("parent", &log_of_parent, start);
      print_steps("child", &plan.child_log, start);
    }
  }
  return 0;
}
