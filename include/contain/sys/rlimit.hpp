// Resource limits and the names docker's --ulimit gives them. getrlimit(2).
#pragma once
#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "contain/sys/result.hpp"

namespace contain::sys {

struct rlimit_name {
  std::string_view name;
  int resource;
};

/// In RLIMIT_x order. The casts are because glibc's C++ header makes the constants an enumeration.
inline constexpr std::array<rlimit_name, 16> rlimit_names = {{
    {"cpu", static_cast<int>(RLIMIT_CPU)},
    {"fsize", static_cast<int>(RLIMIT_FSIZE)},
    {"data", static_cast<int>(RLIMIT_DATA)},
    {"stack", static_cast<int>(RLIMIT_STACK)},
    {"core", static_cast<int>(RLIMIT_CORE)},
    {"rss", static_cast<int>(RLIMIT_RSS)},
    {"nproc", static_cast<int>(RLIMIT_NPROC)},
    {"nofile", static_cast<int>(RLIMIT_NOFILE)},
    {"memlock", static_cast<int>(RLIMIT_MEMLOCK)},
    {"as", static_cast<int>(RLIMIT_AS)},
    {"locks", static_cast<int>(RLIMIT_LOCKS)},
    {"sigpending", static_cast<int>(RLIMIT_SIGPENDING)},
    {"msgqueue", static_cast<int>(RLIMIT_MSGQUEUE)},
    {"nice", static_cast<int>(RLIMIT_NICE)},
    {"rtprio", static_cast<int>(RLIMIT_RTPRIO)},
    {"rttime", static_cast<int>(RLIMIT_RTTIME)},
}};

constexpr std::optional<int> parse_rlimit(std::string_view name) noexcept {
  for (const auto& row : rlimit_names)
    if (row.name == name) return row.resource;
  return std::nullopt;
}

struct rlimit_pair {
  std::uint64_t soft = 0, hard = 0;  ///< ~0 = unlimited
};

/// The calling process's own.
inline result<rlimit_pair> get_rlimit(int resource) noexcept {
  struct rlimit value {};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &value) != 0) return result<rlimit_pair>::failed(errno);
  return rlimit_pair{value.rlim_cur, value.rlim_max};
}

}  // namespace contain::sys
