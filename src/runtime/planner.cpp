#include "planner.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "block_builder.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace contain::runtime {
namespace {

using oci::runtime_spec;
using oci::spec_mount;

/// The plan while it is made: the block, its root object's place, and the message's descriptors.
class planner {
 public:
  planner() {
    block_.reserve(16384);
    root_ = block_.place<launch_plan>();
    plan() = launch_plan{};
  }

  launch_plan& plan() { return block_.at<launch_plan>(root_); }
  template <class Member>
  std::size_t place_of(Member launch_plan::*member) {
    return block_.offset_of(&(plan().*member));
  }
  void text(plan_text launch_plan::*member, std::string_view value) { block_.link_text(place_of(member), value); }
  void texts(plan_list<plan_text> launch_plan::*member, const std::vector<std::string>& values) {
    const auto first = block_.link_list<plan_text>(place_of(member), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) block_.link_text(first + i * sizeof(plan_text), values[i]);
  }
  template <class T, class Range>
  void values(plan_list<T> launch_plan::*member, const Range& range) {
    const auto first = block_.link_list<T>(place_of(member), range.size());
    std::size_t i = 0;
    for (const auto& value : range) block_.at<T>(first, i++) = static_cast<T>(value);
  }

  /// A borrowed descriptor; -1 stays absent.
  std::int32_t borrow(int fd) {
    if (fd < 0) return -1;
    request_.fds.push_back(fd);
    return static_cast<std::int32_t>(request_.fds.size() - 1);
  }
  std::int32_t own(sys::unique_fd fd) {
    const auto index = borrow(fd.get());
    request_.owned.push_back(std::move(fd));
    return index;
  }

  void process(const oci::spec_process& process);
  void security(const runtime_spec& spec);
  void cgroups(const cgroup_fds* cgroups);
  void mounts(const runtime_spec& spec);
  void files(const std::map<std::string, std::string>& files);
  void covers(plan_list<plan_cover> launch_plan::*member, const std::vector<std::string>& paths);
  void identity(const runtime_spec& spec);

  planned_request finish() {
    plan().size = static_cast<std::uint32_t>(block_.bytes().size());
    request_.plan = block_.bytes();
    return std::move(request_);
  }

 private:
  block_builder block_;
  std::size_t root_ = 0;
  planned_request request_;
};

void refuse_nul(std::string_view text, std::string_view what) {
  if (text.find('\0') != std::string_view::npos)
    throw error{errc::invalid, "plan", std::string{what}, "contains a NUL byte"};
}

void planner::process(const oci::spec_process& process) {
  if (process.args.empty() || process.args.front().empty()) throw error{errc::invalid, "plan", "command", "is empty"};
  for (const auto& arg : process.args) refuse_nul(arg, "argument");
  std::vector<std::string> env = process.env;
  std::string path;
  bool home = false;
  for (const auto& entry : env) {
    refuse_nul(entry, "environment");
    if (entry.starts_with("PATH=")) path = entry.substr(5);
    home = home || entry.starts_with("HOME=");
  }
  if (!home) {
    plan().home_slot = static_cast<std::int32_t>(env.size());
    env.emplace_back("HOME=/");
  }
  texts(&launch_plan::argv, process.args);
  texts(&launch_plan::envp, env);
  text(&launch_plan::path, path);
  text(&launch_plan::cwd, process.cwd.empty() ? "/" : process.cwd);
  text(&launch_plan::user, process.user.name);
  plan().uid = process.user.uid;
  plan().gid = process.user.gid;
  values(&launch_plan::groups, process.user.additional_gids);
  plan().caps_bounding = process.caps_bounding;
  plan().caps_effective = process.caps_effective;
  plan().caps_ambient = process.caps_ambient;
  const auto first = block_.link_list<plan_rlimit>(place_of(&launch_plan::rlimits), process.rlimits.size());
  for (std::size_t i = 0; i < process.rlimits.size(); ++i)
    block_.at<plan_rlimit>(first, i) = {process.rlimits[i].resource, process.rlimits[i].soft, process.rlimits[i].hard};
  if (process.no_new_privileges) plan().flags |= plan_no_new_privileges;
  if (process.terminal) plan().flags |= plan_terminal;
  if (process.oom_score_adj) {
    plan().flags |= plan_has_oom_score;
    plan().oom_score_adj = *process.oom_score_adj;
  }
  plan().rows = process.rows;
  plan().columns = process.columns;
}

void planner::security(const runtime_spec& spec) {
  values(&launch_plan::seccomp, spec.seccomp_bpf);
  if (spec.landlock.enabled) plan().flags |= plan_landlock;
  // In a network namespace of its own the abstract sockets are its own too. Scoping them there would only cut an exec,
  // which is in another Landlock domain, off from the container's first process.
  if (spec.landlock.scope && !spec.namespaces.network) plan().flags |= plan_landlock_scope;
}

std::string map_text(const std::vector<oci::spec_id_map>& maps) {
  std::string out;
  for (const auto& map : maps) out += text::cat(map.container_id, ' ', map.host_id, ' ', map.size, '\n');
  return out;
}

std::uint32_t host_root(const std::vector<oci::spec_id_map>& maps) {
  for (const auto& map : maps) {
    if (map.container_id == 0) return map.host_id;
  }
  return 0;
}

void planner::identity(const runtime_spec& spec) {
  text(&launch_plan::uid_map, map_text(spec.uid_mappings));
  text(&launch_plan::gid_map, map_text(spec.gid_mappings));
  if (!spec.namespaces.user) return;
  plan().root_uid = host_root(spec.uid_mappings);
  plan().root_gid = host_root(spec.gid_mappings);
}

void planner::cgroups(const cgroup_fds* cgroups) {
  if (cgroups == nullptr) return;
  auto& fds = plan().fds;
  fds.unified = borrow(cgroups->unified.get());
  fds.procs_first = static_cast<std::int32_t>(request_.fds.size());
  fds.procs_count = static_cast<std::uint32_t>(cgroups->procs.size());
  for (const auto& fd : cgroups->procs) borrow(fd.get());
  fds.parents_first = static_cast<std::int32_t>(request_.fds.size());
  fds.parents_count = static_cast<std::uint32_t>(cgroups->parents.size());
  for (const auto& fd : cgroups->parents) borrow(fd.get());
  fds.oom_events = borrow(cgroups->oom_events.get());
}

std::string_view beneath_root(std::string_view path, std::string_view what) {
  refuse_nul(path, what);
  if (path.empty() || path.front() != '/')
    throw error{errc::invalid, "mount", std::string{path}, "the destination must be an absolute path"};
  for (const auto part : text::split(path, '/')) {
    if (part == "..") throw error{errc::invalid, "mount", std::string{path}, "the destination must not contain '..'"};
  }
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) throw error{errc::invalid, "mount", "/", "the root itself cannot be mounted over"};
  return path;
}

std::uint64_t attributes_of(const spec_mount& mount) {
  std::uint64_t bits = 0;
  if (mount.read_only) bits |= MOUNT_ATTR_RDONLY;
  if (mount.nosuid) bits |= MOUNT_ATTR_NOSUID;
  if (mount.nodev) bits |= MOUNT_ATTR_NODEV;
  if (mount.noexec) bits |= MOUNT_ATTR_NOEXEC;
  return bits;
}

/// A detached copy of `path`, private and with the mount's attributes, so that the child only attaches it.
sys::unique_fd clone_bind(const spec_mount& mount) {
  const unsigned recursive = mount.recursive ? AT_RECURSIVE : 0;
  sys::unique_fd copy{
      ::open_tree(AT_FDCWD, mount.source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT | recursive)};
  if (!copy) {
    const auto code = errno == ENOENT ? errc::invalid : code_for_errno(errno);
    throw error::from_errno(code, errno, "bind mount", mount.source);
  }
  mount_attr attributes{};
  attributes.attr_set = attributes_of(mount);
  attributes.propagation = MS_PRIVATE;
  if (::mount_setattr(copy.get(), "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes) != 0)
    throw error::from_errno(errno, "mount_setattr", mount.source);
  return copy;
}

void planner::mounts(const runtime_spec& spec) {
  spec_mount shm;
  shm.type = spec_mount::kind::tmpfs;
  shm.destination = "/dev/shm";
  shm.noexec = true;
  shm.size_bytes = spec.shm_size;
  std::vector<const spec_mount*> wanted;
  if (!spec.devices_all) wanted.push_back(&shm);  // else the host's comes with its /dev
  for (const auto& mount : spec.mounts) {
    if (mount.type != spec_mount::kind::devpts) wanted.push_back(&mount);  // comes with /dev
  }
  const auto first = block_.link_list<plan_mount>(place_of(&launch_plan::mounts), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& mount = *wanted[i];
    plan_mount entry{};
    entry.fd_index = -1;
    entry.attributes = static_cast<std::uint32_t>(attributes_of(mount));
    entry.mode = mount.mode;
    entry.size_bytes = mount.size_bytes;
    switch (mount.type) {
      case spec_mount::kind::bind:
        entry.kind = plan_mount_kind::bind;
        entry.fd_index = own(clone_bind(mount));
        break;
      case spec_mount::kind::tmpfs:
        entry.kind = plan_mount_kind::tmpfs;
        break;
      case spec_mount::kind::proc:
        entry.kind = plan_mount_kind::proc;
        break;
      case spec_mount::kind::sysfs:
        entry.kind = plan_mount_kind::sysfs;
        break;
      case spec_mount::kind::mqueue:
        entry.kind = plan_mount_kind::mqueue;
        break;
      case spec_mount::kind::cgroup:
        entry.kind = plan_mount_kind::cgroup;
        break;
      case spec_mount::kind::devpts:
        break;
    }
    block_.at<plan_mount>(first, i) = entry;
    block_.link_text(first + i * sizeof(plan_mount) + offsetof(plan_mount, destination),
                     beneath_root(mount.destination, "mount destination"));
  }
}

void planner::files(const std::map<std::string, std::string>& files) {
  const auto first = block_.link_list<plan_file>(place_of(&launch_plan::files), files.size());
  std::size_t at = first;
  for (const auto& [destination, content] : files) {
    refuse_nul(content, destination);
    block_.link_text(at + offsetof(plan_file, destination), beneath_root(destination, "file destination"));
    block_.link_text(at + offsetof(plan_file, content), content);
    at += sizeof(plan_file);
  }
}

void planner::covers(plan_list<plan_cover> launch_plan::*member, const std::vector<std::string>& paths) {
  const auto first = block_.link_list<plan_cover>(place_of(member), paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string_view path = paths[i];
    const bool proc = path.starts_with("/proc/");
    if (!proc && !path.starts_with("/sys/"))
      throw error{errc::invalid, "mask", paths[i], "only paths below /proc and /sys can be masked"};
    block_.at<plan_cover>(first, i).under = proc ? plan_cover::base::proc : plan_cover::base::sysfs;
    block_.link_text(first + i * sizeof(plan_cover) + offsetof(plan_cover, path), path.substr(proc ? 6 : 5));
  }
}

std::uint64_t namespace_flags(const oci::spec_namespaces& wanted) {
  std::uint64_t flags = 0;
  if (wanted.user) flags |= CLONE_NEWUSER;
  if (wanted.mount) flags |= CLONE_NEWNS;
  if (wanted.pid) flags |= CLONE_NEWPID;
  if (wanted.network) flags |= CLONE_NEWNET;
  if (wanted.ipc) flags |= CLONE_NEWIPC;
  if (wanted.uts) flags |= CLONE_NEWUTS;
  return flags;
}

void set_id(launch_plan& plan, const std::string& id) {
  if (id.size() >= sizeof plan.id || id.find('/') != std::string::npos || id.empty() || id.front() == '.')
    throw error{errc::invalid, "plan", id, "is no container id"};
  std::copy(id.begin(), id.end(), plan.id);
}

sys::unique_fd clone_tree(int dir, const char* path, unsigned flags) {
  sys::unique_fd copy{::open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags)};
  if (!copy) throw error::from_errno(errno, "open_tree", *path == '\0' ? "store" : path);
  return copy;
}

}  // namespace

planned_request plan_launch(launch_request& request, int reply_fd) {
  const runtime_spec& spec = *request.spec;
  if (!spec.namespaces.mount || !spec.namespaces.pid)
    throw error{errc::invalid, "plan", request.id, "a container needs its own mount and pid namespaces"};
  if (request.rootfs.lower.empty()) throw error{errc::invalid, "plan", request.id, "the image has no layer"};
  planner p;
  set_id(p.plan(), request.id);
  p.identity(spec);
  p.process(spec.process);
  p.security(spec);
  p.text(&launch_plan::hostname, spec.hostname);

  // Overlay wants the topmost layer first.
  std::vector<std::string> lower{request.rootfs.lower.rbegin(), request.rootfs.lower.rend()};
  p.texts(&launch_plan::lower, lower);
  p.text(&launch_plan::upper, request.rootfs.upper);
  p.text(&launch_plan::work, request.rootfs.work);
  p.mounts(spec);
  p.files(spec.generated_files);
  p.covers(&launch_plan::masked, spec.masked_paths);
  p.covers(&launch_plan::readonly, spec.readonly_paths);
  p.texts(&launch_plan::cgroup_controllers,
          request.cgroups == nullptr ? std::vector<std::string>{} : request.cgroups->controllers);
  p.cgroups(request.cgroups);

  auto& plan = p.plan();
  plan.namespaces = namespace_flags(spec.namespaces);
  const auto flag = [&plan](bool wanted, plan_flag bit) {
    if (wanted) plan.flags |= bit;
  };
  flag(request.open_stdin, plan_open_stdin);
  flag(request.detached, plan_detached);
  flag(request.auto_remove, plan_auto_remove);
  flag(spec.namespaces.network && spec.loopback_up, plan_loopback_up);
  flag(spec.root_readonly, plan_root_readonly);
  flag(spec.namespaces.time && spec.hide_uptime, plan_hide_uptime);
  flag(spec.namespaces.cgroup, plan_new_cgroupns);
  flag(spec.namespaces.time, plan_new_timens);
  flag(!request.detached || request.auto_remove, plan_volatile);
  flag(spec.devices_all, plan_all_devices);

  plan_fds fds = plan.fds;
  fds.reply = p.borrow(reply_fd);
  fds.client = p.borrow(request.first_client.get());
  fds.state_dir = p.borrow(request.state_fd);
  fds.listener = p.borrow(request.listen_fd);
  fds.store = p.own(clone_tree(request.rootfs.store_fd, "", AT_EMPTY_PATH));
  if (spec.devices_all) fds.host_dev = p.own(clone_tree(AT_FDCWD, "/dev", AT_RECURSIVE));
  p.plan().fds = fds;
  return p.finish();
}

planned_request plan_exec(exec_request& request, int reply_fd, int status_fd) {
  const runtime_spec& spec = *request.container;
  planner p;
  set_id(p.plan(), "exec");
  p.identity(spec);
  p.process(*request.process);
  p.security(spec);
  p.text(&launch_plan::hostname, "");
  p.text(&launch_plan::upper, "");
  p.text(&launch_plan::work, "");
  p.cgroups(request.cgroups);

  auto& plan = p.plan();
  plan.flags |= plan_is_exec | (request.detached ? plan_detached : 0U);
  plan.namespaces = namespace_flags(spec.namespaces);
  if (spec.namespaces.cgroup) plan.namespaces |= CLONE_NEWCGROUP;
  if (spec.namespaces.time) plan.namespaces |= CLONE_NEWTIME;
  plan_fds fds = plan.fds;
  fds.reply = p.borrow(reply_fd);
  fds.client = p.borrow(status_fd);
  fds.target = p.borrow(request.target_pidfd);
  for (int i = 0; i < 3; ++i) fds.stdio[i] = p.borrow(request.stdio[i].get());
  p.plan().fds = fds;
  return p.finish();
}

}  // namespace contain::runtime
