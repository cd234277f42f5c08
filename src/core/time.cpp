#include "contain/core/time.hpp"

#include <array>
#include <cstdio>
#include <limits>

namespace contain {
namespace {

/// Takes `digits` decimal digits from the front of `rest`; nothing when there are fewer.
std::optional<int> take(std::string_view& rest, std::size_t digits) noexcept {
  if (rest.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char c = rest[i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  rest.remove_prefix(digits);
  return value;
}

bool take_one_of(std::string_view& rest, std::string_view choices) noexcept {
  if (rest.empty() || choices.find(rest.front()) == std::string_view::npos) return false;
  rest.remove_prefix(1);
  return true;
}

/// ".123…": digits beyond the ninth are dropped, as Go does. Without a point it is 0.
std::optional<std::int64_t> take_fraction(std::string_view& rest) noexcept {
  if (rest.empty() || rest.front() != '.') return 0;
  rest.remove_prefix(1);
  std::int64_t value = 0;
  std::size_t digits = 0;
  while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
    if (digits < 9) value = value * 10 + (rest.front() - '0');
    ++digits;
    rest.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

/// "Z", "+05:30" or "-00:00", in minutes east of Greenwich.
std::optional<std::chrono::minutes> take_offset(std::string_view& rest) noexcept {
  if (take_one_of(rest, "Zz")) return std::chrono::minutes{0};
  const bool west = !rest.empty() && rest.front() == '-';
  if (!take_one_of(rest, "+-")) return std::nullopt;
  const auto hours = take(rest, 2);
  if (!hours || !take_one_of(rest, ":")) return std::nullopt;
  const auto minutes = take(rest, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes offset{*hours * 60 + *minutes};
  return west ? -offset : offset;
}

}  // namespace

std::string to_rfc3339(time_point when) {
  using namespace std::chrono;
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss<nanoseconds> time{when - day};
  std::array<char, 48> buffer{};
  (void)std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ", int{date.year()},
                      unsigned{date.month()}, unsigned{date.day()}, static_cast<int>(time.hours().count()),
                      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                      static_cast<int>(time.subseconds().count()));
  return buffer.data();
}

std::optional<time_point> parse_rfc3339(std::string_view text) noexcept {
  using namespace std::chrono;
  auto rest = text;
  const auto y = take(rest, 4);
  if (!y || !take_one_of(rest, "-")) return std::nullopt;
  const auto mo = take(rest, 2);
  if (!mo || !take_one_of(rest, "-")) return std::nullopt;
  const auto d = take(rest, 2);
  if (!d || !take_one_of(rest, "Tt ")) return std::nullopt;
  const auto h = take(rest, 2);
  if (!h || !take_one_of(rest, ":")) return std::nullopt;
  const auto mi = take(rest, 2);
  if (!mi || !take_one_of(rest, ":")) return std::nullopt;
  const auto s = take(rest, 2);
  if (!s) return std::nullopt;
  const auto fraction = take_fraction(rest);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(rest);
  if (!offset || !rest.empty()) return std::nullopt;

  const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
  // Second 60 is a leap second; the clock has none, so it is the first second of the next minute.
  if (!date.ok() || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;
  // 64 bits of nanoseconds hold 1677 to 2262; Go's zero time (year 1) is outside and so is no instant here.
  if (*y < 1678 || *y > 2261) return std::nullopt;
  const auto since_epoch = sys_days{date}.time_since_epoch() + hours{*h} + minutes{*mi} + seconds{*s} - *offset;
  return time_point{nanoseconds{since_epoch} + nanoseconds{*fraction}};
}

}  // namespace contain
