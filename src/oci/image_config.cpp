#include "contain/oci/image_config.hpp"

#include <limits>

#include "contain/core/text.hpp"
#include "contain/oci/manifest.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/json_reader.hpp"
#include "oci/json_writer.hpp"

namespace contain::oci {
namespace {

using detail::json_value;
using detail::node;
constexpr std::size_t max_history = 10'000;

std::set<std::string> read_set(const node& from, std::string_view key) {
  const auto member = from.find(key);
  if (!member) return {};
  const auto keys = member->keys();  // {"80/tcp": {}}: Go's way to write a set
  return {keys.begin(), keys.end()};
}

std::optional<std::vector<std::string>> read_command(const node& from, std::string_view key) {
  const auto member = from.find(key);
  if (!member) return std::nullopt;
  return member->strings();
}

std::optional<time_point> read_time(const node& from, std::string_view key) {
  const auto member = from.find(key);
  if (!member) return std::nullopt;
  return parse_rfc3339(member->string());
}

std::chrono::nanoseconds read_duration(const node& from, std::string_view key) {
  const auto member = from.find(key);
  return std::chrono::nanoseconds{member ? member->integer(0, std::numeric_limits<std::int64_t>::max()) : 0};
}

healthcheck read_healthcheck(const node& from) {
  healthcheck out;
  out.test = from.strings_or_empty("Test");
  out.interval = read_duration(from, "Interval");
  out.timeout = read_duration(from, "Timeout");
  out.start_period = read_duration(from, "StartPeriod");
  out.start_interval = read_duration(from, "StartInterval");
  if (const auto retries = from.find("Retries"))
    out.retries = static_cast<int>(retries->integer(0, std::numeric_limits<int>::max()));
  return out;
}

std::vector<std::string> read_env(const node& from) {
  const auto member = from.find("Env");
  if (!member) return {};
  auto env = member->strings();
  for (const std::string& entry : env)
    if (entry.empty() || entry.front() == '=') throw member->wrong(text::cat("\"", entry, "\" names no variable"));
  return env;
}

execution_config read_execution(const node& from) {
  execution_config out;
  out.user = from.string_or_empty("User");
  out.env = read_env(from);
  out.entrypoint = read_command(from, "Entrypoint");
  out.cmd = read_command(from, "Cmd");
  out.working_dir = from.string_or_empty("WorkingDir");
  out.stop_signal = from.string_or_empty("StopSignal");
  out.labels = from.string_map_or_empty("Labels");
  out.volumes = read_set(from, "Volumes");
  out.exposed_ports = read_set(from, "ExposedPorts");
  if (const auto health = from.find("Healthcheck")) out.healthcheck = read_healthcheck(*health);
  out.shell = from.strings_or_empty("Shell");
  out.on_build = from.strings_or_empty("OnBuild");
  if (const auto escaped = from.find("ArgsEscaped")) out.args_escaped = escaped->boolean();
  return out;
}

history_step read_history(const node& from) {
  const auto words = [&](std::string_view key) {
    const auto member = from.find(key);
    return member ? member->free_text() : std::string{};
  };
  history_step out;
  out.created = read_time(from, "created");
  out.created_by = words("created_by");
  out.author = words("author");
  out.comment = words("comment");
  if (const auto empty = from.find("empty_layer")) out.empty_layer = empty->boolean();
  return out;
}

std::vector<digest> read_diff_ids(const node& root) {
  const auto rootfs = root.at("rootfs");
  if (const auto type = rootfs.find("type"); type && type->string() != "layers")
    throw type->wrong("a root file system is of type \"layers\"");
  std::vector<digest> out;
  // An image made from nothing writes null here.
  const auto ids = rootfs.find("diff_ids");
  if (!ids) return out;
  for (const node& item : ids->items(max_layers)) {
    auto id = digest::parse(item.string());
    if (!id) throw item.wrong("not a digest: sha256: and 64 lower-case hex digits");
    out.push_back(*std::move(id));
  }
  return out;
}

json_value write_set(const std::set<std::string>& names) {
  auto out = json_value::object();
  for (const std::string& name : names) out.set(name, json_value::object());
  return out;
}

json_value write_healthcheck(const healthcheck& h) {
  auto out = json_value::object();
  out.set_unless_empty("Test", h.test);
  const auto duration = [&](std::string_view key, std::chrono::nanoseconds value) {
    if (value.count() != 0) out.set(key, std::int64_t{value.count()});
  };
  duration("Interval", h.interval);
  duration("Timeout", h.timeout);
  duration("StartPeriod", h.start_period);
  duration("StartInterval", h.start_interval);
  if (h.retries != 0) out.set("Retries", h.retries);
  return out;
}

json_value write_execution(const execution_config& c) {
  auto out = json_value::object();
  out.set_unless_empty("User", c.user);
  if (!c.exposed_ports.empty()) out.set("ExposedPorts", write_set(c.exposed_ports));
  out.set_unless_empty("Env", c.env);
  if (c.entrypoint) out.set("Entrypoint", json_value::of(*c.entrypoint));
  if (c.cmd) out.set("Cmd", json_value::of(*c.cmd));
  if (!c.volumes.empty()) out.set("Volumes", write_set(c.volumes));
  out.set_unless_empty("WorkingDir", c.working_dir).set_unless_empty("Labels", c.labels);
  out.set_unless_empty("StopSignal", c.stop_signal);
  if (c.healthcheck) out.set("Healthcheck", write_healthcheck(*c.healthcheck));
  out.set_unless_empty("Shell", c.shell).set_unless_empty("OnBuild", c.on_build);
  if (c.args_escaped) out.set("ArgsEscaped", true);
  return out;
}

}  // namespace

image_config parse_image_config(std::string_view json) {
  const detail::document doc{json, "image config", max_config_bytes};
  const auto root = doc.root();
  // A manifest that is served as a config must not pass for an image without layers.
  if (root.has_key("layers") || root.has_key("manifests")) throw root.wrong("the document is a manifest, not a config");
  image_config out;
  out.platform = detail::read_platform(root);
  out.created = read_time(root, "created");
  out.author = root.string_or_empty("author");
  if (const auto config = root.find("config")) out.config = read_execution(*config);
  out.diff_ids = read_diff_ids(root);
  if (const auto history = root.find("history"))
    for (const node& step : history->items(max_history)) out.history.push_back(read_history(step));
  return out;
}

std::string to_json(const image_config& c) {
  auto out = json_value::object();
  if (c.created) out.set("created", to_rfc3339(*c.created));
  out.set_unless_empty("author", c.author);
  out.set("architecture", c.platform.architecture).set("os", c.platform.os);
  out.set_unless_empty("variant", c.platform.variant).set_unless_empty("os.version", c.platform.os_version);
  out.set_unless_empty("os.features", c.platform.os_features);
  out.set("config", write_execution(c.config));
  auto ids = json_value::array();
  for (const digest& id : c.diff_ids) ids.push(id.text());
  auto rootfs = json_value::object();
  rootfs.set("type", "layers").set("diff_ids", std::move(ids));
  out.set("rootfs", std::move(rootfs));
  if (!c.history.empty()) {
    auto history = json_value::array();
    for (const history_step& step : c.history) {
      auto item = json_value::object();
      if (step.created) item.set("created", to_rfc3339(*step.created));
      item.set_unless_empty("created_by", step.created_by).set_unless_empty("author", step.author);
      item.set_unless_empty("comment", step.comment);
      if (step.empty_layer) item.set("empty_layer", true);
      history.push(std::move(item));
    }
    out.set("history", std::move(history));
  }
  return out.dump();
}

}  // namespace contain::oci
