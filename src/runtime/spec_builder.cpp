#include "contain/runtime/spec_builder.hpp"

#include <fcntl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/core/units.hpp"
#include "contain/runtime/profile.hpp"
#include "contain/runtime/seccomp_profile.hpp"
#include "contain/sys/control_file.hpp"
#include "contain/sys/signal.hpp"
#include "runtime/spec_process.hpp"

namespace contain::runtime {
namespace {

constexpr std::int64_t default_pids = 2048;
constexpr std::uint64_t smallest_memory = 6ULL << 20U;  // below, the kernel kills what it has just started
constexpr std::uint64_t cpu_period_us = 100'000;
constexpr double smallest_cpus = 0.01;  // 1 ms in each period, the least the kernel takes
constexpr std::uint64_t smallest_shares = 2, largest_shares = 262'144;
constexpr int oom_distance = 300, largest_oom = 1000;
constexpr std::size_t longest_hostname = 64;  // __NEW_UTS_LEN

/// Everything the parts of a spec are decided from.
struct request {
  std::string_view id;
  const container_options& options;
  const oci::execution_config& image;
  const host_facts& host;
  const profile_data& profile;
  isolation_ledger& ledger;
};

std::string choose_hostname(const request& r) {
  const auto& given = r.options.hostname;
  if (given.empty()) {
    utsname names{};
    if (r.options.network == network_mode::host && ::uname(&names) == 0) return names.nodename;
    return std::string(ids::short_id(r.id));
  }
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  if (given.size() > longest_hostname || given.front() == '-' || given.front() == '.' ||
      !std::all_of(given.begin(), given.end(), plain)) {
    throw error(errc::invalid, "set host name", given,
                text::cat("at most ", longest_hostname, " letters, digits, '-', '_' and '.'"));
  }
  return given;
}

void add_process(oci::runtime_spec& spec, const request& r) {
  auto& process = spec.process;
  process.terminal = r.options.tty;
  process.rows = r.options.size.rows;
  process.columns = r.options.size.columns;
  process.args = compose_command(r.options, r.image);
  process.env = compose_env(r.options.env, r.image.env, spec.hostname, r.options.tty);
  const auto& user = r.options.user.empty() ? r.image.user : r.options.user;
  if (!user.empty()) check_user(user);
  // "0" and not nothing: root's supplementary groups and home are those of the container's own files, too.
  process.user.name = user.empty() ? "0" : user;
  const auto& workdir = r.options.workdir.empty() ? r.image.working_dir : r.options.workdir;
  process.cwd = workdir.empty() ? "/" : clean_absolute(workdir, "working directory");
}

void add_namespaces(oci::runtime_spec& spec, const request& r, std::uint32_t first_id) {
  const auto& security = r.options.security;
  auto& spaces = spec.namespaces;
  if (!r.host.other_namespaces) {
    r.ledger.missing("namespaces", "this kernel lacks mount, pid, network, ipc or uts namespaces");
  } else {
    r.ledger.got("namespaces", "own mount, pid, ipc and uts namespaces");
  }

  spaces.network = r.options.network != network_mode::host;
  spec.loopback_up = r.options.network == network_mode::isolated;
  if (spaces.network) {
    r.ledger.got("network", spec.loopback_up ? "own network namespace with loopback only"
                                             : "own network namespace, loopback down");
  } else {
    r.ledger.opted_out("network", "the host's");
  }

  spaces.cgroup = false;
  const bool pure_v2 = r.host.cgroups.mode == cgroup_mode::v2;
  if (security.host_cgroupns || (!r.profile.private_cgroups && !pure_v2)) {
    r.ledger.opted_out("cgroup_namespace", "the host's");
  } else if (!r.host.cgroup_namespaces) {
    r.ledger.missing("cgroup_namespace", "this kernel has none");
  } else {
    spaces.cgroup = true;
    r.ledger.got("cgroup_namespace", "own");
  }

  spaces.time = false;
  if (security.host_timens) {
    r.ledger.opted_out("time_namespace", "the host's: its uptime is visible");
  } else if (!r.host.time_namespaces) {
    r.ledger.missing("time_namespace", "this kernel has none: the host's uptime is visible");
  } else {
    spaces.time = true;
    r.ledger.got("time_namespace", "own, boottime starts at 0");
  }
  spec.hide_uptime = spaces.time;

  spaces.user = false;
  if (security.host_userns || !r.profile.user_namespace) {
    r.ledger.opted_out("user_namespace", "the host's: root inside is root outside");
    r.ledger.opted_out("ownership", "files keep the image's ids");
    return;
  }
  if (!r.host.user_namespaces) {
    r.ledger.missing("user_namespace", "this kernel has none, or user.max_user_namespaces is 0");
    r.ledger.opted_out("ownership", "files keep the image's ids");
    return;
  }
  spaces.user = true;
  if (r.host.uid == 0) {
    if (first_id == 0 || first_id > std::numeric_limits<std::uint32_t>::max() - ids_per_container)
      throw error(errc::invalid, "map ids", std::to_string(first_id), "no private range starts there");
    spec.uid_mappings = spec.gid_mappings = {{0, first_id, ids_per_container}};
    r.ledger.got("user_namespace", text::cat(ids_per_container, " ids from ", first_id));
    r.ledger.got("ownership", "files keep the image's ids, mapped at the mount");
    return;
  }
  if (!r.host.subuids || !r.host.subgids)
    throw error(errc::no_subids, "map ids", text::cat("uid ", r.host.uid),
                "no subordinate ids in /etc/subuid or /etc/subgid");
  const auto map = [](std::uint32_t own, sys::id_range subordinate) {
    return std::vector<oci::spec_id_map>{{0, own, 1},
                                         {1, subordinate.start, std::min(subordinate.size, ids_per_container - 1)}};
  };
  spec.uid_mappings = map(r.host.uid, *r.host.subuids);
  spec.gid_mappings = map(r.host.gid, *r.host.subgids);
  r.ledger.got("user_namespace", text::cat(spec.uid_mappings[1].size, " ids from ", spec.uid_mappings[1].host_id,
                                           ", shared by this user's containers"));
  r.ledger.got("ownership", "files are stored with the subordinate ids");
}

void add_mounts(oci::runtime_spec& spec, const request& r) {
  // Privileged containers and docker's keep set-user-id programs and devices of binds working, as docker has them.
  const bool guarded = r.profile.user_namespace;
  std::vector<oci::spec_mount> given;
  for (const auto& m : r.options.mounts) {
    oci::spec_mount mount;
    mount.type = m.type == mount_option::kind::bind ? oci::spec_mount::kind::bind : oci::spec_mount::kind::tmpfs;
    mount.destination = clean_absolute(m.destination, "mount destination");
    mount.read_only = m.read_only;
    if (m.type == mount_option::kind::bind) {
      mount.source = clean_absolute(m.source, "mount source");
      mount.nosuid = mount.nodev = guarded;
    } else {
      mount.mode = m.mode;
      mount.size_bytes = m.size_bytes;
      mount.noexec = true;
    }
    if (mount.destination == "/" || mount.destination == "/proc" || mount.destination.starts_with("/proc/"))
      throw error(errc::invalid, "mount", mount.destination, "the root and /proc cannot be mounted over");
    if (std::any_of(given.begin(), given.end(),
                    [&](const auto& other) { return other.destination == mount.destination; }))
      throw error(errc::invalid, "mount", mount.destination, "mounted twice");
    given.push_back(std::move(mount));
  }
  // Parents before children, else the parent would hide them.
  const auto depth = [](const oci::spec_mount& m) {
    return std::count(m.destination.begin(), m.destination.end(), '/');
  };
  std::stable_sort(given.begin(), given.end(), [&](const auto& a, const auto& b) { return depth(a) < depth(b); });

  const auto add = [&](oci::spec_mount mount) {
    if (std::none_of(given.begin(), given.end(), [&](const auto& g) { return g.destination == mount.destination; }))
      spec.mounts.push_back(std::move(mount));
  };
  using kind = oci::spec_mount::kind;
  add({.type = kind::proc, .source = "proc", .destination = "/proc", .noexec = true});
  add({.type = kind::sysfs,
       .source = "sysfs",
       .destination = "/sys",
       .read_only = !r.profile.all_devices,
       .noexec = true});
  if (r.host.cgroups.mode != cgroup_mode::none) {
    add({.type = kind::cgroup,
         .source = "cgroup",
         .destination = "/sys/fs/cgroup",
         .read_only = !r.profile.all_devices,
         .noexec = true});
  }
  if (r.profile.read_only_root) {
    add({.type = kind::tmpfs, .source = "tmpfs", .destination = "/run", .noexec = true, .mode = 0755});
    add({.type = kind::tmpfs, .source = "tmpfs", .destination = "/tmp", .noexec = true});
    add({.type = kind::tmpfs, .source = "tmpfs", .destination = "/var/tmp", .noexec = true});
  }
  spec.mounts.insert(spec.mounts.end(), given.begin(), given.end());

  spec.root_readonly = r.options.read_only_root || r.profile.read_only_root;
  r.ledger.got("root_filesystem", spec.root_readonly ? "read-only" : "writable, changes are the container's own");
  spec.devices_all = r.profile.all_devices;
  if (spec.devices_all) {
    r.ledger.opted_out("devices", "the host's /dev");
  } else {
    r.ledger.got("devices", "null zero full random urandom tty and an own devpts");
  }
}

std::string host_file(const char* path) {
  auto text = sys::read_text(AT_FDCWD, path);
  // A link, as systemd-resolved makes it, is fine here: this is the host's own configuration.
  if (!text && text.error() == ELOOP) {
    char target[4096];
    const auto size = ::readlink(path, target, sizeof target - 1);
    if (size <= 0) return {};
    std::string resolved(target, static_cast<std::size_t>(size));
    if (resolved.front() != '/') resolved.insert(0, "/etc/");
    text = sys::read_text(AT_FDCWD, resolved.c_str());
  }
  return text ? *std::move(text) : std::string{};
}

void add_generated_files(oci::runtime_spec& spec, const request& r) {
  const auto add = [&](const char* destination, std::string content) {
    const bool taken = std::any_of(spec.mounts.begin(), spec.mounts.end(),
                                   [&](const oci::spec_mount& m) { return m.destination == destination; });
    if (!taken) spec.generated_files.emplace(destination, std::move(content));
  };
  add("/etc/hostname", spec.hostname + "\n");
  if (r.options.network == network_mode::host) {
    add("/etc/hosts", host_file("/etc/hosts"));
    add("/etc/resolv.conf", host_file("/etc/resolv.conf"));
    return;
  }
  add("/etc/hosts", text::cat("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
                              "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\n"
                              "ff02::2\tip6-allrouters\n127.0.1.1\t",
                              spec.hostname, '\n'));
  // No server is named: a query then goes to loopback and fails at once instead of after a timeout.
  add("/etc/resolv.conf", "# Written by contain: this container has no network.\n");
}

void add_resources(oci::runtime_spec& spec, const request& r) {
  const auto& limits = r.options.limits;
  auto& resources = spec.resources;
  if (limits.memory_bytes && *limits.memory_bytes != 0) {
    if (*limits.memory_bytes < smallest_memory)
      throw error(errc::invalid, "limit memory", text::cat(*limits.memory_bytes, " bytes"), "the least is 6 MiB");
    resources.memory_limit = limits.memory_bytes;
  } else if (!limits.memory_bytes && r.profile.limits && r.host.memory_bytes != 0) {
    resources.memory_limit = std::max(smallest_memory, r.host.memory_bytes / 5 * 4);
  }
  if (limits.pids) {
    if (*limits.pids > 0) resources.pids_limit = limits.pids;
  } else if (r.profile.limits) {
    resources.pids_limit = default_pids;
  }
  if (limits.cpus && *limits.cpus != 0) {
    if (!(*limits.cpus >= smallest_cpus) || *limits.cpus > r.host.cpus)
      throw error(errc::invalid, "limit cpus", std::to_string(*limits.cpus),
                  text::cat("from 0.01 to the ", r.host.cpus, " of this host"));
    resources.cpu_period = cpu_period_us;
    resources.cpu_quota = static_cast<std::uint64_t>(std::llround(*limits.cpus * static_cast<double>(cpu_period_us)));
  }
  if (limits.cpu_shares && *limits.cpu_shares != 0) {
    if (*limits.cpu_shares < smallest_shares || *limits.cpu_shares > largest_shares)
      throw error(errc::invalid, "set cpu shares", std::to_string(*limits.cpu_shares),
                  text::cat("from ", smallest_shares, " to ", largest_shares));
    resources.cpu_shares = limits.cpu_shares;
  }
  spec.process.rlimits = choose_rlimits(limits.rlimits, r.profile, r.host, r.ledger);
  if (r.profile.limits) spec.process.oom_score_adj = std::min(largest_oom, r.host.oom_score_adj + oom_distance);

  std::vector<std::string> parts;
  if (resources.memory_limit) parts.push_back("memory " + units::human_size(*resources.memory_limit));
  if (resources.pids_limit) parts.push_back(text::cat("pids ", *resources.pids_limit));
  if (resources.cpu_quota) parts.push_back(text::cat("cpu ", *resources.cpu_quota / 1000, " ms in 100 ms"));
  if (!resources.memory_limit || !resources.pids_limit) {
    parts.push_back(resources.memory_limit ? "pids unlimited"
                    : resources.pids_limit ? "memory unlimited"
                                           : "memory and pids unlimited");
    r.ledger.opted_out("limits", text::join(parts, ", "));
  } else if (r.host.cgroups.mode == cgroup_mode::none) {
    r.ledger.missing("limits", "no cgroups are mounted: " + text::join(parts, ", ") + " cannot be enforced");
  } else {
    r.ledger.got("limits", text::join(parts, ", "));
  }
}

void add_masks(oci::runtime_spec& spec, const request& r) {
  const auto& unmask = r.options.security.unmask;
  const bool all = std::find(unmask.begin(), unmask.end(), "ALL") != unmask.end();
  std::vector<std::string> shown;
  const auto add = [&](std::vector<std::string>& to, std::string_view path) {
    if (all || std::find(unmask.begin(), unmask.end(), path) != unmask.end()) {
      shown.emplace_back(path);
    } else {
      to.emplace_back(path);
    }
  };
  for (const auto path : r.profile.masked) add(spec.masked_paths, path);
  for (const auto path : r.profile.readonly) add(spec.readonly_paths, path);
  if (!r.profile.masked.empty())
    for (const auto& path : r.host.thermal_paths) add(spec.masked_paths, path);
  for (const auto& path : unmask) {
    if (path != "ALL" && std::find(shown.begin(), shown.end(), path) == shown.end())
      throw error(errc::invalid, "unmask", path, "not a path that this profile masks");
  }
  const auto count = text::cat(spec.masked_paths.size(), " hidden, ", spec.readonly_paths.size(), " read-only");
  if (!shown.empty()) {
    r.ledger.opted_out("masked_paths", text::cat(count, "; shown: ", text::join(shown, " ")));
  } else if (r.profile.masked.size() < data_of(isolation_profile::standard).masked.size()) {
    r.ledger.opted_out("masked_paths", text::cat(count, " (profile ", r.profile.name, ")"));
  } else {
    r.ledger.got("masked_paths", count);
  }
}

void add_seccomp(oci::runtime_spec& spec, const request& r) {
  const auto& security = r.options.security;
  if (security.seccomp == "unconfined" ||
      (security.seccomp.empty() && r.profile.seccomp == seccomp_choice::unconfined)) {
    r.ledger.opted_out("seccomp", "unconfined");
    r.ledger.opted_out("native_abi", "every system call ABI of the kernel");
    return;
  }
  if (!r.host.seccomp) {
    r.ledger.missing("seccomp", "this kernel has no seccomp filters");
    r.ledger.missing("native_abi", "this kernel has no seccomp filters");
    return;
  }
  const auto caps = spec.process.caps_bounding;
  if (!security.seccomp.empty()) {
    const auto path = clean_absolute(security.seccomp, "seccomp profile");
    const auto json = sys::read_text(AT_FDCWD, path.c_str());
    if (!json) throw error::from_errno(json.error(), "read seccomp profile", path);
    try {
      spec.seccomp_bpf = compile_seccomp(*json, caps).bpf;
    } catch (error& e) {
      e.during("compiling " + path);
      throw;
    }
    r.ledger.opted_out("seccomp", "profile " + path);
    r.ledger.opted_out("native_abi", "as profile " + path + " says");
    return;
  }
  const auto which = r.profile.seccomp == seccomp_choice::docker ? seccomp_builtin::docker : seccomp_builtin::standard;
  // docker's profile has always let 32-bit programs in.
  const bool foreign = security.abi32 || which == seccomp_builtin::docker;
  auto program = builtin_seccomp(which, caps, foreign ? foreign_abi::filter : foreign_abi::kill);
  spec.seccomp_bpf = std::move(program.bpf);
  const auto detail = text::cat(program.allowed, " system calls allowed");
  if (which == seccomp_builtin::docker) {
    r.ledger.opted_out("seccomp", detail + " (profile docker)");
  } else {
    r.ledger.got("seccomp", detail);
  }
  if (foreign) {
    r.ledger.opted_out("native_abi", "32-bit calls are filtered, too");
  } else {
    r.ledger.got("native_abi", "calls of other ABIs end the process");
  }
}

void add_privileges(oci::runtime_spec& spec, const request& r) {
  const auto& security = r.options.security;
  auto& process = spec.process;
  process.caps_bounding = choose_caps(security, r.profile, spec.namespaces.user, r.host, r.ledger);
  process.caps_effective = process.caps_bounding;
  process.no_new_privileges = security.no_new_privileges && r.profile.no_new_privileges;
  if (process.no_new_privileges) {
    r.ledger.got("no_new_privileges", "on");
  } else {
    r.ledger.opted_out("no_new_privileges", "off: set-user-id programs work");
  }
  add_seccomp(spec, r);

  if (!security.landlock || !r.profile.landlock) {
    r.ledger.opted_out("landlock", "off");
  } else if (r.host.landlock_abi == 0) {
    r.ledger.missing("landlock", "this kernel has none, or it is not in its lsm= list");
  } else {
    spec.landlock = {.enabled = true, .scope = r.host.landlock_abi >= 6};
    const auto detail = text::cat("ABI ", r.host.landlock_abi, ": no device nodes, device ioctls in /dev only");
    // The host's abstract sockets are in reach only of a container in its network.
    if (spec.namespaces.network) {
      r.ledger.got("landlock", detail);
    } else if (spec.landlock.scope) {
      r.ledger.got("landlock", detail + ", no abstract sockets of the host");
    } else {
      r.ledger.missing("landlock", detail + ", but the host's abstract sockets are in reach before Linux 6.12");
    }
  }
  if (r.profile.name == "privileged") {
    r.ledger.opted_out("lsm", "as this process");
  } else if (r.host.label == label_module::none) {
    r.ledger.missing("lsm", "no AppArmor or SELinux on this host");
  } else {
    r.ledger.missing("lsm", text::cat(r.host.label == label_module::apparmor ? "AppArmor" : "SELinux",
                                      " is on and containers keep the label of this process"));
  }
  r.ledger.got("keyring", "own session keyring");
}

}  // namespace

built_spec build_spec(std::string_view id, const container_options& options, const oci::execution_config& image,
                      const host_facts& host, std::uint32_t first_id) {
  const auto& profile = data_of(options.security.profile);
  isolation_ledger ledger(options.security);
  const request r{id, options, image, host, profile, ledger};

  built_spec built;
  auto& spec = built.spec;
  spec.cgroups_path = text::cat("contain/", id);
  spec.hostname = choose_hostname(r);
  add_process(spec, r);
  add_namespaces(spec, r, first_id);
  add_mounts(spec, r);
  add_generated_files(spec, r);
  add_resources(spec, r);
  add_masks(spec, r);
  add_privileges(spec, r);

  const auto& signal = options.stop_signal.empty() ? image.stop_signal : options.stop_signal;
  if (!signal.empty()) {
    const auto number = sys::parse_signal(signal);
    if (!number) throw error(errc::invalid, "read stop signal", signal, "no signal has this name");
    built.stop_signal = *number;
  }
  built.isolation = std::move(ledger).take();
  return built;
}

}  // namespace contain::runtime
