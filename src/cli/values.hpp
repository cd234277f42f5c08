// The small languages inside flag values: -v, --mount, --ulimit, --security-opt, env files, signals, instants.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "contain/container.hpp"
#include "contain/core/time.hpp"

namespace contain::cli {

/// Every function throws contain::error{invalid} with the flag as its subject and what is wrong as its detail.

/// "/host:/inside[:ro]" of -v. Relative sources ("./x", "../x") are made absolute.
mount_option parse_volume(std::string_view text);
/// "type=bind,source=/x,target=/y,readonly" of --mount, in docker's CSV.
mount_option parse_mount(std::string_view text);
/// "/run[:size=64m,mode=1777,ro]" of --tmpfs.
mount_option parse_tmpfs(std::string_view text);
/// "nofile=1024:2048", "core=0", "nproc=-1" (no limit).
std::pair<std::string, std::pair<std::uint64_t, std::uint64_t>> parse_ulimit(std::string_view text);
network_mode parse_network(std::string_view text);
/// One --security-opt.
void apply_security_option(security_options& to, std::string_view text);

/// Adds "KEY=value"; "KEY" alone takes the value from `env` and is left out when it is not set there.
void add_variable(std::map<std::string, std::string>& to, std::string_view text, const environment& env);
/// The lines of an --env-file: comments, blanks and a byte order mark are skipped.
void add_variable_file(std::map<std::string, std::string>& to, std::string_view content, std::string_view path,
                       const environment& env);
/// "key=value" or "key" (an empty value).
void add_label(std::map<std::string, std::string>& to, std::string_view text);
void add_label_file(std::map<std::string, std::string>& to, std::string_view content, std::string_view path);

/// "SIGTERM", "term", "15", "RTMIN+3".
int parse_signal(std::string_view text);
/// --since and --until of logs: RFC 3339, a date or a local time, Unix seconds, or an age such as "10m".
time_point parse_instant(std::string_view text, time_point now);

/// The whole file. Throws contain::error with the flag as operation.
std::string read_file(const std::string& path, std::string_view flag);
std::string absolute_path(std::string_view path);

}  // namespace contain::cli
