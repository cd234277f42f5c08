#include "contain/runtime/host_facts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "contain/core/text.hpp"
#include "contain/sys/control_file.hpp"
#include "contain/sys/probe.hpp"

namespace contain::runtime {
namespace {

bool exists(const char* path) noexcept { return ::access(path, F_OK) == 0; }

std::string trimmed(const char* path) {
  const auto text = sys::read_text(AT_FDCWD, path);
  return text ? std::string(text::trim(*text)) : std::string{};
}

/// Zero where an administrator has switched a namespace off.
bool sysctl_allows(const char* path) {
  const auto value = trimmed(path);
  return value != "0";
}

label_module find_label_module() {
  const auto modules = text::split(trimmed("/sys/kernel/security/lsm"), ',');
  const auto has = [&modules](std::string_view name) {
    return std::find(modules.begin(), modules.end(), name) != modules.end();
  };
  if (has("apparmor") || trimmed("/sys/module/apparmor/parameters/enabled") == "Y") return label_module::apparmor;
  if (has("selinux") || exists("/sys/fs/selinux/enforce")) return label_module::selinux;
  return label_module::none;
}

/// One directory a cpu, on machines that have them at all.
std::vector<std::string> find_thermal_paths() {
  std::vector<std::string> paths;
  const std::unique_ptr<DIR, int (*)(DIR*)> cpus{::opendir("/sys/devices/system/cpu"), &::closedir};
  if (!cpus || !exists("/sys/devices/system/cpu/cpu0/thermal_throttle")) return paths;
  while (const auto* entry = ::readdir(cpus.get())) {
    const std::string_view name(entry->d_name);
    if (!name.starts_with("cpu") || !text::parse_unsigned<unsigned>(name.substr(3))) continue;
    auto path = text::cat("/sys/devices/system/cpu/", name, "/thermal_throttle");
    if (exists(path.c_str())) paths.push_back(std::move(path));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string user_name(std::uint32_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_name;
}

void read_subordinate_ids(host_facts& facts) {
  const auto name = user_name(facts.uid);
  const auto range_in = [&](const char* path) -> std::optional<sys::id_range> {
    const auto table = sys::read_text(AT_FDCWD, path);
    return table ? sys::find_id_range(*table, name, facts.uid) : std::nullopt;
  };
  facts.subuids = range_in("/etc/subuid");
  facts.subgids = range_in("/etc/subgid");
}

std::uint64_t usable_memory(const cgroup_host& cgroups) {
  struct sysinfo info {};
  const std::uint64_t total = ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
  const auto limit = own_memory_limit(cgroups);
  return limit == 0 ? total : std::min(limit, total);
}

}  // namespace

host_facts probe_host() {
  host_facts facts;
  facts.uid = ::geteuid();
  facts.gid = ::getegid();
  if (facts.uid != 0) read_subordinate_ids(facts);
  facts.caps_bounding = sys::bounding_caps();
  if (const auto effective = sys::effective_caps()) facts.caps_effective = *effective;

  facts.cgroups = probe_cgroups();
  facts.memory_bytes = usable_memory(facts.cgroups);
  facts.cpus = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  const auto score = trimmed("/proc/self/oom_score_adj");
  (void)std::from_chars(score.data(), score.data() + score.size(), facts.oom_score_adj);
  for (std::size_t i = 0; i < facts.rlimits.size(); ++i)
    if (const auto limit = sys::get_rlimit(static_cast<int>(i))) facts.rlimits[i] = *limit;
  facts.cores_are_piped = trimmed("/proc/sys/kernel/core_pattern").starts_with('|');

  facts.user_namespaces = exists("/proc/self/ns/user") && sysctl_allows("/proc/sys/user/max_user_namespaces");
  if (facts.uid != 0) {
    // Two distributions' ways of keeping users out.
    facts.user_namespaces = facts.user_namespaces && sysctl_allows("/proc/sys/kernel/unprivileged_userns_clone") &&
                            trimmed("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != "1";
  }
  facts.time_namespaces = exists("/proc/self/ns/time") && sysctl_allows("/proc/sys/user/max_time_namespaces");
  facts.cgroup_namespaces = exists("/proc/self/ns/cgroup") && sysctl_allows("/proc/sys/user/max_cgroup_namespaces");
  constexpr const char* others[] = {"mnt", "pid", "net", "ipc", "uts"};
  facts.other_namespaces = std::all_of(std::begin(others), std::end(others), [](const char* name) {
    return exists(text::cat("/proc/self/ns/", name).c_str()) &&
           sysctl_allows(text::cat("/proc/sys/user/max_", name, "_namespaces").c_str());
  });
  facts.seccomp = sys::has_seccomp_filters();
  facts.landlock_abi = sys::landlock_abi();
  facts.label = find_label_module();
  facts.thermal_paths = find_thermal_paths();
  return facts;
}

}  // namespace contain::runtime
