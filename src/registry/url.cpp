#include "contain/registry/url.hpp"

#include <algorithm>

#include "contain/core/text.hpp"

namespace contain::registry {
namespace {

bool is_alnum(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Four decimal parts up to 255 without leading zeros.
bool is_dotted_quad(std::string_view host) noexcept {
  const auto parts = text::split(host, '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view p) {
           const auto value = text::parse_unsigned<unsigned>(p);
           return value && *value <= 255 && (p.size() == 1 || p.front() != '0');
         });
}

/// A name, or an address in its one usual spelling: a host whose last label is a number ("127.1", "0x7f.0.0.1") is
/// turned into an address by resolvers in ways that differ.
bool is_host(std::string_view host) noexcept {
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 4) return false;
    const auto inner = host.substr(1, host.size() - 2);
    return std::all_of(inner.begin(), inner.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.'; });
  }
  const auto labels = text::split(host, '.');
  for (const auto label : labels) {
    const bool plain =
        std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
    if (label.empty() || label.size() > 63 || !plain) return false;
  }
  const auto last = labels.back();
  const bool numeric = last.front() >= '0' && last.front() <= '9';
  return host.size() <= 253 && (!numeric || is_dotted_quad(host));
}

}  // namespace

std::optional<url> url::parse(std::string_view text) {
  url out;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  for (const char c : text.substr(0, colon)) out.scheme += lower(c);
  if (out.scheme != "http" && out.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  if (!printable) return std::nullopt;

  auto authority = text.substr(0, text.find_first_of("/?"));
  out.target = text.substr(authority.size());
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  out.port = out.scheme == "https" ? 443 : 80;
  const auto bracket = authority.rfind(']');
  const auto port_at = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port_at != std::string_view::npos) {
    const auto port = text::parse_unsigned<std::uint16_t>(authority.substr(port_at + 1));
    if (!port || *port == 0) return std::nullopt;
    out.port = *port;
    authority = authority.substr(0, port_at);
  }
  for (const char c : authority) out.host += lower(c);
  if (!is_host(out.host)) return std::nullopt;
  return out;
}

std::optional<url> url::resolve(std::string_view location) const {
  location = text::trim(location);
  if (location.empty()) return std::nullopt;
  if (location.starts_with("//")) return parse(text::cat(scheme, ':', location));
  const auto first = location.find_first_of(":/?#");
  if (first != std::string_view::npos && location[first] == ':') return parse(location);
  if (location.starts_with('/')) return parse(origin() + std::string{location});
  const auto path = std::string_view{target}.substr(0, target.find('?'));
  if (location.starts_with('?')) return parse(text::cat(origin(), path, location));
  return parse(text::cat(origin(), path.substr(0, path.rfind('/') + 1), location));
}

std::string url::origin() const { return text::cat(scheme, "://", host, ':', port); }

std::string url::text() const {
  const bool usual = port == (scheme == "https" ? 443 : 80);
  return (usual ? text::cat(scheme, "://", host) : origin()) + target;
}

bool url::is_loopback() const noexcept {
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && is_dotted_quad(host));
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

}  // namespace contain::registry
