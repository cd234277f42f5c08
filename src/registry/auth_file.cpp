// Base64, and the credentials in docker's config.json.
#include <algorithm>
#include <array>

#include "contain/core/text.hpp"
#include "contain/registry/auth.hpp"
#include "oci/json_reader.hpp"
#include "registry/small_file.hpp"

namespace contain::registry {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t max_auth_file = std::size_t{4} << 20U;

/// "https://index.docker.io/v1/" -> "docker.io"; "host:5000/team" stays.
std::string normalise_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  while (key.ends_with('/')) key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"})
    if (key.ends_with(version)) key.remove_suffix(version.size());
  std::string out{key};
  const auto host_end = std::min(out.find('/'), out.size());
  const std::string_view host{out.data(), host_end};
  if (host == "index.docker.io" || host == "registry-1.docker.io") out.replace(0, host_end, "docker.io");
  return out;
}

std::optional<credentials> read_entry(const oci::detail::node& entry) {
  credentials out;
  out.username = entry.string_or_empty("username");
  out.password = entry.string_or_empty("password");
  out.identity_token = entry.string_or_empty("identitytoken");
  if (const auto packed = entry.find("auth"); packed && !packed->string().empty()) {
    const auto plain = base64_decode(packed->string());
    const auto colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos) throw packed->wrong("not base64 of user:password");
    out.username = plain->substr(0, colon);
    out.password = plain->substr(colon + 1);
    // docker pads with NUL.
    out.password.erase(std::find(out.password.begin(), out.password.end(), '\0'), out.password.end());
  }
  const bool says_nothing = out.username.empty() && out.identity_token.empty();
  return says_nothing ? std::nullopt : std::optional{std::move(out)};
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[i + k])) : 0U;
    };
    const unsigned group = at(0) << 16U | at(1) << 8U | at(2);
    out += alphabet[group >> 18U & 63U];
    out += alphabet[group >> 12U & 63U];
    out += i + 1 < bytes.size() ? alphabet[group >> 6U & 63U] : '=';
    out += i + 2 < bytes.size() ? alphabet[group & 63U] : '=';
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  unsigned group = 0, bits = 0;
  for (const char c : text) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6U | static_cast<unsigned>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 255U);
  }
  return out;
}

std::optional<credentials> find_credentials(std::string_view auth_json, std::string_view domain,
                                            std::string_view repository) {
  const oci::detail::document doc{auth_json, "credentials file", max_auth_file};
  const auto auths = doc.root().find("auths");
  if (!auths) return std::nullopt;
  const auto wanted = text::cat(domain, '/', repository);
  std::optional<credentials> best;
  std::size_t best_length = 0;
  for (const auto& key : auths->keys()) {
    const auto name = normalise_key(key);
    // Whole path components only: "host/te" is not a prefix of "host/team/app".
    const bool covers = wanted.starts_with(name) && (wanted.size() == name.size() || wanted[name.size()] == '/');
    if (!covers || name.size() < best_length) continue;
    const auto entry = auths->find(key);
    if (!entry) continue;
    if (auto found = read_entry(*entry)) {
      best = std::move(found);
      best_length = name.size();
    }
  }
  return best;
}

std::optional<credentials> read_credentials(const std::filesystem::path& auth_file, std::string_view domain,
                                            std::string_view repository) {
  const auto text = read_small_file(auth_file, max_auth_file);
  try {
    return find_credentials(text, domain, repository);
  } catch (error& e) {
    e.during("reading " + auth_file.string());
    throw;
  }
}

}  // namespace contain::registry
