// 64-hex identifiers, their short form, and adjective_surname names.
#pragma once
#include <string>
#include <string_view>

namespace contain::ids {

/// 64 lower-case hex digits from getrandom(2). Never all decimal in the first 12, so that a short id cannot be
/// mistaken for a number (and a host name made of it is valid).
std::string random_id();
/// The first 12 digits.
inline std::string_view short_id(std::string_view id) noexcept { return id.substr(0, 12); }
/// True for 1 to 64 lower-case hex digits.
bool is_hex(std::string_view text) noexcept;
/// "quiet_lovelace"; from our own lists, and never boring_wozniak (Steve Wozniak is not boring).
/// `attempt` > 0 appends a digit, for a caller that found the plain name taken.
std::string random_name(unsigned attempt = 0);
/// [a-zA-Z0-9][a-zA-Z0-9_.-]+, Docker's rule for container names.
bool is_valid_name(std::string_view name) noexcept;

}  // namespace contain::ids
