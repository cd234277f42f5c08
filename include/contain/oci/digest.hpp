// A content digest as a type: once you hold one it is well-formed, so it may name a file. Image-spec descriptor.md
// §Digests.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace contain::oci {

enum class digest_algorithm : std::uint8_t { sha256, sha512 };

/// "sha256" or "sha512".
std::string_view to_string(digest_algorithm algorithm) noexcept;

/// "sha256:" and 64 lower-case hex digits, or "sha512:" and 128. Nothing else can be held, so `../` in a digest of a
/// hostile document (CVE-2024-3727) never reaches a path. Empty by default; ordered by text.
class digest {
 public:
  digest() noexcept = default;

  /// Nothing unless `text` is exactly a digest of a known algorithm.
  static std::optional<digest> parse(std::string_view text) noexcept;
  /// As parse(); throws error{invalid} with the text, shortened, as the subject.
  static digest from(std::string_view text);
  /// From 64 lower-case hex digits without the algorithm. Throws error{invalid}.
  static digest from_sha256_hex(std::string_view hex);
  /// The SHA-256 of `bytes`.
  static digest of(std::string_view bytes);

  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  explicit operator bool() const noexcept { return !text_.empty(); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }  ///< "sha256:…"
  [[nodiscard]] digest_algorithm algorithm() const noexcept {
    return text_.starts_with("sha512") ? digest_algorithm::sha512 : digest_algorithm::sha256;
  }
  [[nodiscard]] std::string_view hex() const noexcept {
    return empty() ? std::string_view{} : std::string_view{text_}.substr(7);
  }
  /// "sha256/<hex>": where an OCI layout and our store keep it below `blobs`.
  [[nodiscard]] std::string relative_path() const;
  /// The first 12 hex digits, as tables and progress lines show it.
  [[nodiscard]] std::string_view short_hex() const noexcept { return hex().substr(0, 12); }

  friend bool operator==(const digest&, const digest&) noexcept = default;
  friend std::strong_ordering operator<=>(const digest& a, const digest& b) noexcept { return a.text_ <=> b.text_; }

 private:
  explicit digest(std::string text) noexcept : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace contain::oci

template <>
struct std::hash<contain::oci::digest> {
  std::size_t operator()(const contain::oci::digest& d) const noexcept { return std::hash<std::string>{}(d.text()); }
};
