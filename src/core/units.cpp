#include "contain/core/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "contain/core/text.hpp"

namespace contain::units {
namespace {

/// The decimal number at the front of `rest`, which is moved behind it. No sign, no exponent, no "inf".
std::optional<double> take_number(std::string_view& rest) noexcept {
  const auto length = std::min(rest.find_first_not_of("0123456789."), rest.size());
  double value = 0;
  // from_chars, not strtod: the host's locale must not decide what a decimal point is.
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + length, value, std::chars_format::fixed);
  if (failure != std::errc{} || end != rest.data() + length || length == 0) return std::nullopt;
  rest.remove_prefix(length);
  return value;
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct duration_unit {
  std::string_view name;
  double nanoseconds;
};
// "ms" stands before "m" because the first match wins; the two micro signs are U+00B5 and U+03BC.
constexpr std::array duration_table{
    duration_unit{"ns", 1},   duration_unit{"us", 1e3}, duration_unit{"\u00b5s", 1e3}, duration_unit{"\u03bcs", 1e3},
    duration_unit{"ms", 1e6}, duration_unit{"s", 1e9},  duration_unit{"m", 60e9},      duration_unit{"h", 3600e9},
};

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept {
  auto rest = text;
  // A whole number keeps all its digits; a double would round above 2^53.
  const auto digits = rest.substr(0, rest.find_first_not_of("0123456789"));
  const auto whole = contain::text::parse_unsigned<std::uint64_t>(digits);
  const auto number = take_number(rest);
  if (!number) return std::nullopt;
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);

  constexpr std::string_view prefixes = "kmgtp";
  unsigned shift = 0;
  if (const auto at = rest.empty() ? std::string_view::npos : prefixes.find(lower(rest.front()));
      at != std::string_view::npos) {
    shift = static_cast<unsigned>(at + 1) * 10;
    rest.remove_prefix(1);
    if (!rest.empty() && lower(rest.front()) == 'i') rest.remove_prefix(1);
  }
  if (!rest.empty() && !(rest.size() == 1 && lower(rest.front()) == 'b')) return std::nullopt;

  const bool integral = digits.size() == text.find_first_not_of("0123456789.") || digits.size() == text.size();
  if (integral) {
    if (!whole || *whole > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
    return *whole << shift;
  }
  const double bytes = std::ldexp(*number, static_cast<int>(shift));
  if (!(bytes < std::ldexp(1.0, 64))) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> names{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  double size = static_cast<double>(bytes);
  // 999.5 and not 1000: three digits would print it as 1e+03 of the smaller unit.
  while (size >= (unit == 0 ? 1000 : 999.5) && unit + 1 < names.size()) {
    size /= 1000;
    ++unit;
  }
  std::array<char, 32> buffer{};
  (void)std::snprintf(buffer.data(), buffer.size(), "%.3g%s", size, names[unit]);
  std::string out = buffer.data();
  // snprintf takes the decimal point from the host's locale; tables are the same everywhere.
  if (const auto comma = out.find(','); comma != std::string::npos) out[comma] = '.';
  return out;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept {
  auto rest = text;
  double total = 0;
  if (rest.empty()) return std::nullopt;
  while (!rest.empty()) {
    const bool first = rest.size() == text.size();
    const auto number = take_number(rest);
    if (!number) return std::nullopt;
    if (first && rest.empty()) {
      total = *number * 1e9;
      break;
    }
    const duration_unit* unit = nullptr;
    for (const auto& candidate : duration_table) {
      if (rest.substr(0, candidate.name.size()) != candidate.name) continue;
      unit = &candidate;
      break;
    }
    if (unit == nullptr) return std::nullopt;
    total += *number * unit->nanoseconds;
    rest.remove_prefix(unit->name.size());
  }
  if (!(total < static_cast<double>(std::numeric_limits<std::int64_t>::max()))) return std::nullopt;
  return std::chrono::nanoseconds{std::llround(total)};
}

std::string human_duration(std::chrono::seconds elapsed) {
  using contain::text::cat;
  const auto seconds = elapsed.count();
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return cat(seconds, " seconds");
  const auto minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return cat(minutes, " minutes");
  const auto hours = (seconds + 1800) / 3600;  // to the nearest hour, as docker rounds
  if (hours == 1) return "About an hour";
  if (hours < 48) return cat(hours, " hours");
  if (hours < 24 * 7 * 2) return cat(hours / 24, " days");
  if (hours < 24 * 30 * 2) return cat(hours / 24 / 7, " weeks");
  if (hours < 24 * 365 * 2) return cat(hours / 24 / 30, " months");
  return cat(seconds / 3600 / 24 / 365, " years");
}

}  // namespace contain::units
