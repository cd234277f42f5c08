// docker's flags of `run` and `create`, and what they mean in container_options.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "contain/container.hpp"

namespace contain::cli {

/// Looks up an environment variable of this process; a parameter so that the conversion can be tested.
using environment = std::function<std::optional<std::string>(const std::string&)>;
environment process_environment();

/// As they stood on the command line, before any meaning.
struct container_flags {
  struct {
    bool interactive = false, tty = false, auto_remove = false, quiet = false;
    std::string name, cidfile, platform, pull = "missing";
    std::vector<std::string> labels, label_files;
  } life;
  struct {
    std::optional<std::string> entrypoint;
    std::string workdir, user, hostname, stop_signal;
    std::optional<std::int64_t> stop_timeout;
    std::vector<std::string> env, env_files;
  } process;
  struct {
    std::optional<std::uint64_t> memory, cpu_shares;
    std::optional<double> cpus;
    std::optional<std::int64_t> pids;
    std::vector<std::string> ulimits;
  } limits;
  struct {
    bool read_only = false;
    std::vector<std::string> volumes, mounts, tmpfs;
  } storage;
  struct {
    bool privileged = false;
    std::vector<std::string> cap_add, cap_drop, security_opt;
    std::string userns, cgroupns;
  } security;
  std::string network;
};

/// Declares docker's flags for them, and those this version refuses with a reason.
void declare(arguments& to, container_flags& into);

/// A bind's source that `-v` creates when it is absent; `--mount` does not.
struct converted_options {
  container_options options;
  std::vector<std::string> directories_to_make;
};

/// `words` is IMAGE [COMMAND] [ARG...]. Reads label and env files; touches nothing else.
/// Throws contain::error{invalid} for a value that means nothing.
converted_options convert(const container_flags& flags, const std::vector<std::string>& words, const environment& env);

}  // namespace contain::cli
