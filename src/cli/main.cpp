// The `contain` command: finds the verb, runs it, turns what it throws into words and an exit status. This program is
// the only place of the project that installs signal handlers or exits.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "contain/core/text.hpp"
#include "contain/version.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

/// SIGPIPE must not kill this process in the middle of a write to the store. A handler, not SIG_IGN: an ignored signal
/// stays ignored across execve and would reach the commands in containers, a handled one does not (execve(2)).
void survive_sigpipe() noexcept {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  (void)::sigaction(SIGPIPE, &action, nullptr);
}

std::string group_summary(std::string_view group) {
  if (group == "container") return "Manage containers";
  if (group == "image") return "Manage images";
  return "Manage contain";
}

void append_verbs(std::string& out, std::string_view group) {
  for (const auto& verb : commands()) {
    if (verb.group != group) continue;
    const auto name = verb.name.substr(0, verb.name.find(' '));
    out += cat("  ", name, std::string(name.size() < 11 ? 11 - name.size() : 1, ' '), verb.summary, "\n");
  }
}

std::string overview() {
  std::string out = "Usage:  contain [OPTIONS] COMMAND\n\nContainers without a daemon\n\nCommands:\n";
  append_verbs(out, "");
  out += "\nManagement Commands:\n";
  for (const std::string_view group : {"container", "image", "system"})
    out += cat("  ", group, std::string(11 - group.size(), ' '), group_summary(group), "\n");
  out +=
      "\nGlobal Options:\n"
      "  -D, --debug         Print what the library does\n"
      "      --root string   Store directory (default $CONTAIN_ROOT, else /var/lib/contain for root)\n"
      "  -v, --version       Print version information and quit\n"
      "\nRun 'contain COMMAND --help' for more information on a command.\n";
  return out;
}

std::string group_overview(std::string_view group) {
  auto out = cat("Usage:  contain ", group, " COMMAND\n\n", group_summary(group), "\n\nCommands:\n");
  append_verbs(out, group);
  return out + cat("\nRun 'contain ", group, " COMMAND --help' for more information on a command.\n");
}

bool is_group(std::string_view word) { return word == "container" || word == "image" || word == "system"; }

[[noreturn]] void fail_usage(std::string message) { throw usage_error{std::move(message), "contain", {}, 125}; }

[[noreturn]] void fail_unknown(std::string_view group, std::string_view word) {
  const auto shown = group.empty() ? std::string{word} : cat(group, " ", word);
  const auto program = group.empty() ? std::string{"contain"} : cat("contain ", group);
  const auto near = nearest_command(group, word);
  throw usage_error{cat("'", shown, "' is not a contain command"),
                    program,
                    {},
                    1,
                    near.empty() ? std::string{} : cat(program, " ", near)};
}

/// Reads what stands before the verb; `words` keeps the rest. False when a flag has already answered.
bool read_globals(std::vector<std::string>& words, global_options& options, console& io) {
  std::size_t at = 0;
  for (; at < words.size() && words[at].size() > 1 && words[at].front() == '-'; ++at) {
    const std::string_view word = words[at];
    if (word == "--version" || word == "-v") {
      io.out.line(cat("contain version ", version()));
      return false;
    }
    if (word == "--help" || word == "-h") {
      io.out.write(overview());
      return false;
    }
    if (word == "--debug" || word == "-D") {
      options.debug = true;
    } else if (word.starts_with("--root=")) {
      options.root = word.substr(7);
    } else if (word == "--root") {
      if (++at == words.size()) fail_usage("flag needs an argument: --root");
      options.root = words[at];
    } else {
      fail_usage(cat("unknown flag: ", word));
    }
  }
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at));
  return true;
}

int dispatch(std::vector<std::string> words, console& io, exit_style& style) {
  global_options options;
  if (!read_globals(words, options, io)) return 0;
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    if (!words.empty()) words.emplace_back("--help");
  }
  if (words.empty()) {
    io.out.write(overview());
    return 0;
  }
  std::string group;
  if (is_group(words.front())) {
    group = std::move(words.front());
    words.erase(words.begin());
    if (words.empty() || words.front() == "--help" || words.front() == "-h") {
      io.out.write(group_overview(group));
      return 0;
    }
  }
  const auto* verb = find_command(group, words.front());
  if (verb == nullptr) fail_unknown(group, words.front());
  style = verb->style;
  words.erase(words.begin());
  invocation call{*verb, std::move(words), io, std::move(options)};
  try {
    return verb->run(call);
  } catch (const help_requested& help) {
    io.out.write(help.text);
    return 0;
  }
}

int run(std::vector<std::string> words) {
  console io;
  auto style = exit_style::plain;
  const auto complain = [&](std::string_view text) {
    try {
      io.out.flush();
      io.err.write(text).flush();
    } catch (...) {  // nobody left to tell
    }
  };
  try {
    const int status = dispatch(std::move(words), io, style);
    io.err.flush();
    io.out.flush();
    return status;
  } catch (const usage_error& e) {
    complain(render(e));
    return e.exit_code;
  } catch (const closed_output&) {
    return 128 + SIGPIPE;  // what a shell shows for a program that SIGPIPE ended
  } catch (const error& e) {
    complain(render(e, wants_colour(io.err)));
    return exit_code_for(e, style);
  } catch (const std::bad_alloc&) {
    complain("contain: out of memory\n");
  } catch (const std::exception& e) {
    complain(cat("contain: ", printable(e.what()), "\n"));
  }
  return style == exit_style::launching ? 125 : 1;
}

}  // namespace
}  // namespace contain::cli

int main(int argc, char** argv) {
  contain::cli::survive_sigpipe();
  return contain::cli::run({argv + (argc > 0 ? 1 : 0), argv + argc});
}
