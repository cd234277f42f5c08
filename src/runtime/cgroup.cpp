#include "contain/runtime/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/scope.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/control_file.hpp"
#include "contain/sys/fd.hpp"
#include "contain/sys/mountinfo.hpp"

namespace contain::runtime {
namespace {

constexpr std::array<std::string_view, 3> used_controllers = {"memory", "pids", "cpu"};

/// By which a process enters on v1. Not cgroup.procs: a process that still has one thread moves through this one
/// without the lock on all forks of the machine, whose writer waits for an RCU grace period (cgroup_attach_lock).
constexpr const char* entrance = "tasks";

bool names(std::string_view list, std::string_view controller, char separator) {
  const auto parts = text::split(list, separator);
  return std::find(parts.begin(), parts.end(), controller) != parts.end();
}

/// `path` of /proc/self/cgroup as seen below a mount whose root is `mount_root`; "/" when it lies outside.
std::string below_mount(std::string_view path, std::string_view mount_root) {
  if (mount_root == "/") return std::string(path);
  if (!path.starts_with(mount_root)) return "/";
  path.remove_prefix(mount_root.size());
  return path.empty() || path.front() != '/' ? "/" : std::string(path);
}

/// A directory of one hierarchy that holds containers' cgroups.
struct parent {
  sys::unique_fd directory;
  std::string path;
};

/// Where the intermediate directory may be: below the root of the hierarchy, or below this process's own cgroup.
std::vector<std::string> places(const std::string& mountpoint, const std::string& own_path) {
  std::vector<std::string> bases{mountpoint};
  if (!own_path.empty() && own_path != "/") bases.push_back(mountpoint + own_path);
  return bases;
}

sys::unique_fd open_directory(int at, const char* path) {
  return sys::unique_fd{
      sys::retry([&] { return ::openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); })};
}

/// "contain" and the id of "contain/<id>".
std::pair<std::string, std::string> split_path(const std::string& cgroups_path) {
  const auto slash = cgroups_path.rfind('/');
  const std::filesystem::path path(cgroups_path);
  const bool climbs = std::find(path.begin(), path.end(), "..") != path.end();
  if (slash == std::string::npos || slash == 0 || slash + 1 == cgroups_path.size() || path.is_absolute() || climbs)
    throw error(errc::invalid, "read cgroups path", cgroups_path, "not of the form parent/name");
  return {cgroups_path.substr(0, slash), cgroups_path.substr(slash + 1)};
}

/// Opens the parent directory, made if need be. Nothing and `failure` if no place permits that.
std::optional<parent> make_parent(const std::string& mountpoint, const std::string& own_path, const std::string& name,
                                  std::string& failure) {
  for (const auto& base : places(mountpoint, own_path)) {
    const auto root = open_directory(AT_FDCWD, base.c_str());
    if (!root) {
      failure = error::from_errno(errno, "open", base).what();
      continue;
    }
    if (::mkdirat(root.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
      failure = error::from_errno(errno, "mkdir", base + '/' + name).what();
      continue;
    }
    auto directory = open_directory(root.get(), name.c_str());
    if (directory) return parent{std::move(directory), base + '/' + name};
    failure = error::from_errno(errno, "open", base + '/' + name).what();
  }
  return std::nullopt;
}

/// A cgroup that is being filled; removed again unless kept.
class new_cgroup {
 public:
  new_cgroup(const parent& in, const std::string& name)
      : parent_(in.directory.get()), name_(name), path_(in.path + '/' + name) {
    // One that is there already is of an earlier life of the same container, ended by a crash: empty, or not ours to
    // take.
    const auto make = [&] { return ::mkdirat(parent_, name.c_str(), 0755) == 0; };
    if (!make()) {
      const int failure = errno;
      if (failure != EEXIST || ::unlinkat(parent_, name.c_str(), AT_REMOVEDIR) != 0 || !make())
        throw error::from_errno(failure == EEXIST ? errc::busy : code_for_errno(failure), failure, "mkdir", path_);
    }
    made_ = true;
    directory_ = open_directory(parent_, name.c_str());
    if (!directory_) {
      const int failure = errno;
      (void)::unlinkat(parent_, name.c_str(), AT_REMOVEDIR);
      throw error::from_errno(failure, "open", path_);
    }
  }
  new_cgroup(new_cgroup&& other) noexcept
      : parent_(other.parent_),
        name_(std::move(other.name_)),
        path_(std::move(other.path_)),
        directory_(std::move(other.directory_)),
        made_(std::exchange(other.made_, false)) {}
  new_cgroup& operator=(new_cgroup&&) = delete;
  ~new_cgroup() {
    if (made_) (void)::unlinkat(parent_, name_.c_str(), AT_REMOVEDIR);
  }

  /// False if the kernel has no such file.
  bool write(const char* file, const std::string& value) const {
    const auto done = sys::write_text(directory_.get(), file, value);
    if (done) return true;
    if (done.error() == ENOENT) return false;
    throw error::from_errno(errc::limit_refused, done.error(), "write " + value + " to", path_ + '/' + file);
  }
  [[nodiscard]] sys::unique_fd open(const char* file, int flags) const {
    return sys::unique_fd{sys::retry([&] { return ::openat(directory_.get(), file, flags | O_NOFOLLOW | O_CLOEXEC); })};
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] sys::unique_fd take_directory() noexcept { return std::move(directory_); }
  void keep() noexcept { made_ = false; }

 private:
  int parent_;  // borrowed: outlives this
  std::string name_, path_;
  sys::unique_fd directory_;
  bool made_ = false;
};

std::uint64_t weight_of(std::uint64_t shares) noexcept {
  // The mapping every runtime uses: 2..262144 to 1..10000.
  return 1 + (shares - 2) * 9999 / 262142;
}

void limit_v1(const new_cgroup& cgroup, std::string_view controllers, const oci::spec_resources& limits,
              std::vector<std::string>& weakened) {
  const auto set = [&](const char* file, const std::string& value) {
    if (!cgroup.write(file, value)) weakened.push_back(text::cat(file, ": this kernel has none"));
  };
  if (names(controllers, "memory", ',') && limits.memory_limit) {
    const auto value = std::to_string(*limits.memory_limit);
    set("memory.limit_in_bytes", value);
    // Absent without swapaccount=1; memory and swap together, so the same value leaves no swap.
    (void)cgroup.write("memory.memsw.limit_in_bytes", value);
  }
  if (names(controllers, "pids", ',') && limits.pids_limit) set("pids.max", std::to_string(*limits.pids_limit));
  if (names(controllers, "cpu", ',')) {
    if (limits.cpu_shares) set("cpu.shares", std::to_string(*limits.cpu_shares));
    if (limits.cpu_period) set("cpu.cfs_period_us", std::to_string(*limits.cpu_period));
    if (limits.cpu_quota) set("cpu.cfs_quota_us", std::to_string(*limits.cpu_quota));
  }
}

void limit_v2(const new_cgroup& cgroup, const oci::spec_resources& limits, const std::vector<std::string_view>& here,
              std::vector<std::string>& weakened) {
  const auto has = [&here](std::string_view controller) {
    return std::find(here.begin(), here.end(), controller) != here.end();
  };
  const auto set = [&](const char* file, const std::string& value) {
    if (!cgroup.write(file, value)) weakened.push_back(text::cat(file, ": the controller is not enabled here"));
  };
  if (has("memory")) {
    if (limits.memory_limit) {
      set("memory.max", std::to_string(*limits.memory_limit));
      (void)cgroup.write("memory.swap.max", "0");  // absent on kernels without swap
    }
    // All of the container or nothing: what is left after one victim rarely works.
    (void)cgroup.write("memory.oom.group", "1");
  }
  if (has("pids") && limits.pids_limit) set("pids.max", std::to_string(*limits.pids_limit));
  if (has("cpu")) {
    if (limits.cpu_shares) set("cpu.weight", std::to_string(weight_of(*limits.cpu_shares)));
    if (limits.cpu_quota) set("cpu.max", text::cat(*limits.cpu_quota, ' ', limits.cpu_period.value_or(100'000)));
  }
}

bool wanted(std::string_view controller, const oci::spec_resources& limits) {
  if (controller == "memory") return limits.memory_limit.has_value();
  if (controller == "pids") return limits.pids_limit.has_value();
  return limits.cpu_quota.has_value() || limits.cpu_shares.has_value();
}

/// Lets the children of `in` have `controllers`; gives those that they have then. What is limited and cannot be had is
/// written to `weakened`.
std::vector<std::string_view> enable_controllers(const parent& in, const std::vector<std::string_view>& controllers,
                                                 const oci::spec_resources& limits,
                                                 std::vector<std::string>& weakened) {
  std::vector<std::string_view> enabled;
  const auto now = sys::read_text(in.directory.get(), "cgroup.subtree_control");
  for (const auto controller : controllers) {
    if (now && names(text::trim(*now), controller, ' ')) {
      enabled.push_back(controller);
      continue;
    }
    const auto value = text::cat('+', controller);
    // From the root of the delegation down: a controller must be enabled above before it can be below.
    const auto above = sys::write_text(in.directory.get(), "../cgroup.subtree_control", value);
    const auto here = sys::write_text(in.directory.get(), "cgroup.subtree_control", value);
    if (here) {
      enabled.push_back(controller);
      continue;
    }
    if (!wanted(controller, limits)) continue;
    const int failure = above ? here.error() : above.error();
    const auto why =
        failure == EBUSY
            ? text::cat(in.path, "/.. has processes of its own, so it cannot share out controllers")
            : std::string(
                  error::from_errno(failure, "write " + value + " to", in.path + "/cgroup.subtree_control").what());
    weakened.push_back(text::cat(controller, ": ", why));
  }
  return enabled;
}

}  // namespace

cgroup_host read_cgroup_host(std::string_view mountinfo, std::string_view own_cgroups) {
  cgroup_host host;
  // "4:memory:/path" for v1, "0::/path" for v2.
  const auto own_path = [own_cgroups](std::string_view controller) -> std::string {
    for (const auto line : text::split(own_cgroups, '\n')) {
      const auto first = line.find(':');
      const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
      if (second == std::string_view::npos) continue;
      const auto list = line.substr(first + 1, second - first - 1);
      if (controller.empty() ? list.empty() : names(list, controller, ',')) return std::string(line.substr(second + 1));
    }
    return "/";
  };
  std::string unified_root = "/";
  for (const auto& mount : sys::parse_mountinfo(mountinfo)) {
    if (mount.type == "cgroup2") {
      host.unified = mount.mountpoint;
      unified_root = mount.root;
      continue;
    }
    if (mount.type != "cgroup") continue;
    std::string controllers;
    std::string_view first_used;
    for (const auto option : text::split(mount.super_options, ',')) {
      const bool used = std::find(used_controllers.begin(), used_controllers.end(), option) != used_controllers.end();
      if (!used && option != "cpuacct") continue;
      controllers += text::cat(controllers.empty() ? "" : ",", option);
      if (used) first_used = option;
    }
    if (first_used.empty()) continue;
    cgroup_host::hierarchy hierarchy{controllers, mount.mountpoint, below_mount(own_path(first_used), mount.root)};
    const auto same = std::find_if(host.v1.begin(), host.v1.end(),
                                   [&](const auto& h) { return h.controllers == hierarchy.controllers; });
    if (same == host.v1.end()) host.v1.push_back(std::move(hierarchy));
  }
  host.unified_own_path = below_mount(own_path(""), unified_root);
  host.mode = host.v1.empty() ? (host.unified.empty() ? cgroup_mode::none : cgroup_mode::v2)
                              : (host.unified.empty() ? cgroup_mode::v1 : cgroup_mode::hybrid);
  return host;
}

cgroup_host probe_cgroups() {
  constexpr std::size_t largest = std::size_t{64} << 20U;
  const auto mountinfo = sys::read_text(AT_FDCWD, "/proc/self/mountinfo", largest);
  const auto own = sys::read_text(AT_FDCWD, "/proc/self/cgroup");
  if (!mountinfo || !own) return {};
  auto host = read_cgroup_host(*mountinfo, *own);
  if (host.unified.empty()) return host;
  const auto controllers = sys::read_text(AT_FDCWD, (host.unified + "/cgroup.controllers").c_str());
  if (!controllers) return host;
  for (const auto controller : text::split(text::trim(*controllers), ' '))
    if (!controller.empty()) host.unified_controllers.emplace_back(controller);
  return host;
}

std::uint64_t own_memory_limit(const cgroup_host& host) {
  std::uint64_t least = 0;
  // A limit of any ancestor counts, too. v1 says "none" as the largest multiple of a page below 2^63.
  const auto visit = [&least](const std::string& mountpoint, std::string path, const char* file) {
    constexpr std::uint64_t none = std::uint64_t{1} << 62U;
    for (;;) {
      const auto text = sys::read_text(AT_FDCWD, text::cat(mountpoint, path, '/', file).c_str());
      const auto value = text ? text::parse_unsigned<std::uint64_t>(text::trim(*text)) : std::nullopt;
      if (value && *value < none && (least == 0 || *value < least)) least = *value;
      const auto slash = path.rfind('/');
      if (slash == std::string::npos || path == "/") return;
      path.resize(slash);
    }
  };
  for (const auto& hierarchy : host.v1)
    if (names(hierarchy.controllers, "memory", ','))
      visit(hierarchy.mountpoint, hierarchy.own_path, "memory.limit_in_bytes");
  if (!host.unified.empty()) visit(host.unified, host.unified_own_path, "memory.max");
  return least;
}

made_cgroups make_cgroups(const cgroup_host& host, const oci::runtime_spec& spec) {
  const auto [parent_name, name] = split_path(spec.cgroups_path);
  const auto& limits = spec.resources;
  made_cgroups made;
  std::vector<parent> parents;
  std::vector<new_cgroup> fresh;
  parents.reserve(host.v1.size() + 1);
  fresh.reserve(host.v1.size() + 1);
  std::vector<std::string_view> served;

  const auto note_failure = [&](std::string_view controllers, const std::string& why) {
    for (const auto controller : used_controllers)
      if (names(controllers, controller, ',') && wanted(controller, limits))
        made.weakened.push_back(text::cat(controller, ": ", why));
  };
  for (const auto& hierarchy : host.v1) {
    bool needed = false;
    for (const auto controller : used_controllers) {
      if (!names(hierarchy.controllers, controller, ',')) continue;
      served.push_back(controller);
      // Joining costs time, so cpu only where it is limited; memory and pids also answer stats and the OOM question.
      needed = needed || controller != "cpu" || wanted(controller, limits);
    }
    if (!needed) continue;
    std::string failure;
    auto in = make_parent(hierarchy.mountpoint, hierarchy.own_path, parent_name, failure);
    if (!in) {
      note_failure(hierarchy.controllers, failure);
      continue;
    }
    parents.push_back(std::move(*in));
    fresh.emplace_back(parents.back(), name);
    const auto& cgroup = fresh.back();
    limit_v1(cgroup, hierarchy.controllers, limits, made.weakened);
    auto procs = cgroup.open(entrance, O_WRONLY);
    if (!procs) throw error::from_errno(errno, "open", text::cat(cgroup.path(), '/', entrance));
    if (names(hierarchy.controllers, "memory", ',')) made.fds.oom_events = cgroup.open("memory.oom_control", O_RDONLY);
    made.fds.procs.push_back(std::move(procs));
    made.fds.controllers.push_back(hierarchy.controllers);
    made.paths.push_back(cgroup.path());
  }

  std::vector<std::string_view> unified;
  for (const auto controller : used_controllers) {
    const bool on_v1 = std::find(served.begin(), served.end(), controller) != served.end();
    const auto& offered = host.unified_controllers;
    if (on_v1) continue;
    if (std::find(offered.begin(), offered.end(), controller) != offered.end()) {
      unified.push_back(controller);
    } else if (wanted(controller, limits)) {
      made.weakened.push_back(text::cat(controller, ": no cgroup controller on this host"));
    }
  }
  // A pure v2 host always: one directory names all the container's processes and cgroup.kill ends them.
  if (host.mode == cgroup_mode::v2 || (!host.unified.empty() && !unified.empty())) {
    std::string failure;
    if (auto in = make_parent(host.unified, host.unified_own_path, parent_name, failure)) {
      parents.push_back(std::move(*in));
      const auto enabled = enable_controllers(parents.back(), unified, limits, made.weakened);
      fresh.emplace_back(parents.back(), name);
      auto& cgroup = fresh.back();
      limit_v2(cgroup, limits, enabled, made.weakened);
      if (!made.fds.oom_events) made.fds.oom_events = cgroup.open("memory.events", O_RDONLY);
      made.paths.push_back(cgroup.path());
      made.fds.unified = cgroup.take_directory();
    } else {
      for (const auto controller : unified) note_failure(controller, failure);
    }
  }
  for (auto& cgroup : fresh) cgroup.keep();
  for (auto& in : parents) made.fds.parents.push_back(std::move(in.directory));
  return made;
}

cgroup_fds open_cgroups(const cgroup_host& host, const std::string& cgroups_path) {
  (void)split_path(cgroups_path);
  cgroup_fds fds;
  for (const auto& hierarchy : host.v1) {
    for (const auto& base : places(hierarchy.mountpoint, hierarchy.own_path)) {
      const auto file = text::cat(base, '/', cgroups_path, '/', entrance);
      sys::unique_fd procs{sys::retry([&] { return ::open(file.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC); })};
      if (!procs) continue;
      fds.procs.push_back(std::move(procs));
      fds.controllers.push_back(hierarchy.controllers);
      break;
    }
  }
  if (host.unified.empty()) return fds;
  for (const auto& base : places(host.unified, host.unified_own_path)) {
    fds.unified = open_directory(AT_FDCWD, text::cat(base, '/', cgroups_path).c_str());
    if (fds.unified) break;
  }
  return fds;
}

void remove_cgroups(const cgroup_host& host, const std::string& cgroups_path) noexcept {
  // A process that has exited stays in its cgroup until the kernel has freed it; that takes milliseconds.
  constexpr int tries = 40;
  constexpr long first_pause_ns = 250'000, longest_pause_ns = 20'000'000;
  const auto remove = [&](const std::string& path) noexcept {
    long pause = first_pause_ns;
    for (int i = 0; i < tries && ::rmdir(path.c_str()) != 0 && errno == EBUSY; ++i) {
      const timespec wait{0, pause};
      (void)::nanosleep(&wait, nullptr);
      pause = std::min(pause * 2, longest_pause_ns);
    }
  };
  try {
    (void)split_path(cgroups_path);
    std::vector<std::string> roots;
    for (const auto& hierarchy : host.v1)
      for (auto& base : places(hierarchy.mountpoint, hierarchy.own_path)) roots.push_back(std::move(base));
    if (!host.unified.empty())
      for (auto& base : places(host.unified, host.unified_own_path)) roots.push_back(std::move(base));
    for (const auto& root : roots) {
      const auto path = text::cat(root, '/', cgroups_path);
      if (::rmdir(path.c_str()) == 0 || errno == ENOENT) continue;
      // Cgroups that a privileged container made for itself, deepest first.
      std::vector<std::string> inner;
      std::error_code failed;
      for (std::filesystem::recursive_directory_iterator at(path, failed), end; !failed && at != end;
           at.increment(failed))
        if (at->is_directory(failed)) inner.push_back(at->path().native());
      std::for_each(inner.rbegin(), inner.rend(), remove);
      remove(path);
    }
  } catch (...) {  // out of memory or a path that cannot be: nothing of ours is there
  }
}

}  // namespace contain::runtime
