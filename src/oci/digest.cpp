#include "contain/oci/digest.hpp"

#include <algorithm>

#include "contain/core/error.hpp"
#include "contain/core/hash.hpp"

namespace contain::oci {
namespace {

bool is_lower_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string_view to_string(digest_algorithm algorithm) noexcept {
  return algorithm == digest_algorithm::sha512 ? "sha512" : "sha256";
}

std::optional<digest> digest::parse(std::string_view text) noexcept {
  if (text.size() < 7) return std::nullopt;
  const auto prefix = text.substr(0, 7);
  const auto hex = text.substr(7);
  const bool known = (prefix == "sha256:" && hex.size() == 64) || (prefix == "sha512:" && hex.size() == 128);
  if (!known || !is_lower_hex(hex)) return std::nullopt;
  return digest{std::string{text}};
}

digest digest::from(std::string_view text) {
  auto parsed = parse(text);
  if (!parsed)
    throw error{errc::invalid, "read digest", std::string{text.substr(0, 80)},
                "not sha256: and 64, or sha512: and 128, lower-case hex digits"};
  return *std::move(parsed);
}

digest digest::from_sha256_hex(std::string_view hex) { return from("sha256:" + std::string{hex}); }

digest digest::of(std::string_view bytes) { return digest{"sha256:" + sha256::hex_of(bytes)}; }

std::string digest::relative_path() const {
  // An empty digest has no place: an empty path would be the directory itself.
  if (empty()) throw error{errc::invalid, "place digest", "", "the digest is empty"};
  return std::string{to_string(algorithm())} + '/' + std::string{hex()};
}

}  // namespace contain::oci
