// A container's cgroups on a v1, v2 or hybrid host, limits written before the first process enters.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "contain/oci/runtime_spec.hpp"
#include "contain/runtime/supervisor.hpp"

namespace contain::runtime {

enum class cgroup_mode : unsigned char { v1, v2, hybrid, none };

/// What the host offers, read once per engine.
struct cgroup_host {
  cgroup_mode mode = cgroup_mode::none;
  struct hierarchy {
    std::string controllers;  ///< "memory"; "cpu,cpuacct" where mounted together; "" for v2
    std::string mountpoint;   ///< host path
    std::string own_path;     ///< this process's cgroup, relative to the mountpoint; "/" when unknown
  };
  std::vector<hierarchy> v1;  ///< only hierarchies this library uses
  std::string unified;        ///< v2 mountpoint, empty if there is none
  std::string unified_own_path = "/";
  std::vector<std::string> unified_controllers;
};
/// From /proc/self/mountinfo and /proc/self/cgroup.
cgroup_host probe_cgroups();
/// The same from the text of these files, but for the controllers of v2.
cgroup_host read_cgroup_host(std::string_view mountinfo, std::string_view own_cgroups);
/// What the cgroups of this process let it have of memory, in bytes; 0 = no limit.
std::uint64_t own_memory_limit(const cgroup_host& host);

struct made_cgroups {
  cgroup_fds fds;
  std::vector<std::string> paths;     ///< host paths made, for removal and inspect
  std::vector<std::string> weakened;  ///< limits that could not be set, with the reason
};
/// Creates `spec.cgroups_path` in each needed hierarchy and writes the limits: below the hierarchy's root where that is
/// permitted, else below this process's own cgroup. On v1 memory and pids are joined, cpu when it is limited; on v2
/// there is one directory. The parent ("contain") stays. On failure nothing else is left.
/// Throws error{limit_refused} with file and value when the kernel refuses a value.
made_cgroups make_cgroups(const cgroup_host& host, const oci::runtime_spec& spec);
/// Opens the cgroups of a running container for an exec.
cgroup_fds open_cgroups(const cgroup_host& host, const std::string& cgroups_path);
/// Removes them; waits briefly for the kernel to let go. Idempotent; never throws.
void remove_cgroups(const cgroup_host& host, const std::string& cgroups_path) noexcept;

}  // namespace contain::runtime
