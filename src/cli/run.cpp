// run and create.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/options.hpp"
#include "cli/peers.hpp"
#include "cli/pulling.hpp"
#include "cli/session.hpp"
#include "contain/core/scope.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

/// docker's --cidfile: made before the container, so that two runs cannot both claim it.
class id_file {
 public:
  explicit id_file(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd_ >= 0) return;
    if (errno == EEXIST)
      throw error{errc::invalid, "--cidfile", path_,
                  "the file exists; remove it when its container is no longer of use"};
    throw error::from_errno(errc::invalid, errno, "--cidfile", path_);
  }
  ~id_file() {
    if (fd_ < 0) return;
    (void)::close(fd_);
    if (!kept_) (void)::unlink(path_.c_str());
  }
  id_file(const id_file&) = delete;
  id_file& operator=(const id_file&) = delete;
  void write(std::string_view id) {
    if (fd_ >= 0) write_all(fd_, id, path_);
  }
  void keep() noexcept { kept_ = true; }

 private:
  std::string path_;
  int fd_ = -1;
  bool kept_ = false;
};

/// -a: any of stdin, stdout, stderr; none given = all that make sense.
struct attach_flags {
  std::vector<std::string> names;
  [[nodiscard]] bool wants(std::string_view name) const {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }
  void check(const invocation& call) {
    for (auto& name : names) {
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
      if (name != "stdin" && name != "stdout" && name != "stderr")
        throw usage_error{text::cat("invalid argument \"", name,
                                    "\" for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR"),
                          call.full_name(),
                          {},
                          125};
    }
  }
};

void declare_pull(arguments& flags, pull_flags& into) {
  flags.text("--authfile", into.auth_file, "File with registry credentials (docker's config.json)")
      .text("--ca-file", into.ca_file, "PEM file of a certificate authority to trust");
}

pull_flags pull_flags_of(const container_flags& flags, pull_flags pull) {
  pull.platform = flags.life.platform;
  pull.quiet = flags.life.quiet;
  return pull;
}

container make(invocation& call, const container_flags& flags, const pull_flags& pull,
               const std::vector<std::string>& words) {
  auto [options, directories] = convert(flags, words, process_environment());
  provide_image(call, options.image, flags.life.pull, pull_flags_of(flags, pull));
  for (const auto& directory : directories) {
    if (::access(directory.c_str(), F_OK) == 0) continue;
    std::error_code failure;
    std::filesystem::create_directories(directory, failure);
    if (failure) throw error::from_errno(failure.value(), "create directory for --volume", directory);
  }
  if (options.tty) options.size = current_size();
  return container::create(call.store(), std::move(options));
}

/// A limit that was asked for and could not be set must not pass in silence.
void warn_of_limits(invocation& call, const container& of, const container_flags& flags) {
  const auto& asked = flags.limits;
  if (!asked.memory && !asked.cpus && !asked.cpu_shares && !asked.pids) return;
  for (const auto& row : of.isolation())
    if (row.name == "limits" && row.result == isolation_row::grade::weakened)
      call.io.err.line(text::cat("WARNING: ", printable(row.detail))).flush();
}

}  // namespace

int run_verb(invocation& call) {
  container_flags flags;
  pull_flags pull;
  attach_flags attach;
  session_options session;
  bool detach = false;
  arguments parser{call, interspersed::no};
  declare(parser, flags);
  declare_pull(parser, pull);
  parser.flag("-d,--detach", detach, "Run container in background and print container ID")
      .list("-a,--attach", attach.names, "Attach to STDIN, STDOUT or STDERR")
      .text("--detach-keys", session.keys, "Override the key sequence for detaching a container")
      .flag("--sig-proxy", session.proxy_signals, "Proxy received signals to the process (default true)");
  const auto words = parser.parse({1});
  attach.check(call);
  if (detach && !attach.names.empty())
    throw usage_error{"conflicting options: cannot specify both --attach and --detach", call.full_name(), {}, 125};
  (void)detach_keys{session.keys};
  if (!detach) require_terminal(flags.life.tty, flags.life.interactive, call.full_name());

  id_file file{flags.life.cidfile};
  auto made = make(call, flags, pull, words);
  // A command that cannot be started leaves nothing behind: its name is free again for the corrected command line.
  scope_exit undo{[&] {
    try {
      made.remove(true);
    } catch (...) {  // the failed start is what the user must see
    }
  }};
  file.write(made.id());
  if (detach) {
    made.start();
    undo.release();
    file.keep();
    warn_of_limits(call, made, flags);
    call.io.out.line(made.id());
    return 0;
  }
  auto connection = made.start_attached();
  undo.release();
  file.keep();
  warn_of_limits(call, made, flags);
  session.tty = flags.life.tty;
  session.input = flags.life.interactive && attach.wants("stdin");
  session.out = attach.wants("stdout");
  session.err = attach.wants("stderr");
  return follow(made, connection, session, call.io);
}

int create_verb(invocation& call) {
  container_flags flags;
  pull_flags pull;
  attach_flags attach;
  arguments parser{call, interspersed::no};
  declare(parser, flags);
  declare_pull(parser, pull);
  parser.list("-a,--attach", attach.names, "Attach to STDIN, STDOUT or STDERR");
  const auto words = parser.parse({1});
  attach.check(call);
  id_file file{flags.life.cidfile};
  auto made = make(call, flags, pull, words);
  file.write(made.id());
  file.keep();
  call.io.out.line(made.id());
  return 0;
}

}  // namespace contain::cli
