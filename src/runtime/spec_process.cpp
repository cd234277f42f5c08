#include "runtime/spec_process.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/spec_builder.hpp"

namespace contain::runtime {
namespace {

constexpr std::string_view default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// As the kernel's 2^31: an id above is what -1 and other wrapped numbers turn into (CVE-2024-40635).
constexpr std::uint64_t largest_id = 2'147'483'647;
constexpr std::uint64_t default_nofile_soft = 1024, default_nofile_hard = 65536;
constexpr std::uint64_t unlimited = RLIM_INFINITY;

bool all_digits(std::string_view s) noexcept {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Replaces the entry of the same name in place, or appends it.
void set_env(std::vector<std::string>& env, std::string_view name, std::string entry) {
  for (auto& existing : env) {
    if (existing.size() > name.size() && existing[name.size()] == '=' && existing.starts_with(name)) {
      existing = std::move(entry);
      return;
    }
  }
  env.push_back(std::move(entry));
}

void add_env(std::vector<std::string>& env, const std::map<std::string, std::string>& given) {
  for (const auto& [name, value] : given) {
    if (name.empty() || name.find('=') != std::string::npos)
      throw error(errc::invalid, "set environment variable", name, "a name is not empty and has no '='");
    check_no_nul(name, "environment variable name");
    check_no_nul(value, "environment variable " + name);
    set_env(env, name, text::cat(name, '=', value));
  }
}

void check_user_part(std::string_view part, std::string_view whole, std::string_view what) {
  if (all_digits(part)) {
    const auto id = text::parse_unsigned<std::uint64_t>(part);
    if (!id || *id > largest_id)
      throw error(errc::invalid, "read user", std::string(whole), text::cat(what, " ids go from 0 to ", largest_id));
    return;
  }
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == '@' || c == '$';
  };
  if (part.empty() || part.front() == '-' || !std::all_of(part.begin(), part.end(), plain))
    throw error(errc::invalid, "read user", std::string(whole), text::cat("not a ", what, " id or name"));
}

std::string list_caps(sys::cap_mask set) {
  std::string names;
  unsigned count = 0;
  for (unsigned i = 0; i < sys::cap_names.size(); ++i) {
    if ((set & sys::cap_bit(i)) == 0) continue;
    names += text::cat(count++ == 0 ? "" : " ", sys::cap_names[i]);
  }
  return count == 0 ? "none" : text::cat(count, count == 1 ? " capability: " : " capabilities: ", names);
}

sys::cap_mask read_caps(const std::vector<std::string>& names, bool& all) {
  sys::cap_mask set = 0;
  for (const auto& name : names) {
    if (name == "ALL" || name == "all") {
      all = true;
    } else if (const auto capability = sys::parse_cap(name)) {
      set |= sys::cap_bit(*capability);
    } else {
      error e(errc::invalid, "read capability", name, "no capability has this name");
      throw std::move(e.with_hint("man 7 capabilities"));
    }
  }
  return set;
}

/// Only CAP_SYS_RESOURCE in the initial user namespace may raise a hard limit.
bool may_raise(const host_facts& host) noexcept { return (host.caps_effective & sys::cap_bit(CAP_SYS_RESOURCE)) != 0; }

std::uint64_t hard_of(const host_facts& host, int resource) noexcept {
  return may_raise(host) ? unlimited : host.rlimits[static_cast<std::size_t>(resource)].hard;
}

}  // namespace

void check_no_nul(std::string_view value, std::string_view what) {
  if (value.find('\0') != std::string_view::npos)
    throw error(errc::invalid, "read " + std::string(what), std::string(value.substr(0, value.find('\0'))),
                "has a NUL byte");
}

std::vector<std::string> compose_command(const container_options& options, const oci::execution_config& image) {
  std::vector<std::string> command;
  if (options.entrypoint) {
    // docker's --entrypoint "" clears; its API says so with an empty list.
    if (*options.entrypoint != std::vector<std::string>{""}) command = *options.entrypoint;
  } else if (image.entrypoint) {
    command = *image.entrypoint;
  }
  if (!options.command.empty()) {
    command.insert(command.end(), options.command.begin(), options.command.end());
  } else if (!options.entrypoint && image.cmd) {
    command.insert(command.end(), image.cmd->begin(), image.cmd->end());
  }
  if (command.empty()) throw error(errc::invalid, "create", options.image, "no command given and the image has none");
  for (const auto& argument : command) check_no_nul(argument, "argument");
  return command;
}

std::vector<std::string> compose_env(const std::map<std::string, std::string>& given,
                                     const std::vector<std::string>& image, std::string_view hostname, bool terminal) {
  std::vector<std::string> env{std::string(default_path), text::cat("HOSTNAME=", hostname)};
  if (terminal) env.emplace_back("TERM=xterm");
  for (const auto& entry : image) {
    const auto end = entry.find('=');
    // Without '=' it sets nothing; docker lets such entries pass, too.
    if (end == 0 || end == std::string::npos) continue;
    check_no_nul(entry, "the image's environment");
    set_env(env, std::string_view(entry).substr(0, end), entry);
  }
  add_env(env, given);
  return env;
}

void check_user(std::string_view user) {
  const auto colon = user.find(':');
  check_user_part(user.substr(0, colon), user, "user");
  if (colon != std::string_view::npos) check_user_part(user.substr(colon + 1), user, "group");
}

std::string clean_absolute(std::string_view path, std::string_view what) {
  check_no_nul(path, what);
  if (path.empty() || path.front() != '/')
    throw error(errc::invalid, "read " + std::string(what), std::string(path), "not an absolute path");
  auto clean = std::filesystem::path(path).lexically_normal().native();
  if (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  return clean;
}

sys::cap_mask choose_caps(const security_options& security, const profile_data& profile, bool user_namespace,
                          const host_facts& host, isolation_ledger& ledger) {
  bool add_all = false, drop_all = false;
  const auto add = read_caps(security.caps_add, add_all), drop = read_caps(security.caps_drop, drop_all);
  // docker's rules: ALL on one side, single names then correct it.
  sys::cap_mask wanted = add_all ? sys::all_caps & ~drop : drop_all ? add : (profile.caps | add) & ~drop;

  // A new user namespace starts with every capability there is; in the host's own we cannot give what we lost.
  if (!user_namespace) {
    const auto lost = wanted & ~host.caps_bounding;
    if (const auto named = lost & add; named != 0) {
      throw error(errc::denied, "add capabilities", list_caps(named),
                  "this process has dropped them from its bounding set itself");
    }
    wanted &= ~lost;
  }
  const auto beyond = wanted & ~data_of(isolation_profile::standard).caps;
  if (beyond == 0) {
    ledger.got("capabilities", list_caps(wanted));
  } else {
    ledger.opted_out("capabilities", text::cat(list_caps(wanted), "; beyond the default: ", list_caps(beyond)));
  }
  return wanted;
}

std::vector<oci::spec_rlimit> choose_rlimits(
    const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>& given, const profile_data& profile,
    const host_facts& host, isolation_ledger& ledger) {
  std::vector<oci::spec_rlimit> chosen;
  const auto set = [&chosen](int resource, std::uint64_t soft, std::uint64_t hard) {
    const auto at = std::find_if(chosen.begin(), chosen.end(),
                                 [resource](const oci::spec_rlimit& r) { return r.resource == resource; });
    if (at != chosen.end()) {
      *at = {resource, soft, hard};
    } else {
      chosen.push_back({resource, soft, hard});
    }
  };
  if (profile.limits) {
    const auto files = std::min(default_nofile_hard, hard_of(host, RLIMIT_NOFILE));
    set(RLIMIT_NOFILE, std::min(default_nofile_soft, files), files);
    // 1 and not 0: only 1 also stops a dump that core_pattern pipes into a program on the host.
    const auto core = std::min<std::uint64_t>(1, hard_of(host, RLIMIT_CORE));
    set(RLIMIT_CORE, core, core);
  }
  for (const auto& [name, value] : given) {
    const auto resource = sys::parse_rlimit(name);
    if (!resource) {
      std::vector<std::string> names;
      for (const auto& row : sys::rlimit_names) names.emplace_back(row.name);
      throw error(errc::invalid, "read ulimit", name, "none of " + text::join(names, ", "));
    }
    const auto [soft, hard] = value;
    if (soft > hard) throw error(errc::invalid, "read ulimit", name, text::cat("soft ", soft, " is above hard ", hard));
    if (hard > hard_of(host, *resource)) {
      throw error(errc::limit_refused, "set ulimit", name,
                  text::cat("this process may give at most ", hard_of(host, *resource), ", asked for ", hard));
    }
    set(*resource, soft, hard);
  }

  const auto core = std::find_if(chosen.begin(), chosen.end(), [](const auto& r) { return r.resource == RLIMIT_CORE; });
  if (core == chosen.end() || core->hard > 1) {
    ledger.opted_out("core_dumps", core == chosen.end() ? "as this process" : "allowed");
  } else if (core->hard == 0 && host.cores_are_piped) {
    ledger.missing("core_dumps",
                   "RLIMIT_CORE is 0 here and cannot be raised to 1: a crash still starts the host's core "
                   "handler");
  } else {
    ledger.got("core_dumps", text::cat("none, limit ", core->hard));
  }
  return chosen;
}

oci::spec_process build_exec(const oci::runtime_spec& container, const exec_options& options, const host_facts& host) {
  if (options.command.empty()) throw error(errc::invalid, "exec", {}, "no command given");
  oci::spec_process process = container.process;
  process.args = options.command;
  for (const auto& argument : process.args) check_no_nul(argument, "argument");
  process.terminal = options.tty;
  process.rows = options.size.rows;
  process.columns = options.size.columns;
  if (options.tty && std::none_of(process.env.begin(), process.env.end(),
                                  [](const std::string& entry) { return entry.starts_with("TERM="); })) {
    process.env.emplace_back("TERM=xterm");
  }
  add_env(process.env, options.env);
  if (!options.workdir.empty()) process.cwd = clean_absolute(options.workdir, "working directory");
  if (!options.user.empty()) {
    check_user(options.user);
    process.user = {};
    process.user.name = options.user;
  }
  if (options.privileged) {
    process.caps_bounding = container.namespaces.user ? sys::all_caps : host.caps_bounding;
    process.caps_effective = process.caps_bounding;
  }
  return process;
}

}  // namespace contain::runtime
