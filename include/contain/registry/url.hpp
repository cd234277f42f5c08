// An http or https address, taken apart strictly, so that "which host gets this header?" has one answer. RFC 3986.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace contain::registry {

/// Immutable parts; text() puts them together again. Addresses with user information, control characters or odd host
/// spellings ("0x7f.1") do not parse: another reader might see another host in them.
struct url {
  std::string scheme;      ///< "http" or "https"
  std::string host;        ///< lower case; IPv6 in brackets
  std::uint16_t port = 0;  ///< always set
  std::string target;      ///< path and query, begins with '/'

  static std::optional<url> parse(std::string_view text);
  /// A Location header against this address. The fragment is dropped.
  [[nodiscard]] std::optional<url> resolve(std::string_view location) const;
  [[nodiscard]] std::string text() const;
  /// "https://host:port": what credentials are bound to.
  [[nodiscard]] std::string origin() const;
  /// 127.0.0.0/8, ::1 and localhost.
  [[nodiscard]] bool is_loopback() const noexcept;

  friend bool operator==(const url&, const url&) = default;
};

/// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace contain::registry
