// What this host and this process can give a container, read once per engine; a plain value, so that tests can say what
// another host would be like.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contain/runtime/cgroup.hpp"
#include "contain/sys/caps.hpp"
#include "contain/sys/idmap.hpp"
#include "contain/sys/rlimit.hpp"

namespace contain::runtime {

/// The mandatory access control in force, because at most one of these labels processes.
enum class label_module : unsigned char { none, apparmor, selinux };

struct host_facts {
  std::uint32_t uid = 0, gid = 0;                 ///< effective ids of this process
  std::optional<sys::id_range> subuids, subgids;  ///< of this user, when it is not root
  sys::cap_mask caps_bounding = sys::all_caps, caps_effective = sys::all_caps;

  std::uint64_t memory_bytes = 0;  ///< what this process may use: its cgroups' limit or all there is
  unsigned cpus = 1;               ///< online
  int oom_score_adj = 0;
  std::array<sys::rlimit_pair, RLIM_NLIMITS> rlimits{};  ///< by RLIMIT_x
  bool cores_are_piped = false;                          ///< core_pattern starts a program on the host

  bool user_namespaces = true, time_namespaces = true, cgroup_namespaces = true, other_namespaces = true;
  bool seccomp = true;
  unsigned landlock_abi = 0;  ///< 0 = absent or switched off
  label_module label = label_module::none;

  std::vector<std::string> thermal_paths;  ///< …/cpuN/thermal_throttle directories that exist
  cgroup_host cgroups;
};

/// Reads, changes nothing; under 1 ms.
host_facts probe_host();

}  // namespace contain::runtime
