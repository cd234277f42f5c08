#include "contain/core/id.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "core/name_words.hpp"

namespace contain::ids {
namespace {

/// The kernel's generator, not <random>: a forked process would repeat the state of a generator of our own.
void fill_random(void* bytes, std::size_t size) {
  for (;;) {
    // Up to 256 bytes come whole or not at all (getrandom(2)); EINTR is possible only before the pool is ready.
    if (::getrandom(bytes, size, 0) == static_cast<ssize_t>(size)) return;
    if (errno != EINTR) throw error::from_errno(errno, "getrandom");
  }
}

bool alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string random_id() {
  for (;;) {
    std::array<unsigned char, 32> bytes{};
    fill_random(bytes.data(), bytes.size());
    auto id = text::hex(bytes.data(), bytes.size());
    if (short_id(id).find_first_of("abcdef") != std::string_view::npos) return id;
  }
}

bool is_hex(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string random_name(unsigned attempt) {
  for (;;) {
    std::uint64_t random = 0;
    fill_random(&random, sizeof random);
    // One 64-bit draw serves all three choices; the bias of the remainders is below 2^-45.
    const auto pick = [&](std::size_t among) {
      const auto chosen = static_cast<std::size_t>(random % among);
      random /= among;
      return chosen;
    };
    const auto adjective = words::adjectives[pick(words::adjectives.size())];
    const auto surname = words::surnames[pick(words::surnames.size())];
    if (adjective == "boring" && surname == "wozniak") continue;
    auto name = text::cat(adjective, '_', surname);
    if (attempt > 0) name += static_cast<char>('0' + pick(10));
    return name;
  }
}

bool is_valid_name(std::string_view name) noexcept {
  return name.size() >= 2 && alphanumeric(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
           return alphanumeric(c) || c == '_' || c == '.' || c == '-';
         });
}

}  // namespace contain::ids
