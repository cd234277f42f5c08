#include "cli/options.hpp"

#include <cstdlib>

#include "cli/values.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/core/units.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

/// A reader of flag values in the form arguments::value() wants: a std::string thrown is the complaint.
template <class T, class Parse>
std::function<void(const std::string&)> reads(std::optional<T>& into, Parse parse, const char* complaint) {
  return [&into, parse, complaint](const std::string& text) {
    const auto value = parse(text);
    if (!value) throw std::string{complaint};
    into = static_cast<T>(*value);
  };
}

std::optional<std::int64_t> parse_signed(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  return contain::text::parse_unsigned<std::uint64_t>(text);
}

void declare_refused(arguments& to) {
  constexpr const char* networks = "containers of this version have no network but loopback, or the host's";
  for (const char* names :
       {"--publish,-p", "--publish-all,-P", "--expose", "--ip", "--ip6", "--link", "--link-local-ip", "--mac-address",
        "--network-alias", "--net-alias", "--dns", "--dns-option", "--dns-opt", "--dns-search", "--add-host"})
    to.refused(names, networks);
  for (const char* names : {"--health-cmd", "--health-interval", "--health-retries", "--health-start-interval",
                            "--health-start-period", "--health-timeout", "--no-healthcheck"})
    to.refused(names, "this version runs no health checks");
  for (const char* names :
       {"--device", "--device-cgroup-rule", "--device-read-bps", "--device-read-iops", "--device-write-bps",
        "--device-write-iops", "--gpus", "--blkio-weight", "--blkio-weight-device"})
    to.refused(names, "this version gives containers no devices of the host");
  for (const char* names : {"--memory-swap", "--memory-swappiness", "--memory-reservation", "--kernel-memory",
                            "--oom-kill-disable", "--oom-score-adj", "--shm-size"})
    to.refused(names, "this version bounds memory by --memory alone, with swap off");
  for (const char* names :
       {"--cpu-period", "--cpu-quota", "--cpu-rt-period", "--cpu-rt-runtime", "--cpuset-cpus", "--cpuset-mems"})
    to.refused(names, "this version bounds cpu time by --cpus and --cpu-shares");
  for (const char* names : {"--pid", "--ipc", "--uts", "--domainname", "--cgroup-parent", "--sysctl", "--group-add",
                            "--annotation", "--runtime", "--storage-opt", "--volumes-from", "--volume-driver",
                            "--log-driver", "--log-opt", "--isolation", "--disable-content-trust"})
    to.refused(names, "this version has no such option");
  to.refused("--init", "this version adds no init to a container; use an image that has one, such as tini");
}

}  // namespace

environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string{value};
  };
}

void declare(arguments& to, container_flags& into) {
  auto& life = into.life;
  to.flag("-i,--interactive", life.interactive, "Keep STDIN open even if not attached")
      .flag("-t,--tty", life.tty, "Allocate a pseudo-TTY")
      .flag("--rm", life.auto_remove, "Automatically remove the container when it exits")
      .flag("-q,--quiet", life.quiet, "Suppress the pull output")
      .text("--name", life.name, "Assign a name to the container")
      .text("--cidfile", life.cidfile, "Write the container ID to the file")
      .text("--platform", life.platform, "Set platform if the image has several")
      .text("--pull", life.pull, "Pull image before running (\"always\", \"missing\", \"never\")")
      .list("-l,--label", life.labels, "Set meta data on a container")
      .list("--label-file", life.label_files, "Read in a line delimited file of labels")
      .value(
          "--restart",
          [](const std::string& policy) {
            if (policy != "no" && !policy.empty()) throw std::string{"this version restarts no containers by itself"};
          },
          "Restart policy to apply when a container exits (only \"no\")", "string");

  auto& process = into.process;
  to.text("--entrypoint", process.entrypoint, "Overwrite the default ENTRYPOINT of the image")
      .text("-w,--workdir", process.workdir, "Working directory inside the container")
      .text("-u,--user", process.user, "Username or UID (format: <name|uid>[:<group|gid>])")
      .text("-h,--hostname", process.hostname, "Container host name")
      .text("--stop-signal", process.stop_signal, "Signal to stop the container")
      .value("--stop-timeout", reads(process.stop_timeout, parse_signed, "not a number of seconds"),
             "Timeout (in seconds) to stop a container", "int")
      .list("-e,--env", process.env, "Set environment variables")
      .list("--env-file", process.env_files, "Read in a file of environment variables");

  auto& limits = into.limits;
  to.value("-m,--memory", reads(limits.memory, units::parse_bytes, "not a size"), "Memory limit", "bytes")
      .value("--cpus", reads(limits.cpus, parse_decimal, "not a number of CPUs"), "Number of CPUs", "decimal")
      .value("-c,--cpu-shares", reads(limits.cpu_shares, parse_number, "not a number"), "CPU shares (relative weight)",
             "int")
      .value("--pids-limit", reads(limits.pids, parse_signed, "not a number"),
             "Tune container pids limit (set -1 for unlimited)", "int")
      .list("--ulimit", limits.ulimits, "Ulimit options", "ulimit");

  auto& storage = into.storage;
  to.flag("--read-only", storage.read_only, "Mount the container's root filesystem as read only")
      .list("-v,--volume", storage.volumes, "Bind mount a directory or file of the host")
      .list("--mount", storage.mounts, "Attach a filesystem mount to the container", "mount")
      .list("--tmpfs", storage.tmpfs, "Mount a tmpfs directory");

  auto& security = into.security;
  to.flag("--privileged", security.privileged, "Give extended privileges to this container")
      .list("--cap-add", security.cap_add, "Add Linux capabilities")
      .list("--cap-drop", security.cap_drop, "Drop Linux capabilities")
      .list("--security-opt", security.security_opt, "Security options")
      .text("--userns", security.userns, "User namespace to use (\"host\" or \"private\")")
      .text("--cgroupns", security.cgroupns, "Cgroup namespace to use (\"host\" or \"private\")");
  to.text("--network,--net", into.network, "Connect a container to a network (\"isolated\", \"host\", \"none\")",
          "network");
  declare_refused(to);
}

namespace {

bool is_host(std::string_view value, std::string_view flag) {
  if (value.empty() || value == "private") return false;
  if (value == "host") return true;
  throw error{errc::invalid, std::string{flag}, std::string{value}, "expected host or private"};
}

void convert_process(const container_flags& flags, const environment& env, container_options& o) {
  const auto& process = flags.process;
  for (const auto& path : process.env_files) add_variable_file(o.env, read_file(path, "--env-file"), path, env);
  for (const auto& text : process.env) add_variable(o.env, text, env);
  // `--entrypoint ""` clears the image's; one word replaces it, and is never split as a shell would.
  if (process.entrypoint)
    o.entrypoint = process.entrypoint->empty() ? std::vector<std::string>{} : std::vector{*process.entrypoint};
  if (!process.workdir.empty() && process.workdir.front() != '/')
    throw error{errc::invalid, "--workdir", process.workdir, "the working directory must be an absolute path"};
  o.workdir = process.workdir;
  o.user = process.user;
  o.hostname = process.hostname;
  if (!process.stop_signal.empty()) (void)parse_signal(process.stop_signal);
  o.stop_signal = process.stop_signal;
  if (process.stop_timeout) o.stop_timeout = std::chrono::seconds{*process.stop_timeout};
}

void convert_limits(const container_flags& flags, container_options& o) {
  const auto& limits = flags.limits;
  o.limits.memory_bytes = limits.memory;
  o.limits.cpus = limits.cpus;
  o.limits.cpu_shares = limits.cpu_shares;
  // docker writes "no limit" as -1 and takes 0 for it too; the library's word is 0.
  if (limits.pids) o.limits.pids = *limits.pids < 0 ? 0 : *limits.pids;
  for (const auto& text : limits.ulimits) {
    auto [name, values] = parse_ulimit(text);
    o.limits.rlimits[std::move(name)] = values;
  }
}

void convert_security(const container_flags& flags, container_options& o) {
  const auto& security = flags.security;
  if (security.privileged) o.security.profile = isolation_profile::privileged;
  for (const auto& text : security.security_opt) apply_security_option(o.security, text);
  o.security.caps_add = security.cap_add;
  o.security.caps_drop = security.cap_drop;
  o.security.host_userns = is_host(security.userns, "--userns");
  o.security.host_cgroupns = is_host(security.cgroupns, "--cgroupns");
}

}  // namespace

converted_options convert(const container_flags& flags, const std::vector<std::string>& words, const environment& env) {
  converted_options out;
  auto& o = out.options;
  const auto& life = flags.life;
  o.image = words.front();
  o.command.assign(words.begin() + 1, words.end());
  o.name = life.name;
  o.tty = life.tty;
  o.open_stdin = life.interactive;
  o.auto_remove = life.auto_remove;
  o.life = lifetime::detached;
  o.platform = life.platform;
  if (life.pull != "always" && life.pull != "missing" && life.pull != "never")
    throw error{errc::invalid, "--pull", life.pull, "expected always, missing or never"};
  for (const auto& path : life.label_files) add_label_file(o.labels, read_file(path, "--label-file"), path);
  for (const auto& text : life.labels) add_label(o.labels, text);

  convert_process(flags, env, o);
  convert_limits(flags, o);
  convert_security(flags, o);
  o.network = parse_network(flags.network);

  o.read_only_root = flags.storage.read_only;
  for (const auto& text : flags.storage.volumes) {
    o.mounts.push_back(parse_volume(text));
    out.directories_to_make.push_back(o.mounts.back().source);
  }
  for (const auto& text : flags.storage.mounts) o.mounts.push_back(parse_mount(text));
  for (const auto& text : flags.storage.tmpfs) o.mounts.push_back(parse_tmpfs(text));
  return out;
}

}  // namespace contain::cli
