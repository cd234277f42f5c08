// attach and exec.
#include <unistd.h>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/options.hpp"
#include "cli/peers.hpp"
#include "cli/session.hpp"
#include "cli/values.hpp"
#include "contain/container.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

struct exec_flags {
  bool detach = false, interactive = false, tty = false, privileged = false;
  std::string workdir, user;
  std::vector<std::string> env, env_files;
};

exec_options options_of(const exec_flags& flags, const std::vector<std::string>& words) {
  exec_options options;
  options.command.assign(words.begin() + 1, words.end());
  const auto env = process_environment();
  for (const auto& path : flags.env_files) add_variable_file(options.env, read_file(path, "--env-file"), path, env);
  for (const auto& text : flags.env) add_variable(options.env, text, env);
  options.workdir = flags.workdir;
  options.user = flags.user;
  options.detached = flags.detach;
  options.tty = flags.tty && !flags.detach;
  options.open_stdin = flags.interactive && !flags.detach;
  options.privileged = flags.privileged;
  if (options.tty) options.size = current_size();
  return options;
}

}  // namespace

int attach_verb(invocation& call) {
  bool no_stdin = false;
  session_options session;
  arguments flags{call};
  flags.flag("--no-stdin", no_stdin, "Do not attach STDIN")
      .text("--detach-keys", session.keys, "Override the key sequence for detaching a container")
      .flag("--sig-proxy", session.proxy_signals, "Proxy all received signals to the process (default true)");
  const auto names = flags.parse({1, 1});
  (void)detach_keys{session.keys};
  auto of = container::open(call.store(), names.front());
  const auto info = of.info();
  if (info.state != container_state::running)
    throw error{errc::not_running, "attach", names.front()}.with_hint(text::cat("contain start -a ", names.front()));
  session.tty = info.tty;
  session.input = !no_stdin;
  require_terminal(session.tty, session.input, call.full_name());
  auto connection = of.attach();
  return follow(of, connection, session, call.io);
}

int exec_verb(invocation& call) {
  exec_flags given;
  session_options session;
  arguments flags{call, interspersed::no};
  flags.flag("-d,--detach", given.detach, "Detached mode: run command in the background")
      .flag("-i,--interactive", given.interactive, "Keep STDIN open even if not attached")
      .flag("-t,--tty", given.tty, "Allocate a pseudo-TTY")
      .flag("--privileged", given.privileged, "Give extended privileges to the command")
      .text("--detach-keys", session.keys, "Override the key sequence for detaching a container")
      .text("-w,--workdir", given.workdir, "Working directory inside the container")
      .text("-u,--user", given.user, "Username or UID (format: \"<name|uid>[:<group|gid>]\")")
      .list("-e,--env", given.env, "Set environment variables")
      .list("--env-file", given.env_files, "Read in a file of environment variables");
  const auto words = flags.parse({2});
  (void)detach_keys{session.keys};
  if (!given.detach) require_terminal(given.tty, given.interactive, call.full_name());

  const auto of = container::open(call.store(), words.front());
  auto started = of.exec(options_of(given, words));
  if (given.detach) return 0;
  session.tty = given.tty;
  session.input = given.interactive;
  process_peer far{started, given.tty};
  switch (converse(far, session, call.io)) {
    case session_end::detached:
      started.detach();
      call.io.err.line("read escape sequence").flush();
      return 0;
    case session_end::forsaken:
      started.detach();
      call.io.err.line("got 3 SIGTERM/SIGINTs, forcefully exiting").flush();
      return 1;
    case session_end::finished:
      break;
  }
  return started.wait().code;
}

}  // namespace contain::cli
