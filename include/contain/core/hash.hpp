// Streaming SHA-256 (FIPS 180-4) over OpenSSL's EVP; hidden so that no header needs OpenSSL.
#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace contain {

/// update() any number of times, then finish() once. Movable, one owner at a time.
class sha256 {
 public:
  sha256();
  sha256(sha256&&) noexcept;
  sha256& operator=(sha256&&) noexcept;
  ~sha256();
  void update(const void* data, std::size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }
  [[nodiscard]] std::array<unsigned char, 32> finish();
  [[nodiscard]] std::string finish_hex();

  /// 64 hex digits of the hash of `text`.
  static std::string hex_of(std::string_view text);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain
