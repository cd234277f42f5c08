// A container's cgroups on a v1, v2 or hybrid host, limits written before the first process enters.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "contain/oci/runtime_spec.hpp"
#include "contain/runtime/supervisor.hpp"

namespace contain::runtime {

enum class cgroup_mode : unsigned char { v1, v2, hybrid, none };

/// What the host offers, read once per engine.
struct cgroup_host {
  cgroup_mode mode = cgroup_mode::none;
  struct hierarchy {
    std::string controllers;   ///< "memory"; "cpu,cpuacct" where mounted together; "" for v2
    std::string mountpoint;    ///< host path
    std::string own_path;      ///< this process's cgroup, relative to the mountpoint; "/" when unknown
  };
  std::vector<hierarchy> v1;   ///< only hierarchies this library uses
  std::string unified;         ///< v2 mountpoint, empty if there is none
  std::vector<std::string> unified_controllers;
};
cgroup_host probe_cgroups();

struct made_cgroups {
  cgroup_fds fds;
  std::vector<std::string> paths;      ///< host paths made, for removal and inspect
  std::vector<std::string> weakened;   ///< limits that could not be set, with the reason
};
/// Creates `spec.cgroups_path` in each needed hierarchy and writes the limits. On failure nothing is left.
/// Throws error{limit_refused} when the kernel refuses a value.
made_cgroups make_cgroups(const cgroup_host& host, const oci::runtime_spec& spec);
/// Opens the cgroups of a running container for an exec.
cgroup_fds open_cgroups(const cgroup_host& host, const std::string& cgroups_path);
/// Removes them; waits briefly for the kernel to let go. Idempotent; never throws.
void remove_cgroups(const cgroup_host& host, const std::string& cgroups_path) noexcept;

}  // namespace contain::runtime
