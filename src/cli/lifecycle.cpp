// start, stop, kill, restart, rm, rename, wait: verbs on containers that exist.
#include <csignal>
#include <optional>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/peers.hpp"
#include "cli/session.hpp"
#include "cli/values.hpp"
#include "contain/container.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

/// -t of stop and restart: seconds; -1 waits for ever. A day's worth of years stands for that.
void declare_grace(arguments& flags, std::optional<std::chrono::nanoseconds>& into) {
  flags.value(
      "-t,--timeout,--time",
      [&into](const std::string& text) {
        constexpr std::chrono::nanoseconds for_ever = std::chrono::hours{24 * 365 * 100};
        const auto seconds = contain::text::parse_unsigned<std::uint32_t>(text);
        if (!seconds && text != "-1") throw std::string{"not a number of seconds"};
        into = seconds ? std::chrono::nanoseconds{std::chrono::seconds{*seconds}} : for_ever;
      },
      "Seconds to wait before killing the container", "int");
}

/// stop with another signal than the container's own: the library's stop() knows only that one.
void stop_with(container& of, int signal, std::optional<std::chrono::nanoseconds> grace) {
  if (of.state() != container_state::running) return;
  of.kill(signal);
  try {
    (void)of.wait({}, grace.value_or(std::chrono::seconds{10}));
  } catch (const error& e) {
    if (e.code() != errc::timeout) throw;
    (void)of.stop(std::chrono::nanoseconds{0});
  }
}

std::optional<int> signal_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return parse_signal(text);
}

/// start -a, start -i: one container, and its status becomes ours.
int start_attached(invocation& call, const std::string& name, bool interactive, session_options session) {
  auto of = container::open(call.store(), name);
  const auto info = of.info();
  session.tty = info.tty;
  session.input = interactive;
  require_terminal(session.tty, session.input, call.full_name());
  auto connection = of.start_attached();
  return follow(of, connection, session, call.io);
}

}  // namespace

int start_verb(invocation& call) {
  bool attach = false, interactive = false;
  session_options session;
  arguments flags{call};
  flags.flag("-a,--attach", attach, "Attach STDOUT/STDERR and forward signals")
      .flag("-i,--interactive", interactive, "Attach container's STDIN")
      .text("--detach-keys", session.keys, "Override the key sequence for detaching a container")
      .flag("--sig-proxy", session.proxy_signals, "Proxy received signals to the process (default true)");
  const auto names = flags.parse({1});
  (void)detach_keys{session.keys};
  if (attach || interactive) {
    if (names.size() > 1)
      throw usage_error{"you cannot start and attach multiple containers at once", call.full_name(), {}, 1};
    return start_attached(call, names.front(), interactive, session);
  }
  return for_each_name(call, names, [&](const std::string& name) {
    auto of = container::open(call.store(), name);
    if (of.state() != container_state::running) of.start();
    call.io.out.line(name).flush();
  });
}

int stop_verb(invocation& call) {
  std::optional<std::chrono::nanoseconds> grace;
  std::string signal_text;
  arguments flags{call};
  declare_grace(flags, grace);
  flags.text("-s,--signal", signal_text, "Signal to send to the container");
  const auto names = flags.parse({1});
  const auto signal = signal_of(signal_text);
  return for_each_name(call, names, [&](const std::string& name) {
    auto of = container::open(call.store(), name);
    if (signal)
      stop_with(of, *signal, grace);
    else
      (void)of.stop(grace);
    call.io.out.line(name).flush();
  });
}

int kill_verb(invocation& call) {
  std::string signal_text = "KILL";
  arguments flags{call};
  flags.text("-s,--signal", signal_text, "Signal to send to the container");
  const auto names = flags.parse({1});
  const int signal = parse_signal(signal_text);
  return for_each_name(call, names, [&](const std::string& name) {
    container::open(call.store(), name).kill(signal);
    call.io.out.line(name).flush();
  });
}

int restart_verb(invocation& call) {
  std::optional<std::chrono::nanoseconds> grace;
  std::string signal_text;
  arguments flags{call};
  declare_grace(flags, grace);
  flags.text("-s,--signal", signal_text, "Signal to send to the container");
  const auto names = flags.parse({1});
  const auto signal = signal_of(signal_text);
  return for_each_name(call, names, [&](const std::string& name) {
    auto of = container::open(call.store(), name);
    if (signal) {
      stop_with(of, *signal, grace);
      of.start();
    } else {
      of.restart(grace);
    }
    call.io.out.line(name).flush();
  });
}

int remove_verb(invocation& call) {
  bool force = false, volumes = false;
  arguments flags{call};
  flags.flag("-f,--force", force, "Force the removal of a running container (uses SIGKILL)")
      .flag("-v,--volumes", volumes, "Remove anonymous volumes associated with the container (there are none)")
      .refused("-l,--link", "containers of this version have no links");
  const auto names = flags.parse({1});
  return for_each_name(call, names, [&](const std::string& name) {
    try {
      container::open(call.store(), name).remove(force);
    } catch (const error& e) {
      // docker's rm -f of something that is not there is no failure (since its version 20.10).
      if (!force || e.code() != errc::container_not_found) throw;
      report(call, e);
      return;
    }
    call.io.out.line(name).flush();
  });
}

int rename_verb(invocation& call) {
  arguments flags{call};
  const auto names = flags.parse({2, 2});
  container::open(call.store(), names[0]).rename(names[1]);
  return 0;
}

int wait_verb(invocation& call) {
  arguments flags{call};
  const auto names = flags.parse({1});
  return for_each_name(call, names, [&](const std::string& name) {
    const auto status = container::open(call.store(), name).wait();
    call.io.out.line(std::to_string(status.code)).flush();
  });
}

}  // namespace contain::cli
