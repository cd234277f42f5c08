#include "rootfs.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

namespace contain::runtime::sv {
namespace {

/// close(2) at the end of the scope, errno kept.
struct scoped_fd {
  int fd = -1;
  explicit scoped_fd(int f) noexcept : fd(f) {}
  scoped_fd(const scoped_fd&) = delete;
  scoped_fd& operator=(const scoped_fd&) = delete;
  ~scoped_fd() {
    if (fd < 0) return;
    const int saved = errno;
    ::close(fd);
    errno = saved;
  }
};

struct device {
  const char* name;
  unsigned major, minor;
};
constexpr device devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                              {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
constexpr struct {
  const char *name, *target;
} dev_links[] = {{"fd", "/proc/self/fd"},
                 {"stdin", "/proc/self/fd/0"},
                 {"stdout", "/proc/self/fd/1"},
                 {"stderr", "/proc/self/fd/2"},
                 {"ptmx", "pts/ptmx"}};

int open_dir(int base, const char* path) noexcept {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(::syscall(SYS_openat2, base, path, &how, sizeof how));
}

int idmap(int mount, int userns, unsigned flags) noexcept {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(userns);
  return ::mount_setattr(mount, "", flags | AT_EMPTY_PATH, &attributes, sizeof attributes);
}

/// Acts on files as the container's root while it lives. Overlayfs makes its working directory at mount time and
/// remembers who mounted it; through an idmapped mount the host's root is nobody and may create nothing (EOVERFLOW).
/// The securebit keeps the capabilities, which setfsuid(2) would take away.
class as_container_root {
 public:
  explicit as_container_root(const launch_plan& plan) noexcept {
    (void)::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
    (void)::setfsgid(plan.root_gid);
    (void)::setfsuid(plan.root_uid);
  }
  as_container_root(const as_container_root&) = delete;
  as_container_root& operator=(const as_container_root&) = delete;
  ~as_container_root() {
    const int saved = errno;
    (void)::setfsuid(0);
    (void)::setfsgid(0);
    (void)::prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
    errno = saved;
  }
};

/// A volatile overlay leaves a mark that forbids a second mount, since a crash in between could have lost data
/// (overlayfs.rst). Within one life of the supervisor there was none. True if there was a mark.
bool forget_volatile(const launch_plan& plan, int store) noexcept {
  const scoped_fd work{open_dir(store, plan.work.get())};
  if (work.fd < 0) return false;
  const scoped_fd incompat{open_dir(work.fd, "work/incompat")};
  if (incompat.fd < 0) return false;
  (void)::unlinkat(incompat.fd, "volatile/dirty", 0);  // a file inside it says the same
  return ::unlinkat(incompat.fd, "volatile", AT_REMOVEDIR) == 0;
}

int finish_overlay(int context, const launch_plan& plan) noexcept {
  // volatile: no sync of the whole host file system at unmount; only for files that die with the container.
  if ((plan.flags & plan_volatile) != 0) (void)::fsconfig(context, FSCONFIG_SET_FLAG, "volatile", nullptr, 0);
  if (::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return -1;
  return ::fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
}

/// Layers by descriptor: nothing is resolved by name, no limit of a page (Linux 6.13; O_PATH descriptors 6.15).
int overlay_by_fd(const launch_plan& plan, int store) noexcept {
  const scoped_fd context{::fsopen("overlay", FSOPEN_CLOEXEC)};
  if (context.fd < 0) return -1;
  (void)::fsconfig(context.fd, FSCONFIG_SET_STRING, "source", "overlay", 0);
  const auto set = [&](const char* key, const char* path) {
    const scoped_fd dir{open_dir(store, path)};
    return dir.fd >= 0 && ::fsconfig(context.fd, FSCONFIG_SET_FD, key, nullptr, dir.fd) == 0;
  };
  for (const auto& layer : plan.lower) {
    if (!set("lowerdir+", layer.get())) return -1;
  }
  if (!set("upperdir", plan.upper.get()) || !set("workdir", plan.work.get())) return -1;
  return finish_overlay(context.fd, plan);
}

/// Older kernels: overlayfs takes layers by path and only from mounts of the caller's namespace, so the idmapped store
/// hangs at /store while the overlay is made. mount(2)'s option page holds about 40 layers.
int overlay_by_path(const launch_plan& plan, int store) noexcept {
  if (::move_mount(store, "", AT_FDCWD, "/store", MOVE_MOUNT_F_EMPTY_PATH) != 0) return -1;
  char options[4096];
  std::size_t used = 0;
  const auto put = [&](const char* text) {
    const std::size_t n = std::strlen(text);
    if (used + n + 1 > sizeof options) return false;
    std::memcpy(options + used, text, n + 1);
    used += n;
    return true;
  };
  bool fits = put("lowerdir=");
  bool first = true;
  for (const auto& layer : plan.lower) {
    fits = fits && (first || put(":")) && put("/store/") && put(layer.get());
    first = false;
  }
  fits = fits && put(",upperdir=/store/") && put(plan.upper.get()) && put(",workdir=/store/") && put(plan.work.get()) &&
         ((plan.flags & plan_volatile) == 0 || put(",volatile"));
  int fd = -1;
  if (!fits) {
    errno = E2BIG;
  } else if (::mount("overlay", "/merged", "overlay", MS_NODEV, options) == 0) {
    fd = ::open_tree(AT_FDCWD, "/merged", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    const int saved = errno;
    (void)::umount2("/merged", MNT_DETACH);
    errno = saved;
  }
  const int saved = errno;
  (void)::umount2("/store", MNT_DETACH);
  errno = saved;
  return fd;
}

}  // namespace

step make_rootfs(const launch_plan& plan, const int* fds, int userns, int* rootfs) noexcept {
  const int store = fds[plan.fds.store];
  if (userns >= 0 && idmap(store, userns, 0) != 0) return step::idmap_store;
  const as_container_root owner{plan};
  *rootfs = overlay_by_fd(plan, store);
  if (*rootfs < 0 && (plan.flags & plan_volatile) != 0) {
    const int saved = errno;
    if (forget_volatile(plan, store)) {
      *rootfs = overlay_by_fd(plan, store);
    } else {
      errno = saved;
    }
  }
  if (*rootfs < 0 && (errno == EINVAL || errno == EOPNOTSUPP || errno == EBADF)) *rootfs = overlay_by_path(plan, store);
  return *rootfs < 0 ? step::mount_overlay : step::none;
}

step make_dev(const launch_plan& plan, int* fds, int* dev) noexcept {
  if ((plan.flags & plan_all_devices) != 0) {
    *dev = fds[plan.fds.host_dev];
    fds[plan.fds.host_dev] = -1;
    return step::none;
  }
  const scoped_fd context{::fsopen("tmpfs", FSOPEN_CLOEXEC)};
  if (context.fd < 0 || ::fsconfig(context.fd, FSCONFIG_SET_STRING, "source", "tmpfs", 0) != 0 ||
      ::fsconfig(context.fd, FSCONFIG_SET_STRING, "mode", "0755", 0) != 0 ||
      ::fsconfig(context.fd, FSCONFIG_SET_STRING, "size", "65536k", 0) != 0 ||
      ::fsconfig(context.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return step::make_dev;
  const int fd = ::fsmount(context.fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (fd < 0) return step::make_dev;
  *dev = fd;
  const auto own = [&](const char* name) {
    return ::fchownat(fd, name, plan.root_uid, plan.root_gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0;
  };
  // Real nodes on a file system of the host's: nothing of the host's /dev is bound in, and inside nobody can make more.
  for (const auto& d : devices) {
    if (::mknodat(fd, d.name, S_IFCHR | 0666, ::makedev(d.major, d.minor)) != 0 || !own(d.name)) return step::make_dev;
  }
  for (const auto& link : dev_links) {
    if (::symlinkat(link.target, fd, link.name) != 0 || !own(link.name)) return step::make_dev;
  }
  for (const char* dir : {"pts", "shm", "mqueue"}) {
    if (::mkdirat(fd, dir, 0755) != 0 || !own(dir)) return step::make_dev;
  }
  if ((plan.flags & plan_terminal) != 0 && (::mknodat(fd, "console", S_IFREG | 0620, 0) != 0 || !own("console")))
    return step::make_dev;
  return own("") ? step::none : step::make_dev;
}

step idmap_binds(const launch_plan& plan, const int* fds, int userns) noexcept {
  if (userns < 0) return step::none;
  for (const auto& mount : plan.mounts) {
    // EINVAL: this file system cannot map ids; its files then belong to nobody inside, as with docker's userns-remap.
    if (mount.kind == plan_mount_kind::bind && idmap(fds[mount.fd_index], userns, AT_RECURSIVE) != 0 &&
        errno != EINVAL && errno != EPERM)
      return step::idmap_bind;
  }
  return step::none;
}

bool make_own_root() noexcept {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const scoped_fd context{::fsopen("tmpfs", FSOPEN_CLOEXEC)};
  if (context.fd < 0 || ::fsconfig(context.fd, FSCONFIG_SET_STRING, "mode", "0755", 0) != 0 ||
      ::fsconfig(context.fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return false;
  const scoped_fd root{::fsmount(context.fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID)};
  if (root.fd < 0) return false;
  for (const char* dir : {"proc", "sys", "dev", "root", "store", "merged", "scratch", "empty"}) {
    if (::mkdirat(root.fd, dir, 0755) != 0) return false;
  }
  // /proc exists everywhere; what it covers leaves with the old root.
  if (::move_mount(root.fd, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) != 0 || ::fchdir(root.fd) != 0 ||
      ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    return false;
  // Both must be here, whole: without them a user namespace below may not mount its own (mount_namespaces(7)).
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("proc", "/proc", "proc", flags, nullptr) != 0 || ::mount("sysfs", "/sys", "sysfs", flags, nullptr) != 0)
    return false;
  // What masks are made of: an empty directory that nobody can write, and the null device.
  if (::mount("tmpfs", "/empty", "tmpfs", flags | MS_RDONLY, "mode=0555,size=4k,nr_inodes=2") != 0) return false;
  return ::mknod("/dev/null", S_IFCHR | 0666, ::makedev(1, 3)) == 0;
}

}  // namespace contain::runtime::sv
