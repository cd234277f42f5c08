// Subordinate id ranges of a user: the lines of /etc/subuid and /etc/subgid. subuid(5).
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace contain::sys {

struct id_range {
  std::uint32_t start = 0;
  std::uint32_t size = 0;
};

/// The longest range that `table` (the text of the file) gives to `user` or to its number `uid`. Lines that are not
/// NAME:START:COUNT, or run past the last id, are passed over: other programs write this file, too.
inline std::optional<id_range> find_id_range(std::string_view table, std::string_view user,
                                             std::uint32_t uid) noexcept {
  const auto number = [](std::string_view digits) -> std::optional<std::uint32_t> {
    std::uint32_t value = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  std::optional<id_range> longest;
  while (!table.empty()) {
    const auto line_end = table.find('\n');
    const auto line = table.substr(0, line_end);
    table.remove_prefix(line_end == std::string_view::npos ? table.size() : line_end + 1);
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto owner = line.substr(0, first);
    if (owner != user && number(owner) != uid) continue;
    const auto start = number(line.substr(first + 1, second - first - 1));
    const auto size = number(line.substr(second + 1));
    if (!start || !size || *size == 0 || *start > UINT32_MAX - *size) continue;
    if (!longest || *size > longest->size) longest = id_range{*start, *size};
  }
  return longest;
}

}  // namespace contain::sys
