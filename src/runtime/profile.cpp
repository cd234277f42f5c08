#include "contain/runtime/profile.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain {

std::string_view to_string(isolation_row::grade grade) noexcept {
  switch (grade) {
    case isolation_row::grade::got:
      return "got";
    case isolation_row::grade::weakened:
      return "weakened";
    case isolation_row::grade::opted_out:
      return "opted out";
  }
  return "";
}

}  // namespace contain

namespace contain::runtime {
namespace {

template <std::size_t N>
constexpr sys::cap_mask mask_of(const std::array<std::string_view, N>& names) {
  sys::cap_mask set = 0;
  for (const auto name : names) set |= sys::cap_bit(sys::parse_cap(name).value());
  return set;
}

// NET_BIND_SERVICE stays although ports below 1024 need no privilege in our network namespaces: file capabilities that
// are not in the bounding set make execve fail (caddy), they are not just ignored.
constexpr auto standard_caps = mask_of<9>(
    {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE"});
constexpr auto docker_caps = standard_caps | mask_of<5>({"NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"});

// Files that tell about the host's hardware, its kernel's addresses or its other users, and directories that act on
// them. The first twelve are docker's; /proc/interrupts and powercap leak through side channels.
constexpr std::array<std::string_view, 36> standard_masked = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/proc/dynamic_debug",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/kallsyms",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/modules",
    "/proc/mtrr",
    "/proc/pagetypeinfo",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/vmallocinfo",
    "/sys/class/dmi",
    "/sys/devices/virtual/dmi",
    "/sys/fs/bpf",
    "/sys/fs/pstore",
    "/sys/fs/selinux",
    "/sys/hypervisor",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
    "/sys/module",
    "/sys/power",
    "/sys/kernel/slab",
};
constexpr std::span<const std::string_view> docker_masked = std::span(standard_masked).first(12);
constexpr std::array<std::string_view, 4> standard_readonly = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};
constexpr std::array<std::string_view, 5> docker_readonly = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                             "/proc/sysrq-trigger"};

constexpr profile_data standard_profile{
    .name = "default", .caps = standard_caps, .masked = standard_masked, .readonly = standard_readonly};

constexpr profile_data sealed_profile{.name = "sealed",
                                      .caps = standard_caps,
                                      .read_only_root = true,
                                      .masked = standard_masked,
                                      .readonly = standard_readonly};

constexpr profile_data docker_profile{.name = "docker",
                                      .caps = docker_caps,
                                      .seccomp = seccomp_choice::docker,
                                      .user_namespace = false,
                                      .no_new_privileges = false,
                                      .landlock = false,
                                      .limits = false,
                                      .private_cgroups = false,
                                      .masked = docker_masked,
                                      .readonly = docker_readonly};

constexpr profile_data privileged_profile{.name = "privileged",
                                          .caps = sys::all_caps,
                                          .seccomp = seccomp_choice::unconfined,
                                          .user_namespace = false,
                                          .no_new_privileges = false,
                                          .landlock = false,
                                          .limits = false,
                                          .private_cgroups = false,
                                          .all_devices = true,
                                          .masked = {},
                                          .readonly = {}};

constexpr std::array<row_rule, 18> rules = {{
    {"user_namespace", row_kind::containing},
    {"namespaces", row_kind::containing},
    {"ownership", row_kind::hardening},
    {"capabilities", row_kind::containing},
    {"no_new_privileges", row_kind::containing},
    {"seccomp", row_kind::containing},
    {"native_abi", row_kind::containing},
    {"landlock", row_kind::hardening},
    {"lsm", row_kind::hardening},
    {"masked_paths", row_kind::containing},
    {"root_filesystem", row_kind::hardening},
    {"cgroup_namespace", row_kind::containing},
    {"time_namespace", row_kind::hardening},
    {"devices", row_kind::containing},
    {"limits", row_kind::hardening},
    {"core_dumps", row_kind::hardening},
    {"network", row_kind::containing},
    {"keyring", row_kind::containing},
}};

const row_rule* find_rule(std::string_view row) noexcept {
  const auto at = std::find_if(rules.begin(), rules.end(), [row](const row_rule& r) { return r.name == row; });
  return at == rules.end() ? nullptr : &*at;
}

/// Throws when a container must not start without `row`.
void refuse_if_needed(std::string_view row, const std::string& reason, bool strict,
                      const std::vector<std::string>& on_missing) {
  const auto* rule = find_rule(row);
  const bool needed = strict || rule == nullptr || rule->kind == row_kind::containing;
  if (!needed || std::find(on_missing.begin(), on_missing.end(), row) != on_missing.end()) return;
  error e(errc::isolation_missing, "isolate", std::string(row), reason);
  throw std::move(e.with_hint(text::cat("contain doctor  # or accept it by name: --security-opt on-missing=", row)));
}

}  // namespace

const profile_data& data_of(isolation_profile profile) noexcept {
  switch (profile) {
    case isolation_profile::sealed:
      return sealed_profile;
    case isolation_profile::docker:
      return docker_profile;
    case isolation_profile::privileged:
      return privileged_profile;
    case isolation_profile::standard:
      break;
  }
  return standard_profile;
}

std::span<const row_rule> isolation_rules() noexcept { return rules; }

isolation_ledger::isolation_ledger(const security_options& security)
    : strict_(security.strict), on_missing_(security.on_missing) {
  for (const auto& row : on_missing_) {
    if (find_rule(row) != nullptr) continue;
    std::vector<std::string> names;
    for (const auto& rule : rules) names.emplace_back(rule.name);
    throw error(errc::invalid, "read on_missing", row, "no such row; the rows are " + text::join(names, ", "));
  }
}

void isolation_ledger::got(std::string_view row, std::string detail) {
  put(row, isolation_row::grade::got, std::move(detail));
}

void isolation_ledger::opted_out(std::string_view row, std::string detail) {
  put(row, isolation_row::grade::opted_out, std::move(detail));
}

void isolation_ledger::missing(std::string_view row, const std::string& reason) {
  refuse_if_needed(row, reason, strict_, on_missing_);
  put(row, isolation_row::grade::weakened, reason);
}

void isolation_ledger::put(std::string_view row, isolation_row::grade grade, std::string detail) {
  const auto at = std::find_if(rows_.begin(), rows_.end(), [row](const isolation_row& r) { return r.name == row; });
  if (at != rows_.end()) {
    *at = {std::string(row), grade, std::move(detail)};
  } else {
    rows_.push_back({std::string(row), grade, std::move(detail)});
  }
}

std::vector<isolation_row> isolation_ledger::take() && {
  const auto place = [](const isolation_row& r) { return find_rule(r.name) - rules.data(); };
  std::sort(rows_.begin(), rows_.end(),
            [place](const isolation_row& a, const isolation_row& b) { return place(a) < place(b); });
  return std::move(rows_);
}

void weaken(std::vector<isolation_row>& rows, std::string_view row, const std::string& reason,
            const security_options& security) {
  refuse_if_needed(row, reason, security.strict, security.on_missing);
  for (auto& r : rows) {
    if (r.name != row) continue;
    // A second reason must not hide the first.
    r.detail = r.result == isolation_row::grade::weakened ? r.detail + "; " + reason : reason;
    r.result = isolation_row::grade::weakened;
    return;
  }
  rows.push_back({std::string(row), isolation_row::grade::weakened, reason});
}

}  // namespace contain::runtime
