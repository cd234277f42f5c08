// docker's inspect object of a container, and the isolation rows it adds.
#include <nlohmann/json.hpp>

#include "contain/container.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/core/time.hpp"
#include "contain/runtime/supervisor.hpp"
#include "engine/container_state.hpp"
#include "engine/isolation_rows.hpp"
#include "engine/lifecycle.hpp"

namespace contain {
namespace {

using json = nlohmann::ordered_json;
using storage::run_state;

/// docker's way to say "not yet".
constexpr const char* never = "0001-01-01T00:00:00Z";

std::string instant(time_point when) { return when == time_point{} ? never : to_rfc3339(when); }

json state_of(const storage::container_record& c) {
  const bool running = c.state == run_state::running;
  return {{"Status", to_string(static_cast<container_state>(c.state))},
          {"Running", running},
          {"Paused", false},
          {"Restarting", false},
          {"OOMKilled", c.exit && c.exit->oom_killed},
          {"Dead", c.state == run_state::dead},
          {"Pid", running ? c.process.pid : 0},
          {"ExitCode", c.exit ? c.exit->code : 0},
          {"Error", c.error},
          {"StartedAt", instant(c.started)},
          {"FinishedAt", c.exit ? instant(c.exit->finished) : never}};
}

json config_of(const storage::container_record& c, const blueprint& b) {
  const auto& process = b.built.spec.process;
  const auto strings = [](const std::vector<std::string>& values) {
    return values.empty() ? json(nullptr) : json(values);
  };
  // An entrypoint in the options also drops the image's command (runtime::compose_command).
  const auto entrypoint = b.options.entrypoint ? b.options.entrypoint : b.image.entrypoint;
  const auto image_command = b.options.entrypoint ? std::nullopt : b.image.cmd;
  json ports = json::object();
  for (const auto& port : b.image.exposed_ports) ports[port] = json::object();
  json volumes = json::object();
  for (const auto& volume : b.image.volumes) volumes[volume] = json::object();
  return {{"Hostname", b.built.spec.hostname},
          {"User", b.options.user.empty() ? b.image.user : b.options.user},
          {"Tty", b.options.tty},
          {"OpenStdin", b.options.open_stdin},
          {"Env", process.env},
          {"Cmd",
           strings(b.options.command.empty() ? image_command.value_or(std::vector<std::string>{}) : b.options.command)},
          {"Image", c.image},
          {"ExposedPorts", ports},
          {"Volumes", volumes},
          {"WorkingDir", process.cwd},
          {"Entrypoint", strings(entrypoint.value_or(std::vector<std::string>{}))},
          {"Labels", c.labels},
          {"StopSignal", b.options.stop_signal.empty() ? b.image.stop_signal : b.options.stop_signal},
          {"StopTimeout", b.options.stop_timeout.count()}};
}

json host_config_of(const storage::container_record& c, const blueprint& b) {
  const auto& limits = b.built.spec.resources;
  const auto& security = b.options.security;
  const char* network = b.options.network == network_mode::host   ? "host"
                        : b.options.network == network_mode::none ? "none"
                                                                  : "isolated";
  json rlimits = json::array();
  for (const auto& [name, values] : b.options.limits.rlimits) {
    rlimits.push_back({{"Name", name}, {"Soft", values.first}, {"Hard", values.second}});
  }
  json binds = json::array();
  json tmpfs = json::object();
  for (const auto& m : b.options.mounts) {
    if (m.type == mount_option::kind::bind) {
      binds.push_back(text::cat(m.source, ':', m.destination, m.read_only ? ":ro" : ""));
    } else {
      tmpfs[m.destination] = m.size_bytes == 0 ? "" : text::cat("size=", m.size_bytes);
    }
  }
  return {{"NetworkMode", network},
          {"AutoRemove", c.auto_remove},
          {"Memory", limits.memory_limit.value_or(0)},
          // Billionths of a cpu: quota and period are both microseconds.
          {"NanoCpus", limits.cpu_quota ? *limits.cpu_quota * 1'000'000'000 / limits.cpu_period.value_or(100'000) : 0},
          {"CpuShares", limits.cpu_shares.value_or(0)},
          {"PidsLimit", limits.pids_limit ? json(*limits.pids_limit) : json(nullptr)},
          {"Ulimits", rlimits},
          {"Binds", binds},
          {"Tmpfs", tmpfs},
          {"CapAdd", security.caps_add},
          {"CapDrop", security.caps_drop},
          {"Privileged", security.profile == isolation_profile::privileged},
          {"ReadonlyRootfs", b.built.spec.root_readonly},
          {"UsernsMode", b.built.spec.namespaces.user ? "private" : "host"},
          {"CgroupnsMode", b.built.spec.namespaces.cgroup ? "private" : "host"},
          {"ShmSize", b.built.spec.shm_size},
          {"MaskedPaths", b.built.spec.masked_paths},
          {"ReadonlyPaths", b.built.spec.readonly_paths}};
}

json mounts_of(const blueprint& b) {
  json mounts = json::array();
  for (const auto& m : b.options.mounts) {
    const bool bind = m.type == mount_option::kind::bind;
    mounts.push_back({{"Type", bind ? "bind" : "tmpfs"},
                      {"Source", bind ? m.source : ""},
                      {"Destination", m.destination},
                      {"Mode", m.read_only ? "ro" : ""},
                      {"RW", !m.read_only}});
  }
  return mounts;
}

}  // namespace

std::vector<isolation_row> container::isolation() const {
  const auto c = impl_->current();
  return isolation_of(impl_->plan(), c.weakened);
}

std::string container::inspect_json() const {
  const auto c = impl_->current();
  const auto& b = impl_->plan();
  const auto& args = b.built.spec.process.args;
  json isolation = json::array();
  for (const auto& row : isolation_of(b, c.weakened)) {
    isolation.push_back({{"Name", row.name}, {"Grade", to_string(row.result)}, {"Detail", row.detail}});
  }
  const auto directory = impl_->in->root / "containers" / c.id;
  const json all = {{"Id", c.id},
                    {"Created", to_rfc3339(c.created)},
                    {"Path", args.front()},
                    {"Args", std::vector<std::string>(args.begin() + 1, args.end())},
                    {"State", state_of(c)},
                    {"Image", c.image_id},
                    {"LogPath", (directory / "log").string()},
                    {"Name", "/" + c.name},
                    {"RestartCount", 0},
                    {"Driver", "overlayfs"},
                    {"Platform", "linux"},
                    {"Owner", {{"Detached", !c.ephemeral}, {"Pid", c.owner_pid}}},
                    {"HostConfig", host_config_of(c, b)},
                    {"Mounts", mounts_of(b)},
                    {"Config", config_of(c, b)},
                    {"NetworkSettings", {{"Ports", json::object()}, {"Networks", json::object()}}},
                    {"Isolation", isolation}};
  // Command lines may hold any bytes; JSON may not.
  return all.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace contain
