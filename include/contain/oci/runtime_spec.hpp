// The OCI runtime-spec v1.2 config as plain data: the one road from a container's options to a launch plan.
// Only what this library acts on; JSON lives in src/oci/runtime_spec_json.cpp.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace contain::oci {

struct spec_user {
  /// Extension: "uid", "uid:gid", "name", "name:group" as images say it; resolved inside the container's root, by
  /// the child, so no host path is ever built from container content. Empty = uid and gid below.
  std::string name;
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> additional_gids;
};

struct spec_rlimit {
  int resource = 0;  ///< RLIMIT_x
  std::uint64_t soft = 0, hard = 0;
};

struct spec_process {
  bool terminal = false;
  unsigned short rows = 0, columns = 0;
  spec_user user;
  std::vector<std::string> args, env;  ///< env entries are NAME=value
  std::string cwd = "/";
  std::uint64_t caps_bounding = 0, caps_effective = 0;  ///< bit n = capability n; permitted = effective
  std::uint64_t caps_ambient = 0;                       ///< inheritable is the same set
  std::vector<spec_rlimit> rlimits;
  bool no_new_privileges = true;
  std::optional<int> oom_score_adj;
};

struct spec_mount {
  enum class kind : std::uint8_t { bind, tmpfs, proc, sysfs, devpts, mqueue, cgroup };
  kind type = kind::bind;
  std::string source;       ///< bind: absolute host path
  std::string destination;  ///< absolute, inside
  bool read_only = false, nosuid = true, nodev = true, noexec = false, recursive = true;
  unsigned mode = 01777;         ///< tmpfs
  std::uint64_t size_bytes = 0;  ///< tmpfs; 0 = the kernel's default
};

struct spec_id_map {
  std::uint32_t container_id = 0, host_id = 0, size = 0;
};

/// Which namespaces are new; those not listed are the host's.
struct spec_namespaces {
  bool user = true, mount = true, pid = true, network = true, ipc = true, uts = true, cgroup = true, time = true;
};

struct spec_resources {
  std::optional<std::uint64_t> memory_limit;
  std::optional<std::int64_t> pids_limit;
  std::optional<std::uint64_t> cpu_shares;
  std::optional<std::uint64_t> cpu_quota, cpu_period;  ///< microseconds
};

/// Extension: what Landlock forbids.
struct spec_landlock {
  bool enabled = false;
  bool scope = true;  ///< ABI 6: abstract unix sockets and signals stay inside
};

struct runtime_spec {
  spec_process process;
  std::string hostname;
  bool root_readonly = false;
  std::vector<spec_mount> mounts;  ///< in order; without /dev, which the supervisor builds
  spec_namespaces namespaces;
  std::vector<spec_id_map> uid_mappings, gid_mappings;
  spec_resources resources;
  std::string cgroups_path;  ///< relative to each hierarchy's root, "contain/<id>"
  std::vector<std::string> masked_paths, readonly_paths;
  /// Extension: a compiled classic BPF program, 8 bytes an instruction; empty = unconfined.
  std::vector<std::uint64_t> seccomp_bpf;
  spec_landlock landlock;
  std::uint64_t shm_size = 64ULL << 20U;
  bool loopback_up = true;
  bool hide_uptime = true;   ///< boottime offset of -now in the time namespace
  bool devices_all = false;  ///< privileged: the host's /dev
  /// Extension: small files made at each start and mounted over: destination -> content (/etc/hosts …).
  std::map<std::string, std::string> generated_files;
  std::map<std::string, std::string> annotations;
};

}  // namespace contain::oci
