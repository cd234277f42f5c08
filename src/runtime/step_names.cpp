#include "step_names.hpp"

#include <cerrno>

#include "contain/core/text.hpp"

namespace contain::runtime {

std::string_view step_name(step at) noexcept {
  switch (at) {
    case step::none:
      return "start";
    case step::clone:
      return "clone3";
    case step::map_ids:
      return "write uid_map";
    case step::join_cgroup:
      return "join cgroup";
    case step::open_store:
      return "open store";
    case step::idmap_store:
      return "mount_setattr idmap of the store";
    case step::open_layer:
      return "open layer";
    case step::mount_overlay:
      return "mount overlay";
    case step::make_dev:
      return "make /dev";
    case step::idmap_bind:
      return "mount_setattr idmap of a bind mount";
    case step::handshake:
      return "hand over the root file system";
    case step::become_root:
      return "become root of the user namespace";
    case step::set_hostname:
      return "sethostname";
    case step::loopback:
      return "bring loopback up";
    case step::network_namespace:
      return "unshare network namespace";
    case step::time_namespace:
      return "unshare time namespace";
    case step::cgroup_namespace:
      return "unshare cgroup namespace";
    case step::mount_proc:
      return "mount proc";
    case step::mount_sysfs:
      return "mount sysfs";
    case step::mount_cgroup:
      return "mount cgroup";
    case step::mount_tmpfs:
      return "mount tmpfs";
    case step::mount_mqueue:
      return "mount mqueue";
    case step::mount_devpts:
      return "mount devpts";
    case step::open_target:
      return "open mount target";
    case step::attach_mount:
      return "move_mount";
    case step::generated_file:
      return "mount generated file";
    case step::attach_root:
      return "attach root file system";
    case step::mask_path:
      return "mask path";
    case step::readonly_path:
      return "make path read-only";
    case step::readonly_root:
      return "make root read-only";
    case step::pivot_root:
      return "pivot_root";
    case step::detach_old_root:
      return "detach old root";
    case step::open_terminal:
      return "open terminal";
    case step::session:
      return "setsid";
    case step::find_user:
      return "find user";
    case step::change_directory:
      return "chdir";
    case step::set_rlimit:
      return "setrlimit";
    case step::keyring:
      return "join session keyring";
    case step::drop_bounding:
      return "drop capabilities from the bounding set";
    case step::set_groups:
      return "setgroups";
    case step::set_ids:
      return "setresuid";
    case step::set_capabilities:
      return "capset";
    case step::no_new_privileges:
      return "prctl PR_SET_NO_NEW_PRIVS";
    case step::landlock:
      return "landlock_restrict_self";
    case step::seccomp:
      return "seccomp";
    case step::close_descriptors:
      return "close_range";
    case step::join_namespaces:
      return "setns";
    case step::clone_exec:
      return "clone3 of an exec";
    case step::exec:
      return "exec";
    case step::count_:
      break;
  }
  return "start";
}

error launch_error(step at, int sys_errno, const std::string& command, const std::string& user,
                   const std::string& cwd) {
  const std::string operation{step_name(at)};
  switch (at) {
    case step::exec:
      if (sys_errno == ENOENT || sys_errno == ENOTDIR)
        return error{errc::command_not_found, "exec", command,
                     "no such file or directory in the container, or not in its PATH"};
      return error::from_errno(errc::command_not_executable, sys_errno, "exec", command);
    case step::find_user:
      return error{errc::unknown_user, operation, user,
                   sys_errno == ESRCH ? "no such group in the container's /etc/group"
                                      : "no such user in the container's /etc/passwd"};
    case step::change_directory:
      return error::from_errno(errc::bad_workdir, sys_errno, operation, cwd);
    case step::no_new_privileges:
    case step::landlock:
    case step::seccomp:
    case step::idmap_store:
      return error::from_errno(errc::isolation_missing, sys_errno, operation);
    default:
      return error::from_errno(sys_errno == ENOSPC || sys_errno == ENOMEM || sys_errno == EMFILE || sys_errno == ENFILE
                                   ? errc::exhausted
                                   : errc::start_failed,
                               sys_errno, operation);
  }
}

}  // namespace contain::runtime
