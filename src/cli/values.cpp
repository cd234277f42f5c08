#include "cli/values.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <limits>

#include "contain/core/error.hpp"
#include "contain/core/scope.hpp"
#include "contain/core/text.hpp"
#include "contain/core/units.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;
using contain::text::split;

[[noreturn]] void refuse(std::string_view flag, std::string_view value, std::string why) {
  throw error{errc::invalid, std::string{flag}, std::string{value}, std::move(why)};
}

bool parse_switch(std::string_view text, std::string_view flag, std::string_view whole) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  refuse(flag, whole, cat("\"", text, "\" is neither true nor false"));
}

std::string checked_target(std::string_view target, std::string_view flag, std::string_view whole) {
  if (target.empty() || target.front() != '/') refuse(flag, whole, "the path in the container must be absolute");
  auto clean = std::filesystem::path{target}.lexically_normal().string();
  if (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  if (clean == "/") refuse(flag, whole, "the path in the container must not be \"/\"");
  return clean;
}

unsigned parse_mode(std::string_view text, std::string_view flag, std::string_view whole) {
  unsigned mode = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size() || mode > 07777)
    refuse(flag, whole, cat("\"", text, "\" is no octal file mode"));
  return mode;
}

std::uint64_t parse_size(std::string_view text, std::string_view flag, std::string_view whole) {
  const auto bytes = units::parse_bytes(text);
  if (!bytes) refuse(flag, whole, cat("\"", text, "\" is no size"));
  return *bytes;
}

/// One record of CSV (RFC 4180): fields may stand in double quotes, which docker allows for commas in paths.
std::vector<std::string> split_csv(std::string_view text, std::string_view flag) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) refuse(flag, text, "a quote is not closed");
  return fields;
}

/// Only private propagation exists here: mounts made on one side are not seen on the other.
bool is_private_propagation(std::string_view word) { return word == "rprivate" || word == "private"; }

}  // namespace

std::string absolute_path(std::string_view path) {
  auto clean = std::filesystem::absolute(std::filesystem::path{path}).lexically_normal().string();
  if (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  return clean;
}

mount_option parse_volume(std::string_view text) {
  constexpr std::string_view flag = "--volume";
  const auto parts = split(text, ':');
  if (parts.size() == 1) refuse(flag, text, "anonymous volumes do not exist in this version; give SOURCE:TARGET");
  if (parts.size() > 3 || parts[0].empty()) refuse(flag, text, "expected SOURCE:TARGET[:OPTIONS]");
  mount_option mount;
  const auto source = parts[0];
  if (source.front() != '/' && source != "." && source != ".." && !source.starts_with("./") &&
      !source.starts_with("../"))
    refuse(flag, text,
           cat("named volumes do not exist in this version; \"", source, "\" is not a path (try ./", source, ")"));
  mount.source = absolute_path(source);
  mount.destination = checked_target(parts[1], flag, text);
  if (parts.size() == 3) {
    for (const auto word : split(parts[2], ',')) {
      if (word == "ro" || word == "readonly")
        mount.read_only = true;
      else if (word != "rw" && !is_private_propagation(word) && word != "consistent" && word != "cached" &&
               word != "delegated")  // the last three are hints of Docker Desktop
        refuse(flag, text, cat("unknown option \"", word, "\""));
    }
  }
  return mount;
}

mount_option parse_mount(std::string_view text) {
  constexpr std::string_view flag = "--mount";
  mount_option mount;
  std::string type = "volume";  // docker's default, refused below
  for (const auto& field : split_csv(text, flag)) {
    const auto equals = field.find('=');
    auto key = field.substr(0, equals);
    std::transform(key.begin(), key.end(), key.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const bool has_value = equals != std::string::npos;
    const auto value = has_value ? field.substr(equals + 1) : std::string{};
    if (key == "readonly" || key == "ro") {
      mount.read_only = !has_value || parse_switch(value, flag, text);
      continue;
    }
    if (!has_value) refuse(flag, text, cat("\"", field, "\" must be a key=value pair"));
    if (key == "type")
      type = value;
    else if (key == "source" || key == "src")
      mount.source = value;
    else if (key == "target" || key == "dst" || key == "destination")
      mount.destination = checked_target(value, flag, text);
    else if (key == "tmpfs-size")
      mount.size_bytes = parse_size(value, flag, text);
    else if (key == "tmpfs-mode")
      mount.mode = parse_mode(value, flag, text);
    else if (key == "bind-propagation" && is_private_propagation(value))
      continue;
    else if (key != "consistency")
      refuse(flag, text, cat("unknown or unsupported key \"", key, "\""));
  }
  if (type == "tmpfs") {
    mount.type = mount_option::kind::tmpfs;
    if (!mount.source.empty()) refuse(flag, text, "a tmpfs has no source");
  } else if (type == "bind") {
    if (mount.source.empty()) refuse(flag, text, "source is missing");
    mount.source = absolute_path(mount.source);
  } else {
    refuse(flag, text, cat("type \"", type, "\" does not exist in this version; use type=bind or type=tmpfs"));
  }
  if (mount.destination.empty()) refuse(flag, text, "target is missing");
  return mount;
}

mount_option parse_tmpfs(std::string_view text) {
  constexpr std::string_view flag = "--tmpfs";
  mount_option mount;
  mount.type = mount_option::kind::tmpfs;
  const auto colon = text.find(':');
  mount.destination = checked_target(text.substr(0, colon), flag, text);
  if (colon == std::string_view::npos) return mount;
  for (const auto word : split(text.substr(colon + 1), ',')) {
    if (word == "ro")
      mount.read_only = true;
    else if (word.starts_with("size="))
      mount.size_bytes = parse_size(word.substr(5), flag, text);
    else if (word.starts_with("mode="))
      mount.mode = parse_mode(word.substr(5), flag, text);
    else if (word != "rw" && word != "nosuid" && word != "nodev" && word != "exec" && !word.empty())
      refuse(flag, text, cat("option \"", word, "\" is unknown, or a tmpfs of this version does not have it"));
  }
  return mount;
}

std::pair<std::string, std::pair<std::uint64_t, std::uint64_t>> parse_ulimit(std::string_view text) {
  constexpr std::string_view flag = "--ulimit";
  constexpr std::array<std::string_view, 16> names{"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                                   "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                                   "rtprio",  "rttime",   "sigpending", "stack"};
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) refuse(flag, text, "expected NAME=SOFT[:HARD]");
  const auto name = text.substr(0, equals);
  if (std::find(names.begin(), names.end(), name) == names.end())
    refuse(flag, text, cat("\"", name, "\" is no resource"));
  const auto values = split(text.substr(equals + 1), ':');
  if (values.size() > 2) refuse(flag, text, "expected NAME=SOFT[:HARD]");
  const auto number = [&](std::string_view digits) {
    if (digits == "-1" || digits == "unlimited") return std::numeric_limits<std::uint64_t>::max();
    const auto value = contain::text::parse_unsigned<std::uint64_t>(digits);
    if (!value) refuse(flag, text, cat("\"", digits, "\" is no limit"));
    return *value;
  };
  const auto soft = number(values.front());
  const auto hard = number(values.back());
  if (soft > hard) refuse(flag, text, "the soft limit is above the hard limit");
  return {std::string{name}, {soft, hard}};
}

network_mode parse_network(std::string_view text) {
  if (text.empty() || text == "default" || text == "isolated") return network_mode::isolated;
  if (text == "host") return network_mode::host;
  if (text == "none") return network_mode::none;
  refuse("--network", text, "networks in this version are isolated (the default: loopback only), host and none");
}

void apply_security_option(security_options& to, std::string_view text) {
  constexpr std::string_view flag = "--security-opt";
  const auto cut = text.find_first_of("=:");
  const auto key = text.substr(0, cut);
  const auto value = cut == std::string_view::npos ? std::string_view{} : text.substr(cut + 1);
  const auto off = [&] {
    if (value == "off" || value == "false" || value == "unconfined") return true;
    if (value == "on" || value == "true") return false;
    refuse(flag, text, "expected on or off");
  };
  if (key == "no-new-privileges") {
    to.no_new_privileges = cut == std::string_view::npos || parse_switch(value, flag, text);
  } else if (key == "seccomp") {
    if (value.empty()) refuse(flag, text, "expected seccomp=unconfined or seccomp=FILE");
    to.seccomp = value == "unconfined" ? std::string{value} : value == "builtin" ? "" : absolute_path(value);
  } else if (key == "profile") {
    constexpr std::array names{std::pair{std::string_view{"default"}, isolation_profile::standard},
                               std::pair{std::string_view{"sealed"}, isolation_profile::sealed},
                               std::pair{std::string_view{"docker"}, isolation_profile::docker},
                               std::pair{std::string_view{"privileged"}, isolation_profile::privileged}};
    const auto* found = std::find_if(names.begin(), names.end(), [&](const auto& row) { return row.first == value; });
    if (found == names.end()) refuse(flag, text, "profiles are default, sealed, docker and privileged");
    to.profile = found->second;
  } else if (key == "unmask" && !value.empty()) {
    for (const auto path : split(value, ':')) to.unmask.emplace_back(path == "all" ? "ALL" : path);
  } else if (key == "systempaths" && value == "unconfined") {
    to.unmask.emplace_back("ALL");
  } else if (key == "landlock") {
    to.landlock = !off();
  } else if (key == "abi32") {
    to.abi32 = !off();
  } else if (key == "timens" && value == "host") {
    to.host_timens = true;
  } else if (key == "on-missing" && !value.empty()) {
    for (const auto row : split(value, ',')) to.on_missing.emplace_back(row);
  } else if (key == "strict") {
    to.strict = cut == std::string_view::npos || !off();
  } else if ((key == "apparmor" && value == "unconfined") || (key == "label" && value == "disable")) {
    return;  // no such module confines containers here, so there is nothing to lift
  } else {
    refuse(flag, text,
           "known are seccomp, no-new-privileges, profile, unmask, systempaths, landlock, abi32, timens, on-missing, "
           "strict");
  }
}

void add_variable(std::map<std::string, std::string>& to, std::string_view text, const environment& env) {
  const auto equals = text.find('=');
  const std::string key{text.substr(0, equals)};
  if (key.empty()) refuse("--env", text, "the name of the variable is missing");
  if (equals != std::string_view::npos)
    to[key] = std::string{text.substr(equals + 1)};
  else if (const auto inherited = env(key))
    to[key] = *inherited;
}

namespace {

/// Calls `take` for each line that is neither blank nor a comment. `number` counts from 1, for messages.
template <class Take>
void for_each_line(std::string_view content, Take&& take) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (content.starts_with(byte_order_mark)) content.remove_prefix(byte_order_mark.size());
  std::size_t number = 0;
  for (auto line : split(content, '\n')) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') continue;
    take(line.substr(first), number);
  }
}

void check_key(std::string_view line, std::string_view flag, std::string_view path, std::size_t number) {
  const auto key = line.substr(0, line.find('='));
  if (key.empty()) refuse(flag, path, cat("line ", number, " has no name before \"=\""));
  if (key.find_first_of(" \t") != std::string_view::npos)
    refuse(flag, path, cat("line ", number, ": the name \"", key, "\" contains blanks"));
}

}  // namespace

void add_variable_file(std::map<std::string, std::string>& to, std::string_view content, std::string_view path,
                       const environment& env) {
  if (content.find('\0') != std::string_view::npos) refuse("--env-file", path, "the file is not text");
  for_each_line(content, [&](std::string_view line, std::size_t number) {
    check_key(line, "--env-file", path, number);
    add_variable(to, line, env);
  });
}

void add_label(std::map<std::string, std::string>& to, std::string_view text) {
  const auto equals = text.find('=');
  if (equals == 0 || text.empty()) refuse("--label", text, "the name of the label is missing");
  to[std::string{text.substr(0, equals)}] =
      equals == std::string_view::npos ? std::string{} : std::string{text.substr(equals + 1)};
}

void add_label_file(std::map<std::string, std::string>& to, std::string_view content, std::string_view path) {
  for_each_line(content, [&](std::string_view line, std::size_t number) {
    check_key(line, "--label-file", path, number);
    add_label(to, line);
  });
}

int parse_signal(std::string_view text) {
  if (const auto number = contain::text::parse_unsigned<unsigned>(text); number && *number > 0 && *number < NSIG)
    return static_cast<int>(*number);
  std::string name{text};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < NSIG; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  if (name.starts_with("RTMIN")) {
    const auto offset = name.size() == 5 ? std::optional{0U}
                        : name[5] == '+' ? contain::text::parse_unsigned<unsigned>(std::string_view{name}.substr(6))
                                         : std::nullopt;
    if (offset && *offset <= static_cast<unsigned>(SIGRTMAX - SIGRTMIN)) return SIGRTMIN + static_cast<int>(*offset);
  }
  throw error{errc::invalid, "--signal", std::string{text}, "no such signal"};
}

time_point parse_instant(std::string_view text, time_point now) {
  if (const auto exact = parse_rfc3339(text)) return *exact;
  // "2026-11-24", "2026-11-24T17:36", "2026-11-24T17:36:29" are local time, as in docker.
  const std::string copy{text};
  for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(copy.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    parts.tm_isdst = -1;
    return time_point{std::chrono::seconds{std::mktime(&parts)}};
  }
  const auto point = text.find('.');
  if (const auto seconds = contain::text::parse_unsigned<std::uint32_t>(text.substr(0, point))) {
    std::chrono::nanoseconds fraction{0};
    if (point != std::string_view::npos) {
      const auto part = units::parse_duration(cat("0", text.substr(point)));
      if (!part) refuse("--since", text, "not an instant");
      fraction = *part;
    }
    return time_point{std::chrono::seconds{*seconds} + fraction};
  }
  if (const auto age = units::parse_duration(text)) return now - *age;
  refuse("--since", text, "expected a time such as 2026-11-24T17:36:29Z, Unix seconds, or an age such as 10m");
}

std::string read_file(const std::string& path, std::string_view flag) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw error::from_errno(errc::invalid, errno, std::string{flag}, path);
  const scope_exit close_fd{[fd] { (void)::close(fd); }};
  std::string content;
  std::array<char, 16384> buffer{};
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) return content;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw error::from_errno(errc::invalid, errno, std::string{flag}, path);
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > (1U << 20)) refuse(flag, path, "the file is larger than 1 MiB");
  }
}

}  // namespace contain::cli
