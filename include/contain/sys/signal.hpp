// Signal numbers by the names that images, users and docker give them. signal(7).
#pragma once
#include <array>
#include <csignal>
#include <optional>
#include <string_view>

namespace contain::sys {

struct signal_name {
  std::string_view name;
  int number;
};

inline constexpr std::array<signal_name, 34> signal_names = {{
    {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT},     {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"IOT", SIGABRT},      {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD},     {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},     {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"POLL", SIGIO},       {"PWR", SIGPWR},       {"SYS", SIGSYS},
}};

/// Kernel numbers: glibc keeps 32 and 33 for itself, but a container may well use another libc.
inline constexpr int first_realtime_signal = 34, last_realtime_signal = 64;

/// "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3", "RTMAX-1"; nothing for anything else, and for 0.
constexpr std::optional<int> parse_signal(std::string_view text) noexcept {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  const auto number = [](std::string_view digits) -> std::optional<int> {
    if (digits.empty() || digits.size() > 2) return std::nullopt;
    int value = 0;
    for (const char c : digits) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  const auto starts = [upper](std::string_view whole, std::string_view with) {
    if (whole.size() < with.size()) return false;
    for (std::size_t i = 0; i < with.size(); ++i)
      if (upper(whole[i]) != with[i]) return false;
    return true;
  };
  if (const auto value = number(text)) return *value >= 1 && *value <= last_realtime_signal ? value : std::nullopt;
  if (starts(text, "SIG")) text.remove_prefix(3);
  for (const auto& row : signal_names)
    if (row.name.size() == text.size() && starts(text, row.name)) return row.number;

  const bool from_minimum = starts(text, "RTMIN");
  if (!from_minimum && !starts(text, "RTMAX")) return std::nullopt;
  text.remove_prefix(5);
  int distance = 0;
  if (!text.empty()) {
    if (text.front() != (from_minimum ? '+' : '-')) return std::nullopt;
    const auto given = number(text.substr(1));
    if (!given || *given > last_realtime_signal - first_realtime_signal) return std::nullopt;
    distance = *given;
  }
  return from_minimum ? first_realtime_signal + distance : last_realtime_signal - distance;
}

}  // namespace contain::sys
