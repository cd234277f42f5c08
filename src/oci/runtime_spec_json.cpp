#include "contain/oci/runtime_spec_json.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "contain/core/text.hpp"
#include "contain/sys/caps.hpp"
#include "contain/sys/rlimit.hpp"
#include "oci/json_writer.hpp"

namespace contain::oci {
namespace {

using detail::json_value;

json_value write_caps(std::uint64_t mask) {
  auto out = json_value::array();
  for (unsigned i = 0; i < sys::cap_names.size(); ++i)
    if ((mask >> i & 1U) != 0) out.push(text::cat("CAP_", sys::cap_names[i]));
  return out;
}

std::string rlimit_type(int resource) {
  for (const auto& row : sys::rlimit_names) {
    if (row.resource != resource) continue;
    std::string name{row.name};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return "RLIMIT_" + name;
  }
  return text::cat("RLIMIT_", resource);
}

json_value write_user(const spec_user& user) {
  auto out = json_value::object();
  out.set("uid", user.uid).set("gid", user.gid);
  if (!user.additional_gids.empty()) {
    auto gids = json_value::array();
    for (const auto gid : user.additional_gids) gids.push(json_value::number(gid));
    out.set("additionalGids", std::move(gids));
  }
  out.set_unless_empty("username", user.name);
  return out;
}

json_value write_process(const spec_process& p) {
  auto out = json_value::object();
  out.set("terminal", p.terminal);
  if (p.rows != 0 || p.columns != 0) {
    auto size = json_value::object();
    size.set("height", unsigned{p.rows}).set("width", unsigned{p.columns});
    out.set("consoleSize", std::move(size));
  }
  out.set("user", write_user(p.user)).set("args", json_value::of(p.args)).set("env", json_value::of(p.env));
  out.set("cwd", p.cwd);
  auto caps = json_value::object();
  caps.set("bounding", write_caps(p.caps_bounding)).set("effective", write_caps(p.caps_effective));
  caps.set("permitted", write_caps(p.caps_effective)).set("inheritable", write_caps(p.caps_ambient));
  caps.set("ambient", write_caps(p.caps_ambient));
  out.set("capabilities", std::move(caps));
  auto rlimits = json_value::array();
  for (const spec_rlimit& limit : p.rlimits) {
    auto item = json_value::object();
    item.set("type", rlimit_type(limit.resource)).set("hard", limit.hard).set("soft", limit.soft);
    rlimits.push(std::move(item));
  }
  out.set("rlimits", std::move(rlimits)).set("noNewPrivileges", p.no_new_privileges);
  if (p.oom_score_adj) out.set("oomScoreAdj", *p.oom_score_adj);
  return out;
}

std::string_view mount_type(spec_mount::kind kind) noexcept {
  switch (kind) {
    case spec_mount::kind::bind:
      return "bind";
    case spec_mount::kind::tmpfs:
      return "tmpfs";
    case spec_mount::kind::proc:
      return "proc";
    case spec_mount::kind::sysfs:
      return "sysfs";
    case spec_mount::kind::devpts:
      return "devpts";
    case spec_mount::kind::mqueue:
      return "mqueue";
    case spec_mount::kind::cgroup:
      return "cgroup";
  }
  return "none";
}

json_value write_mount(const spec_mount& m) {
  std::vector<std::string> options;
  const bool bind = m.type == spec_mount::kind::bind;
  if (bind) options.emplace_back(m.recursive ? "rbind" : "bind");
  if (m.nosuid) options.emplace_back("nosuid");
  if (m.nodev) options.emplace_back("nodev");
  if (m.noexec) options.emplace_back("noexec");
  options.emplace_back(m.read_only ? "ro" : "rw");
  if (m.type == spec_mount::kind::tmpfs) {
    std::array<char, 16> mode{};
    (void)std::snprintf(mode.data(), mode.size(), "mode=%04o", m.mode);
    options.emplace_back(mode.data());
    if (m.size_bytes != 0) options.push_back(text::cat("size=", m.size_bytes));
  }
  auto out = json_value::object();
  out.set("destination", m.destination).set("type", mount_type(m.type));
  out.set("source", bind ? std::string_view{m.source} : mount_type(m.type));
  out.set("options", json_value::of(options));
  return out;
}

json_value write_id_maps(const std::vector<spec_id_map>& maps) {
  auto out = json_value::array();
  for (const spec_id_map& map : maps) {
    auto item = json_value::object();
    item.set("containerID", map.container_id).set("hostID", map.host_id).set("size", map.size);
    out.push(std::move(item));
  }
  return out;
}

json_value write_namespaces(const spec_namespaces& n) {
  auto out = json_value::array();
  const auto add = [&](bool wanted, std::string_view type) {
    if (!wanted) return;
    auto item = json_value::object();
    item.set("type", type);
    out.push(std::move(item));
  };
  add(n.pid, "pid");
  add(n.network, "network");
  add(n.ipc, "ipc");
  add(n.uts, "uts");
  add(n.mount, "mount");
  add(n.user, "user");
  add(n.cgroup, "cgroup");
  add(n.time, "time");
  return out;
}

json_value write_resources(const spec_resources& r) {
  auto out = json_value::object();
  if (r.memory_limit) {
    auto memory = json_value::object();
    memory.set("limit", *r.memory_limit).set("swap", *r.memory_limit);  // the sum: no swap on top
    out.set("memory", std::move(memory));
  }
  if (r.cpu_shares || r.cpu_quota || r.cpu_period) {
    auto cpu = json_value::object();
    if (r.cpu_shares) cpu.set("shares", *r.cpu_shares);
    if (r.cpu_quota) cpu.set("quota", *r.cpu_quota);
    if (r.cpu_period) cpu.set("period", *r.cpu_period);
    out.set("cpu", std::move(cpu));
  }
  if (r.pids_limit) {
    auto pids = json_value::object();
    pids.set("limit", *r.pids_limit);
    out.set("pids", std::move(pids));
  }
  return out;
}

json_value write_linux(const runtime_spec& spec) {
  auto out = json_value::object();
  if (!spec.uid_mappings.empty()) out.set("uidMappings", write_id_maps(spec.uid_mappings));
  if (!spec.gid_mappings.empty()) out.set("gidMappings", write_id_maps(spec.gid_mappings));
  out.set("resources", write_resources(spec.resources)).set_unless_empty("cgroupsPath", spec.cgroups_path);
  out.set("namespaces", write_namespaces(spec.namespaces));
  out.set_unless_empty("maskedPaths", spec.masked_paths).set_unless_empty("readonlyPaths", spec.readonly_paths);
  return out;
}

json_value write_extensions(const runtime_spec& spec) {
  auto landlock = json_value::object();
  landlock.set("enabled", spec.landlock.enabled).set("scope", spec.landlock.scope);
  std::vector<std::string> generated;
  for (const auto& [destination, content] : spec.generated_files) generated.push_back(destination);
  auto out = json_value::object();
  out.set("seccompInstructions", std::uint64_t{spec.seccomp_bpf.size()}).set("landlock", std::move(landlock));
  out.set("shmSize", spec.shm_size).set("loopbackUp", spec.loopback_up).set("hideUptime", spec.hide_uptime);
  out.set("devicesAll", spec.devices_all).set("generatedFiles", json_value::of(generated));
  return out;
}

}  // namespace

std::string to_json(const runtime_spec& spec) {
  auto out = json_value::object();
  out.set("ociVersion", "1.2.0").set("process", write_process(spec.process));
  auto root = json_value::object();
  root.set("path", "rootfs").set("readonly", spec.root_readonly);
  out.set("root", std::move(root)).set_unless_empty("hostname", spec.hostname);
  auto mounts = json_value::array();
  for (const spec_mount& m : spec.mounts) mounts.push(write_mount(m));
  out.set("mounts", std::move(mounts)).set("linux", write_linux(spec));
  out.set_unless_empty("annotations", spec.annotations).set("contain", write_extensions(spec));
  return out.dump();
}

}  // namespace contain::oci
