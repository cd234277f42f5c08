// The mounts of a container, seen from the child: everything is built detached and attached by descriptor.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "child.hpp"

namespace contain::runtime::sv {
namespace {

constexpr unsigned max_mounts = 128;
constexpr unsigned hardened = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// Detached mounts built before the root arrives; index = plan.mounts. The child is one short-lived thread.
int built[max_mounts];
int scratch = -1;  // a tmpfs of the container's own, for the generated files
int proc_mount = -1, sysfs_mount = -1;

int open_beneath(int dir, const char* path, std::uint64_t flags, std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how));
}

/// A new file system of `type`, mounted nowhere. Options are pairs of key and value; a null value is a flag.
int new_filesystem(const char* type, const char* const* options, unsigned attributes) noexcept {
  const int context = ::fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  (void)::fsconfig(context, FSCONFIG_SET_STRING, "source", type, 0);  // what df and mount show
  for (; options != nullptr && options[0] != nullptr; options += 2) {
    const auto command = options[1] == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    if (::fsconfig(context, command, options[0], options[1], 0) != 0) return ::close(context), -1;
  }
  int fd = -1;
  if (::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
    fd = ::fsmount(context, FSMOUNT_CLOEXEC, attributes);
  const int saved = errno;
  ::close(context);
  errno = saved;
  return fd;
}

int attach(int mount, int target) noexcept {
  return ::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int clone_at(int dir, const char* path) noexcept {
  return ::open_tree(dir, path,
                     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW |
                         static_cast<unsigned>(*path == '\0' ? AT_EMPTY_PATH : 0));
}

int make_readonly(int mount) noexcept {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return ::mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

char* octal(char* at, unsigned value) noexcept {
  char digits[12];
  int n = 0;
  do digits[n++] = static_cast<char>('0' + (value & 7U));
  while ((value >>= 3U) != 0);
  while (n > 0) *at++ = digits[--n];
  *at = '\0';
  return at;
}

char* decimal(char* at, std::uint64_t value) noexcept {
  char digits[24];
  int n = 0;
  do digits[n++] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  while (n > 0) *at++ = digits[--n];
  *at = '\0';
  return at;
}

int new_tmpfs(unsigned mode, std::uint64_t size, unsigned attributes) noexcept {
  char mode_text[16], size_text[24];
  octal(mode_text, mode);
  decimal(size_text, size);
  const char* options[] = {"mode", mode_text, "size", size_text, nullptr};
  if (size == 0) options[2] = nullptr;
  return new_filesystem("tmpfs", options, attributes);
}

/// What kind of thing a mount needs to stand on.
enum class target_kind : bool { directory, file };

/// Opens `path` in the container's root, making what is missing. Symbolic links of the image are followed inside the
/// root only; the system's own mounts (`resolve` = no links) refuse them (CVE-2019-19921, CVE-2026-41579).
int open_target(int root, const char* path, target_kind kind, std::uint64_t resolve) noexcept {
  if (*path == '\0') return errno = EINVAL, -1;
  int fd = open_beneath(root, path, O_PATH, resolve);
  if (fd >= 0 || errno != ENOENT) return fd;
  char part[4096];
  const std::size_t length = std::strlen(path);
  if (length >= sizeof part) return errno = ENAMETOOLONG, -1;
  int dir = ::fcntl(root, F_DUPFD_CLOEXEC, 3);
  for (std::size_t start = 0, i = 0; i <= length && dir >= 0; ++i) {
    if (path[i] != '/' && path[i] != '\0') continue;
    const bool last = path[i] == '\0';
    std::memcpy(part, path + start, i - start);
    part[i - start] = '\0';
    start = i + 1;
    if (*part == '\0' || std::strcmp(part, ".") == 0) continue;
    if (std::strcmp(part, "..") == 0) return ::close(dir), errno = EINVAL, -1;
    int next = -1;
    if (last && kind == target_kind::file) {
      next = ::openat(dir, part, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0644);
    } else if (::mkdirat(dir, part, 0755) == 0 || errno == EEXIST) {
      // IN_ROOT is relative to `dir` here: an absolute link of a parent would land too deep, so parents are opened by
      // their full path from the root instead.
      char whole[4096];
      std::memcpy(whole, path, i);
      whole[i] = '\0';
      next = open_beneath(root, whole, O_PATH | O_DIRECTORY, resolve);
    }
    const int saved = errno;
    ::close(dir);
    errno = saved;
    dir = next;
  }
  return dir;
}

step make_scratch(const launch_plan& plan) noexcept {
  if (plan.files.size == 0) return step::none;
  scratch = new_tmpfs(0755, 4U << 20U, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (scratch < 0) return step::mount_tmpfs;
  char name[16];
  unsigned n = 0;
  for (const auto& file : plan.files) {
    decimal(name, n++);
    const int fd = ::openat(scratch, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) return step::generated_file;
    const char* text = file.content.get();
    const std::size_t size = std::strlen(text);
    const bool whole = ::write(fd, text, size) == static_cast<ssize_t>(size) && ::fchmod(fd, 0644) == 0;
    ::close(fd);
    if (!whole) return step::generated_file;
  }
  return step::none;
}

step attach_files(const launch_plan& plan, int root) noexcept {
  if (plan.files.size == 0) return step::none;
  // A clone may only be made of what hangs in this mount namespace (before Linux 6.15), so the scratch file system is
  // attached in the old root first; it goes with it.
  if (::move_mount(scratch, "", AT_FDCWD, "/scratch", MOVE_MOUNT_F_EMPTY_PATH) != 0) return step::attach_mount;
  char name[16];
  unsigned n = 0;
  for (const auto& file : plan.files) {
    decimal(name, n++);
    const int target =
        open_target(root, file.destination.get(), target_kind::file, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (target < 0) {
      if (errno == EROFS || errno == ENOTDIR) continue;  // an image without a directory /etc goes without
      return step::generated_file;
    }
    const int copy = clone_at(scratch, name);
    const bool done = copy >= 0 && attach(copy, target) == 0;
    const int saved = errno;
    ::close(copy);
    ::close(target);
    errno = saved;
    if (!done) return step::generated_file;
  }
  return step::none;
}

/// Version 1 mounts need one tmpfs and a directory for each hierarchy; version 2 is one mount. Both need the cgroup
/// namespace to be new already.
step attach_cgroups(const launch_plan& plan, const plan_mount& mount, int target) noexcept {
  if (plan.cgroup_controllers.size == 0) {
    const int fd = new_filesystem("cgroup2", nullptr, hardened | mount.attributes);
    const bool done = fd >= 0 && attach(fd, target) == 0;
    return done ? step::none : step::mount_cgroup;
  }
  const int base = new_tmpfs(0755, 64U << 10U, hardened);
  if (base < 0 || attach(base, target) != 0) return step::mount_cgroup;
  for (const auto& controllers : plan.cgroup_controllers) {
    const char* name = controllers.get();
    char buffer[128];
    const char* options[16] = {};
    unsigned n = 0;
    std::strncpy(buffer, name, sizeof buffer - 1);
    buffer[sizeof buffer - 1] = '\0';
    for (char* at = buffer; at != nullptr && n + 2 < 16;) {
      char* comma = std::strchr(at, ',');
      if (comma != nullptr) *comma++ = '\0';
      options[n] = at;
      n += 2;
      at = comma;
    }
    if (::mkdirat(base, name, 0755) != 0) return step::mount_cgroup;
    const int inner = ::openat(base, name, O_PATH | O_CLOEXEC);
    const int fd = new_filesystem("cgroup", options, hardened | mount.attributes);
    const bool done = inner >= 0 && fd >= 0 && attach(fd, inner) == 0;
    const int saved = errno;
    ::close(inner);
    ::close(fd);
    errno = saved;
    if (!done) return step::mount_cgroup;
  }
  if (make_readonly(base) != 0) return step::mount_cgroup;
  ::close(base);
  return step::none;
}

step attach_dev(const launch_plan& plan, int root, int dev) noexcept {
  const int target = open_target(root, "dev", target_kind::directory, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  if (target < 0) return step::open_target;
  if (attach(dev, target) != 0) return step::attach_mount;
  ::close(target);
  if ((plan.flags & plan_all_devices) != 0) return step::none;
  const char* with_group[] = {"ptmxmode", "0666", "mode", "0620", "gid", "5", nullptr};
  const char* without[] = {"ptmxmode", "0666", "mode", "0620", nullptr};
  int pts = new_filesystem("devpts", with_group, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  // EINVAL: group 5 (tty) is not mapped in this user namespace.
  if (pts < 0 && errno == EINVAL) pts = new_filesystem("devpts", without, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  const int at = ::openat(dev, "pts", O_PATH | O_CLOEXEC);
  const bool done = pts >= 0 && at >= 0 && attach(pts, at) == 0;
  const int saved = errno;
  ::close(pts);
  ::close(at);
  errno = saved;
  return done ? step::none : step::mount_devpts;
}

/// Stands at the root of the procfs or sysfs that was just mounted: a path of the cover lists is looked up from there,
/// in a file system of the kernel's, and nothing of the image is on the way.
bool stand_at(plan_cover::base under) noexcept {
  const int base = under == plan_cover::base::proc ? proc_mount : sysfs_mount;
  return base >= 0 && ::fchdir(base) == 0;
}

bool absent(int sys_errno) noexcept { return sys_errno == ENOENT || sys_errno == ENOTDIR; }

step cover_paths(const launch_plan& plan) noexcept {
  // mount(2) and not the newer calls: one system call a path. "/dev/null" (1:3) and "/empty" are the supervisor's own.
  // Which of the two is asked first: a mount that fails takes back its clone and waits for an RCU grace period over it,
  // 40 to 400 us on Linux 6.18.
  for (const auto& cover : plan.masked) {
    if (!stand_at(cover.under)) continue;
    const char* path = cover.path.get();
    struct stat st {};
    if (::stat(path, &st) != 0) {
      if (absent(errno) || errno == EACCES) continue;
      return step::mask_path;
    }
    if (::mount(S_ISDIR(st.st_mode) ? "/empty" : "/dev/null", path, nullptr, MS_BIND, nullptr) != 0)
      return step::mask_path;
  }
  constexpr unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  for (const auto& cover : plan.readonly) {
    if (!stand_at(cover.under)) continue;
    const char* path = cover.path.get();
    if (::mount(path, path, nullptr, MS_BIND, nullptr) != 0) {
      if (absent(errno)) continue;
      return step::readonly_path;
    }
    if (::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) != 0) return step::readonly_path;
  }
  return ::chdir("/") == 0 ? step::none : step::readonly_path;
}

int build(const plan_mount& mount) noexcept {
  switch (mount.kind) {
    case plan_mount_kind::proc:
      return new_filesystem("proc", nullptr, hardened | mount.attributes);
    case plan_mount_kind::sysfs: {
      const int fd = new_filesystem("sysfs", nullptr, hardened | mount.attributes);
      // A user namespace may mount a new sysfs only for a network namespace of its own; with the host's network it gets
      // a read-only clone of the supervisor's.
      if (fd >= 0 || errno != EPERM) return fd;
      const int copy = clone_at(AT_FDCWD, "/sys");
      if (copy >= 0 && make_readonly(copy) != 0) return ::close(copy), -1;
      return copy;
    }
    case plan_mount_kind::tmpfs:
      return new_tmpfs(mount.mode, mount.size_bytes, mount.attributes);
    case plan_mount_kind::mqueue:
      return new_filesystem("mqueue", nullptr, hardened | mount.attributes);
    case plan_mount_kind::bind:
    case plan_mount_kind::cgroup:
      break;
  }
  return -2;  // comes later
}

step step_of(plan_mount_kind kind) noexcept {
  switch (kind) {
    case plan_mount_kind::proc:
      return step::mount_proc;
    case plan_mount_kind::sysfs:
      return step::mount_sysfs;
    case plan_mount_kind::tmpfs:
      return step::mount_tmpfs;
    case plan_mount_kind::mqueue:
      return step::mount_mqueue;
    case plan_mount_kind::cgroup:
      return step::mount_cgroup;
    case plan_mount_kind::bind:
      return step::attach_mount;
  }
  return step::attach_mount;
}

step attach_one(child_context& c, const plan_mount& mount, int detached, int root) noexcept {
  const bool system = mount.kind != plan_mount_kind::bind && mount.kind != plan_mount_kind::tmpfs;
  const auto resolve =
      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | static_cast<std::uint64_t>(system ? RESOLVE_NO_SYMLINKS : 0);
  int source = detached;
  auto kind = target_kind::directory;
  if (mount.kind == plan_mount_kind::bind) {
    source = c.fds[mount.fd_index];
    struct stat st {};
    if (::fstat(source, &st) != 0) return step::attach_mount;
    if (!S_ISDIR(st.st_mode)) kind = target_kind::file;
  }
  const int target = open_target(root, mount.destination.get(), kind, resolve);
  if (target < 0) return step::open_target;
  step result = step::none;
  if (mount.kind == plan_mount_kind::cgroup)
    result = attach_cgroups(*c.plan, mount, target);
  else if (attach(source, target) != 0)
    result = step::attach_mount;
  const int saved = errno;
  ::close(target);
  errno = saved;
  return result;
}

}  // namespace

step build_mounts(child_context& c) noexcept {
  if (c.plan->mounts.size > max_mounts) return errno = E2BIG, step::attach_mount;
  unsigned i = 0;
  for (const auto& mount : c.plan->mounts) {
    const int fd = build(mount);
    if (fd == -1) return step_of(mount.kind);
    if (mount.kind == plan_mount_kind::proc) proc_mount = fd;
    if (mount.kind == plan_mount_kind::sysfs) sysfs_mount = fd;
    built[i++] = fd;
  }
  return make_scratch(*c.plan);
}

step attach_mounts(child_context& c, int root, int dev) noexcept {
  const launch_plan& plan = *c.plan;
  if (::move_mount(root, "", AT_FDCWD, "/root", MOVE_MOUNT_F_EMPTY_PATH) != 0) return step::attach_root;
  if (step s = attach_dev(plan, root, dev); s != step::none) return s;
  unsigned i = 0;
  for (const auto& mount : plan.mounts) {
    if (step s = attach_one(c, mount, built[i++], root); s != step::none) return s;
  }
  if (step s = attach_files(plan, root); s != step::none) return s;
  if (step s = cover_paths(plan); s != step::none) return s;
  if ((plan.flags & plan_root_readonly) != 0 && make_readonly(root) != 0) return step::readonly_root;
  return step::none;
}

step open_terminal(child_context& c, int* master, int* slave) noexcept {
  // TIOCGPTPEER opens the other end without a path: the image cannot put itself in between (CVE-2025-52565).
  const int m = ::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (m < 0) return step::open_terminal;
  int unlock = 0;
  if (::ioctl(m, TIOCSPTLCK, &unlock) != 0) return step::open_terminal;
  const int s = ::ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (s < 0) return step::open_terminal;
  if (c.plan->rows != 0) {
    winsize size{};
    size.ws_row = c.plan->rows;
    size.ws_col = c.plan->columns;
    (void)::ioctl(s, TIOCSWINSZ, &size);
  }
  if ((c.plan->flags & plan_is_exec) == 0) {
    const int console = ::open("/dev/console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const int copy = clone_at(s, "");
    const bool done = console >= 0 && copy >= 0 && attach(copy, console) == 0;
    const int saved = errno;
    ::close(console);
    ::close(copy);
    errno = saved;
    if (!done) return step::open_terminal;
  }
  *master = m;
  *slave = s;
  return step::none;
}

}  // namespace contain::runtime::sv
