// The launch plan: one block of plain bytes in which everything a launch needs is already decided. The library builds
// it (src/runtime/planner.cpp), one message carries it and its descriptors to the supervisor, and the code between
// clone3 and execve only reads it. Nothing in it is a host path that would be resolved again.
//
//   supervisor                                child (clone3: new user, mount, pid, net, ipc, uts namespaces)
//   ------------------------------------------------------------------------------------------------------
//   clone3 ---------------------------------> waits on its end of a socketpair
//   writes uid_map, gid_map
//   "mapped" -------------------------------> becomes uid 0; hostname, lo, proc, sysfs, tmpfs, all detached
//   cgroups, idmapped store, overlay, /dev
//   "root" + [rootfs, dev, binds…] ---------> attaches everything by descriptor, pivots, masks
//             <------------------------------ "ready" + [pty master]        (only with a terminal)
//                                             ids, capabilities, Landlock, seccomp, execve
//             <------------------------------ end of file = executed; or {step, errno}
#pragma once
#include <cstddef>
#include <cstdint>

namespace contain::runtime {

/// A self-relative pointer: survives copying of the whole block. 0 = null.
template <class T>
struct relative {
  std::int32_t offset = 0;
  [[nodiscard]] const T* get() const noexcept {
    return offset == 0 ? nullptr : reinterpret_cast<const T*>(reinterpret_cast<const char*>(this) + offset);
  }
  [[nodiscard]] T* get() noexcept {
    return offset == 0 ? nullptr : reinterpret_cast<T*>(reinterpret_cast<char*>(this) + offset);
  }
};
using plan_text = relative<char>;  ///< NUL-terminated, never null once planned

/// `size` elements at `first`.
template <class T>
struct plan_list {
  relative<T> first;
  std::uint32_t size = 0;
  [[nodiscard]] const T* begin() const noexcept { return first.get(); }
  [[nodiscard]] const T* end() const noexcept { return first.get() + size; }
  [[nodiscard]] T* begin() noexcept { return first.get(); }
  [[nodiscard]] T* end() noexcept { return first.get() + size; }
};

enum class plan_mount_kind : std::uint32_t { bind, tmpfs, proc, sysfs, mqueue, cgroup };

struct plan_mount {
  plan_mount_kind kind;
  std::uint32_t attributes;  ///< MOUNT_ATTR_x
  std::int32_t fd_index;     ///< bind: which descriptor of the message is the detached source
  std::uint32_t mode;        ///< tmpfs
  std::uint64_t size_bytes;  ///< tmpfs
  plan_text destination;     ///< relative to the root, no leading slash
};

struct plan_file {
  plan_text destination;  ///< relative to the root
  plan_text content;
};

struct plan_rlimit {
  std::int32_t resource;
  std::uint64_t soft, hard;
};

/// A path to hide or to make read-only, relative to the procfs or the sysfs that the child has just mounted: it is
/// opened beneath that mount's own descriptor, so nothing in the image can redirect it (CVE-2019-16884,
/// CVE-2025-31133).
struct plan_cover {
  enum class base : std::uint32_t { proc, sysfs } under;
  plan_text path;
};

enum plan_flag : std::uint32_t {
  plan_terminal = 1U << 0U,
  plan_open_stdin = 1U << 1U,
  plan_detached = 1U << 2U,
  plan_auto_remove = 1U << 3U,
  plan_loopback_up = 1U << 4U,
  plan_no_new_privileges = 1U << 5U,
  plan_landlock = 1U << 6U,
  plan_landlock_scope = 1U << 7U,
  plan_root_readonly = 1U << 8U,
  plan_hide_uptime = 1U << 9U,
  plan_new_cgroupns = 1U << 10U,
  plan_new_timens = 1U << 11U,
  plan_volatile = 1U << 12U,  ///< overlay never syncs: the container's files die with it
  plan_all_devices = 1U << 13U,
  plan_has_oom_score = 1U << 14U,
  plan_is_exec = 1U << 15U,  ///< join the namespaces of a running container instead
};

/// Where in the message's descriptors each one is; -1 = absent.
struct plan_fds {
  std::int32_t reply = -1;   ///< answers go here: reply_frame
  std::int32_t client = -1;  ///< launch: first attached client, may be absent. exec: where the exit frame goes
  std::int32_t state_dir = -1, listener = -1, store = -1, oom_events = -1, unified = -1, host_dev = -1;
  std::int32_t target = -1;  ///< exec: pidfd of the container's first process
  std::int32_t stdio[3] = {-1, -1, -1};
  std::int32_t procs_first = -1, parents_first = -1;
  std::uint32_t procs_count = 0, parents_count = 0;
};

struct launch_plan {
  std::uint32_t size = 0;        ///< of the whole block
  std::uint32_t flags = 0;       ///< plan_flag
  std::uint64_t namespaces = 0;  ///< CLONE_NEWx for clone3, or for setns(2) by an exec
  char id[72] = {};
  plan_text uid_map, gid_map;                ///< the very text for /proc/PID/uid_map
  std::uint32_t root_uid = 0, root_gid = 0;  ///< host ids of the container's root
  plan_fds fds;

  plan_list<plan_text> lower;  ///< top layer first, as overlayfs wants them; relative to the store
  plan_text upper, work;
  plan_list<plan_mount> mounts;
  plan_list<plan_file> files;
  plan_list<plan_cover> masked, readonly;
  plan_list<plan_text> cgroup_controllers;  ///< v1 hierarchies to mount inside, parallel to fds.procs

  plan_text hostname, cwd, user;  ///< user: empty = uid and gid below
  std::uint32_t uid = 0, gid = 0;
  plan_list<std::uint32_t> groups;
  plan_list<plan_text> argv, envp;
  plan_text path;               ///< PATH of envp, "" if unset
  std::int32_t home_slot = -1;  ///< index in envp that is "HOME=" and wants the user's home; -1 = given
  std::uint64_t caps_bounding = 0, caps_effective = 0, caps_ambient = 0;
  plan_list<plan_rlimit> rlimits;
  plan_list<std::uint64_t> seccomp;  ///< struct sock_filter, 8 bytes each
  std::int32_t oom_score_adj = 0;
  std::uint16_t rows = 0, columns = 0;
};

/// Where a launch failed. One name per step in src/runtime/step_names.cpp; a test asserts it.
enum class step : std::uint32_t {
  none,
  clone,
  map_ids,
  join_cgroup,
  open_store,
  idmap_store,
  open_layer,
  mount_overlay,
  make_dev,
  idmap_bind,
  handshake,
  become_root,
  set_hostname,
  loopback,
  network_namespace,
  time_namespace,
  cgroup_namespace,
  mount_proc,
  mount_sysfs,
  mount_cgroup,
  mount_tmpfs,
  mount_mqueue,
  mount_devpts,
  open_target,
  attach_mount,
  generated_file,
  attach_root,
  mask_path,
  readonly_path,
  readonly_root,
  pivot_root,
  detach_old_root,
  open_terminal,
  session,
  find_user,
  change_directory,
  set_rlimit,
  keyring,
  drop_bounding,
  set_groups,
  set_ids,
  set_capabilities,
  no_new_privileges,
  landlock,
  seccomp,
  close_descriptors,
  join_namespaces,
  clone_exec,
  exec,
  count_,
};

/// Hardening rows that a launch could not get; bits of launch_reply::weakened.
enum weakened_row : std::uint32_t { weak_landlock = 1, weak_timens = 2, weak_landlock_scope = 4 };

}  // namespace contain::runtime
