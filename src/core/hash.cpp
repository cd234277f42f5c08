#include "contain/core/hash.hpp"

#include <openssl/evp.h>

#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain {

// EVP picks the fastest code the cpu has (SHA-NI, AVX2); its calls fail only when memory runs out or when the host
// configured a provider without SHA-256, and both are reported instead of hashing on in silence.
struct sha256::state {
  struct free_context {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, free_context> context{EVP_MD_CTX_new()};
};

namespace {

[[noreturn]] void fail(const char* operation) {
  throw error{errc::exhausted, operation, {}, "OpenSSL could not compute SHA-256"};
}

}  // namespace

sha256::sha256() : state_(std::make_unique<state>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) fail("start hash");
}
sha256::sha256(sha256&&) noexcept = default;
sha256& sha256::operator=(sha256&&) noexcept = default;
sha256::~sha256() = default;

void sha256::update(const void* data, std::size_t size) {
  if (!state_) throw error{errc::invalid, "update hash", {}, "finish() was already called"};
  if (EVP_DigestUpdate(state_->context.get(), data, size) != 1) fail("update hash");
}

std::array<unsigned char, 32> sha256::finish() {
  if (!state_) throw error{errc::invalid, "finish hash", {}, "finish() was already called"};
  const auto last = std::exchange(state_, nullptr);
  std::array<unsigned char, 32> out{};
  if (EVP_DigestFinal_ex(last->context.get(), out.data(), nullptr) != 1) fail("finish hash");
  return out;
}

std::string sha256::finish_hex() {
  const auto digest = finish();
  return text::hex(digest.data(), digest.size());
}

std::string sha256::hex_of(std::string_view text) {
  sha256 hash;
  hash.update(text);
  return hash.finish_hex();
}

}  // namespace contain
