#include "contain/doctor.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/core/units.hpp"
#include "contain/engine.hpp"
#include "contain/runtime/host_facts.hpp"
#include "contain/runtime/seccomp_profile.hpp"
#include "contain/sys/control_file.hpp"
#include "contain/sys/fd.hpp"
#include "contain/sys/probe.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

using grade = doctor_check::grade;

/// Collects checks of one group at a time.
class examiner {
 public:
  explicit examiner(std::vector<doctor_check>& checks) : checks_(checks) {}
  void group(std::string name) { group_ = std::move(name); }
  void ok(std::string name, std::string detail) { put(std::move(name), grade::ok, std::move(detail), {}); }
  void degraded(std::string name, std::string detail, std::string fix = {}) {
    put(std::move(name), grade::degraded, std::move(detail), std::move(fix));
  }
  /// Without it no container starts.
  void missing(std::string name, std::string detail, std::string fix = {}) {
    put(std::move(name), grade::missing, std::move(detail), std::move(fix));
  }

 private:
  void put(std::string name, grade result, std::string detail, std::string fix) {
    checks_.push_back({group_, std::move(name), result, std::move(detail), std::move(fix)});
  }
  std::vector<doctor_check>& checks_;
  std::string group_;
};

constexpr unsigned least_major = 5, least_minor = 15;
constexpr std::string_view newer_kernel = "apt-get install linux-image-amd64  # then reboot";

void examine_kernel(examiner& x, const sys::kernel_probe& kernel, const runtime::host_facts& host) {
  x.group("kernel");
  const auto release = text::cat(kernel.major, '.', kernel.minor);
  if (std::pair(kernel.major, kernel.minor) >= std::pair(least_major, least_minor)) {
    x.ok("release", "Linux " + release);
  } else {
    x.missing("release", "Linux " + release + "; 5.15 is the oldest that containers start on",
              std::string(newer_kernel));
  }

  struct needed_call {
    const char* name;
    sys::presence found;
    const char* since;
  };
  for (const auto& [name, found, since] :
       {needed_call{"clone3", kernel.clone3, "5.3"}, needed_call{"pidfd_open", kernel.pidfd_open, "5.3"},
        needed_call{"openat2", kernel.openat2, "5.6"}, needed_call{"close_range", kernel.close_range, "5.9"},
        needed_call{"idmapped mounts", kernel.mount_setattr, "5.12"},
        needed_call{"mount file descriptors", kernel.fsopen, "5.2"}}) {
    if (found == sys::presence::present) {
      x.ok(name, "present");
    } else if (found == sys::presence::absent) {
      x.missing(name, text::cat("this kernel lacks it, Linux ", since, " has it"), std::string(newer_kernel));
    } else if (host.uid == 0) {
      x.missing(name, "blocked: an outer container's or sandbox's system call filter keeps it away");
    } else {
      x.ok(name, "needs the privileges of a container's own user namespace");
    }
  }

  const auto name_space = [&x](const char* name, bool found, const char* sysctl) {
    if (found) {
      x.ok(name, "present");
    } else {
      x.missing(name, "absent or switched off", text::cat("sysctl -w user.max_", sysctl, "_namespaces=65536"));
    }
  };
  name_space("user namespaces", host.user_namespaces, "user");
  name_space("mount, pid, network, ipc and uts namespaces", host.other_namespaces, "net");
  name_space("cgroup namespaces", host.cgroup_namespaces, "cgroup");
  if (host.time_namespaces) {
    x.ok("time namespaces", "present");
  } else {
    x.degraded("time namespaces", "absent: containers see the host's uptime",
               "sysctl -w user.max_time_namespaces=65536");
  }

  if (kernel.overlay == sys::presence::present) {
    if (kernel.overlay_append == sys::presence::present) {
      x.ok("overlayfs", "layers are added one by one");
    } else {
      x.degraded("overlayfs", "before Linux 6.5 all layers share one page of options: very deep images fail");
    }
  } else if (kernel.overlay == sys::presence::blocked && host.uid != 0) {
    x.ok("overlayfs", "needs the privileges of a container's own user namespace");
  } else {
    x.missing("overlayfs", "no such file system here", "modprobe overlay");
  }
}

void examine_hardening(examiner& x, const runtime::host_facts& host) {
  x.group("isolation");
  if (host.seccomp) {
    x.ok("seccomp", "filters are available");
  } else {
    x.missing("seccomp", "this kernel was built without CONFIG_SECCOMP_FILTER");
  }
  if (host.landlock_abi >= 6) {
    x.ok("landlock", text::cat("ABI ", host.landlock_abi));
  } else if (host.landlock_abi > 0) {
    x.degraded("landlock", text::cat("ABI ", host.landlock_abi,
                                     ": abstract sockets and signals are not kept inside, Linux 6.12 does"));
  } else {
    x.degraded("landlock", "absent, or not among the modules the kernel was started with",
               "add landlock to lsm= on the kernel's command line");
  }
  switch (host.label) {
    case runtime::label_module::apparmor:
      x.degraded("labels", "AppArmor is on; containers keep the label of the process that makes them");
      break;
    case runtime::label_module::selinux:
      x.degraded("labels", "SELinux is on; containers keep the label of the process that makes them");
      break;
    case runtime::label_module::none:
      x.degraded("labels", "neither AppArmor nor SELinux is on");
      break;
  }
  if (host.cores_are_piped && host.rlimits[RLIMIT_CORE].hard == 0 &&
      (host.caps_effective & sys::cap_bit(CAP_SYS_RESOURCE)) == 0) {
    x.degraded("core dumps",
               "RLIMIT_CORE is 0 and cannot be raised to 1: a crash inside starts the host's core handler",
               "ulimit -Hc 1");
  } else {
    x.ok("core dumps", "containers make none");
  }
}

void examine_cgroups(examiner& x, const runtime::cgroup_host& cgroups, bool root) {
  x.group("cgroups");
  switch (cgroups.mode) {
    case runtime::cgroup_mode::none:
      x.degraded("layout", "none are mounted: no limits can be set", "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
      return;
    case runtime::cgroup_mode::v1:
      x.ok("layout", "v1");
      break;
    case runtime::cgroup_mode::v2:
      x.ok("layout", "v2 at " + cgroups.unified);
      break;
    case runtime::cgroup_mode::hybrid:
      x.ok("layout", "hybrid: v1, and v2 at " + cgroups.unified);
      break;
  }
  for (const std::string_view controller : {"memory", "pids", "cpu"}) {
    const auto& v2 = cgroups.unified_controllers;
    const auto v1 = std::find_if(cgroups.v1.begin(), cgroups.v1.end(), [&](const auto& hierarchy) {
      const auto parts = text::split(hierarchy.controllers, ',');
      return std::find(parts.begin(), parts.end(), controller) != parts.end();
    });
    const bool unified = v1 == cgroups.v1.end() && std::find(v2.begin(), v2.end(), controller) != v2.end();
    if (v1 == cgroups.v1.end() && !unified) {
      x.degraded(std::string(controller), "no such controller: this limit is not enforced",
                 text::cat("add cgroup_enable=", controller, " to the kernel's command line"));
      continue;
    }
    const auto mountpoint = unified ? cgroups.unified : v1->mountpoint;
    const auto own = mountpoint + (unified ? cgroups.unified_own_path : v1->own_path);
    if (::access(mountpoint.c_str(), W_OK) == 0 || ::access(own.c_str(), W_OK) == 0) {
      x.ok(std::string(controller), (unified ? "v2 at " : "v1 at ") + mountpoint);
    } else {
      x.degraded(std::string(controller), mountpoint + " is not writable: this limit is not enforced",
                 root ? "mount -o remount,rw " + mountpoint : "systemd-run --user --scope -p Delegate=yes");
    }
  }
}

struct file_system {
  long magic;
  std::string_view name;
  unsigned major, minor;  ///< the first kernel with idmapped mounts of it; 0 = none has
};
/// statfs(2) types that stores are found on. An overlay's magic means "inside a container": an overlay cannot be the
/// upper directory of another.
constexpr std::array<file_system, 9> file_systems = {{{EXT4_SUPER_MAGIC, "ext4", 5, 12},
                                                      {XFS_SUPER_MAGIC, "xfs", 5, 12},
                                                      {BTRFS_SUPER_MAGIC, "btrfs", 5, 15},
                                                      {F2FS_SUPER_MAGIC, "f2fs", 5, 18},
                                                      {TMPFS_MAGIC, "tmpfs", 6, 3},
                                                      {0x2fc12fc1, "zfs", 6, 1},
                                                      {OVERLAYFS_SUPER_MAGIC, "overlay", 0, 0},
                                                      {NFS_SUPER_MAGIC, "nfs", 0, 0},
                                                      {FUSE_SUPER_MAGIC, "fuse", 6, 12}}};

void examine_storage(examiner& x, const engine::impl& e, const sys::kernel_probe& kernel, bool root) {
  x.group("storage");
  struct statfs type {};
  struct statvfs space {};
  const int store = e.root_fd.get();
  if (::fstatfs(store, &type) != 0 || ::fstatvfs(store, &space) != 0) {
    x.missing("store", text::cat(e.root.native(), ": ", std::strerror(errno)));
    return;
  }
  const auto known = std::find_if(file_systems.begin(), file_systems.end(),
                                  [&](const file_system& f) { return f.magic == static_cast<long>(type.f_type); });
  const std::string name = known == file_systems.end() ? "an unknown file system" : std::string(known->name);
  x.ok("store", e.root.native() + " on " + name);
  constexpr std::string_view elsewhere = "contain --root DIRECTORY  # on ext4, xfs or btrfs";
  if (!root) {
    x.ok("idmapped store", "not used without root");
  } else if (known == file_systems.end()) {
    x.degraded("idmapped store", "whether mounts of it can map ids is not known");
  } else if (known->major == 0) {
    x.missing("idmapped store", name + " cannot hold containers' files", std::string(elsewhere));
  } else if (std::pair(kernel.major, kernel.minor) < std::pair(known->major, known->minor)) {
    x.missing("idmapped store",
              text::cat("mounts of ", name, " can map ids since Linux ", known->major, '.', known->minor),
              std::string(elsewhere));
  } else {
    x.ok("idmapped store", name + " can map ids");
  }

  constexpr std::uint64_t little = 1ULL << 30U;
  const std::uint64_t free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  const auto left = units::human_size(free_bytes) + " free";
  if (free_bytes < little) {
    x.degraded("disk space", left, "contain image prune --all");
  } else {
    x.ok("disk space", left);
  }
  constexpr std::uint64_t few = 20'000;  // one distribution's image has as many files
  if (space.f_files != 0 && space.f_favail < few)
    x.degraded("inodes", text::cat(space.f_favail, " free"), "contain image prune --all");

  const auto temporary = [store] { return sys::unique_fd{::openat(store, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)}; };
  const auto file = temporary(), copy = temporary();
  if (!file || !copy) {
    x.degraded("reflinks", "no unnamed files on this file system, so not tried");
    return;
  }
  if (::write(file.get(), "x", 1) == 1 && ::ioctl(copy.get(), FICLONE, file.get()) == 0) {
    x.ok("reflinks", "changing a large file of an image copies no data");
  } else {
    x.degraded("reflinks", "none: the first change of a large file of an image copies it");
  }
  if (!root) return;
  if (::fsetxattr(file.get(), "trusted.overlay.probe", "y", 1, 0) == 0) {
    x.ok("extended attributes", "trusted.* can be set");
  } else {
    x.missing("extended attributes", text::cat("trusted.* cannot be set: ", std::strerror(errno)),
              std::string(elsewhere));
  }
}

void examine_network(examiner& x) {
  x.group("network");
  constexpr std::array bundles = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                  "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
  const auto bundle =
      std::find_if(bundles.begin(), bundles.end(), [](const char* path) { return ::access(path, R_OK) == 0; });
  if (bundle != bundles.end()) {
    x.ok("certificates", *bundle);
  } else {
    x.degraded("certificates", "no bundle of certificate authorities: registries cannot be trusted",
               "apt-get install ca-certificates");
  }
}

void examine_ids(examiner& x, const runtime::host_facts& host) {
  x.group("rootless");
  if (host.uid == 0) {
    x.ok("ids", "root: every container gets a range of its own");
    return;
  }
  x.missing("root", "this version starts containers as root only; images can be kept without", "run it with sudo");
  const auto user = text::cat("$(id -un)");
  if (!host.subuids || !host.subgids) {
    x.missing("subordinate ids", "this user has none in /etc/subuid or /etc/subgid",
              "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + user);
  } else {
    x.ok("subordinate ids", text::cat(host.subuids->size, " from ", host.subuids->start));
  }
  for (const auto* tool : {"newuidmap", "newgidmap"}) {
    const bool found = ::access(text::cat("/usr/bin/", tool).c_str(), X_OK) == 0;
    if (found) {
      x.ok(tool, "present");
    } else {
      x.missing(tool, "not installed: subordinate ids cannot be mapped", "apt-get install uidmap");
    }
  }
}

/// Libraries that are opened when they are needed.
void examine_tools(examiner& x) {
  x.group("tools");
  try {
    (void)runtime::compile_seccomp(R"({"defaultAction": "SCMP_ACT_ALLOW"})", 0);
    x.ok("libseccomp.so.2", "system call profiles of your own can be used");
  } catch (const error& e) {
    x.degraded("libseccomp.so.2", e.what(), e.hint());
  }
  const std::unique_ptr<void, int (*)(void*)> curl{::dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL), &::dlclose};
  if (curl) {
    x.ok("libcurl.so.4", "images can be pulled");
  } else {
    x.degraded("libcurl.so.4", "not installed: images cannot be pulled", "apt-get install libcurl4");
  }
}

std::string_view to_string(grade result) noexcept {
  switch (result) {
    case grade::ok:
      return "ok";
    case grade::degraded:
      return "degraded";
    case grade::missing:
      return "missing";
  }
  return "";
}

}  // namespace

bool doctor_report::usable() const noexcept {
  return std::none_of(checks.begin(), checks.end(), [](const auto& c) { return c.result == grade::missing; });
}

std::string doctor_report::to_json() const {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& c : checks) {
    rows.push_back(
        {{"group", c.group}, {"name", c.name}, {"result", to_string(c.result)}, {"detail", c.detail}, {"fix", c.fix}});
  }
  // Paths of the host may hold any bytes; a replacement character is better than no report.
  return nlohmann::ordered_json{{"usable", usable()}, {"checks", std::move(rows)}}.dump(
      2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

doctor_report doctor(engine& in) {
  doctor_report report;
  examiner x(report.checks);
  auto& e = in.internals();
  // Probed anew: what a fix has changed since the engine was made must show.
  const auto host = runtime::probe_host();
  const auto kernel = sys::probe_kernel();
  examine_kernel(x, kernel, host);
  examine_hardening(x, host);
  examine_cgroups(x, host.cgroups, host.uid == 0);
  examine_storage(x, e, kernel, host.uid == 0);
  examine_network(x);
  examine_ids(x, host);
  examine_tools(x);
  return report;
}

}  // namespace contain
