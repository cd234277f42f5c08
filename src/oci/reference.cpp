#include "contain/oci/reference.hpp"

#include <algorithm>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::oci {
namespace {

constexpr std::string_view default_domain = "docker.io";
constexpr std::string_view old_default_domain = "index.docker.io";
constexpr std::string_view official = "library/";
constexpr std::size_t max_name = 255;

bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_alnum(char c) noexcept { return is_lower(c) || is_upper(c) || is_digit(c); }

/// One label of a host name: letters, digits and inner hyphens.
bool is_host_label(std::string_view label) noexcept {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_port(std::string_view text) noexcept {
  const auto value = text::parse_unsigned<unsigned>(text);
  return value && *value > 0 && *value <= 65535;
}

bool is_domain(std::string_view text) noexcept {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    const auto address = text.substr(1, close - 1);
    const bool plausible = std::all_of(address.begin(), address.end(), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    });
    if (!plausible || address.find(':') == std::string_view::npos) return false;
    port = text.substr(close + 1);
    return port.empty() || (port.starts_with(':') && is_port(port.substr(1)));
  }
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return false;
  const auto labels = text::split(text.substr(0, colon), '.');
  return std::all_of(labels.begin(), labels.end(), is_host_label);
}

/// Lower-case alphanumerics, separated by one '.', one '_', "__" or any number of '-'.
bool is_path_component(std::string_view part) noexcept {
  const auto plain = [](char c) { return is_lower(c) || is_digit(c); };
  if (part.empty() || !plain(part.front()) || !plain(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (plain(part[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < part.size() && part[end] == part[i]) ++end;
    const auto run = end - i;
    const bool fine = part[i] == '-' || (part[i] == '.' && run == 1) || (part[i] == '_' && run <= 2);
    if (!fine || !plain(part[end])) return false;
    i = end;
  }
  return true;
}

/// docker's rule for where the host ends: the first part is a host only if it looks like one.
bool names_host(std::string_view first) noexcept {
  return first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
         std::any_of(first.begin(), first.end(), is_upper);
}

struct outcome {
  reference value;
  std::string_view problem;  ///< empty when fine
};

outcome read(std::string_view text) {
  reference out;
  auto rest = text;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    auto digest = digest::parse(rest.substr(at + 1));
    if (!digest) return {{}, "the part after @ is no digest (sha256: and 64 lower-case hex digits)"};
    out.digest = *std::move(digest);
    rest = rest.substr(0, at);
  }
  const auto slash = rest.find('/');
  const bool host = slash != std::string_view::npos && names_host(rest.substr(0, slash));
  const auto domain = host ? rest.substr(0, slash) : default_domain;
  auto path = host ? rest.substr(slash + 1) : rest;
  if (const auto colon = path.rfind(':'); colon != std::string_view::npos) {
    out.tag = path.substr(colon + 1);
    path = path.substr(0, colon);
    if (!is_valid_tag(out.tag)) return {{}, "the tag is not valid: up to 128 letters, digits, '_', '.', '-'"};
  }
  if (path.empty()) return {{}, "the repository name is empty"};
  if (std::any_of(path.begin(), path.end(), is_upper)) return {{}, "the repository name must be lower case"};
  const auto parts = text::split(path, '/');
  if (!std::all_of(parts.begin(), parts.end(), is_path_component)) return {{}, "the repository name is not valid"};
  if (!is_domain(domain)) return {{}, "the registry's host name is not valid"};
  out.domain = domain == old_default_domain ? default_domain : domain;
  if (out.domain == default_domain && parts.size() == 1) out.repository = official;
  // Docker keeps 64 hex digits for image ids, and this is what its familiar form would look like.
  if (!out.repository.empty() && digest::parse("sha256:" + std::string{path}))
    return {{}, "64 hex digits are an image id, not a repository name"};
  out.repository += path;
  if (out.repository.size() > max_name) return {{}, "the repository name is longer than 255 characters"};
  return {std::move(out), {}};
}

void append_suffix(std::string& out, const reference& r) {
  if (!r.tag.empty()) out += ':' + r.tag;
  if (r.digest) out += '@' + r.digest.text();
}

}  // namespace

bool is_valid_tag(std::string_view tag) noexcept {
  if (tag.empty() || tag.size() > 128) return false;
  if (!is_alnum(tag.front()) && tag.front() != '_') return false;
  return std::all_of(tag.begin(), tag.end(), [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

reference parse_reference(std::string_view text) {
  auto [value, problem] = read(text);
  if (!problem.empty())
    throw error{errc::invalid, "read image reference", std::string{text.substr(0, 300)}, std::string{problem}};
  return std::move(value);
}

std::optional<reference> try_parse_reference(std::string_view text) {
  auto [value, problem] = read(text);
  if (!problem.empty()) return std::nullopt;
  return std::move(value);
}

std::string reference::name() const { return domain + '/' + repository; }

std::string reference::familiar_name() const {
  if (domain != default_domain) return name();
  const std::string_view path = repository;
  // Only library/x is shortened: library/x/y would read back as something else.
  if (path.starts_with(official) && path.substr(official.size()).find('/') == std::string_view::npos)
    return std::string{path.substr(official.size())};
  return repository;
}

std::string reference::canonical() const {
  auto out = name();
  append_suffix(out, *this);
  return out;
}

std::string reference::familiar() const {
  auto out = familiar_name();
  append_suffix(out, *this);
  return out;
}

reference reference::with_default_tag() const {
  auto out = *this;
  if (out.tag.empty() && !out.digest) out.tag = "latest";
  return out;
}

}  // namespace contain::oci
