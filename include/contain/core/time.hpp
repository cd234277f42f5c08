// Wall-clock instants in nanoseconds and RFC 3339.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace contain {

using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// "2026-11-24T17:36:29.123456789Z"; always UTC, always nine digits, whatever the locale.
std::string to_rfc3339(time_point when);
/// Any RFC 3339 instant with any number of fraction digits and any offset. Nothing if it is none.
std::optional<time_point> parse_rfc3339(std::string_view text) noexcept;
inline time_point now() noexcept {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace contain
