#include "contain/storage/codec.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "unit/storage/raw_tar.hpp"

namespace contain::storage {
namespace {

using testing::gzip;
using testing::zstd;

std::string unpack(std::string_view packed, inflate_limits limits = {}) {
  memory_source source{packed};
  decompressor plain{source, limits};
  std::string out;
  std::vector<std::byte> buffer(1000);  // not a divisor of anything
  while (const auto n = plain.read(buffer)) out.append(reinterpret_cast<const char*>(buffer.data()), n);
  return out;
}

errc refusal(std::string_view packed, inflate_limits limits = {}) {
  try {
    (void)unpack(packed, limits);
  } catch (const error& e) {
    return e.code();
  }
  return errc{};
}

std::string sample(std::size_t size) {
  std::string text;
  for (unsigned n = 0; text.size() < size; n = n * 1664525 + 1013904223) text += std::to_string(n);
  text.resize(size);
  return text;
}

TEST(codec, unpacks_what_its_first_bytes_say) {
  for (const std::size_t size : {0U, 1U, 5U, 4096U, 700'000U}) {
    const auto text = sample(size);
    EXPECT_EQ(unpack(text), text);
    EXPECT_EQ(unpack(gzip(text)), text);
    EXPECT_EQ(unpack(zstd(text)), text);
  }
}

TEST(codec, members_may_follow_one_another) {
  const auto a = sample(300'000), b = sample(10);
  EXPECT_EQ(unpack(gzip(a) + gzip(b) + gzip("")), a + b);
  EXPECT_EQ(unpack(zstd(a) + zstd(b)), a + b);
  EXPECT_EQ(unpack(gzip(a) + std::string(1000, '\0')), a) << "zero padding after the end is harmless";
}

TEST(codec, damage_is_refused) {
  const auto text = sample(300'000);
  for (const auto& packed : {gzip(text), zstd(text)}) {
    for (const std::size_t keep : {std::size_t{7}, packed.size() / 2, packed.size() - 1})
      EXPECT_EQ(refusal(std::string_view{packed}.substr(0, keep)), errc::corrupt) << keep;
  }
  auto flipped = gzip(text);
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);  // in the checksum
  EXPECT_EQ(refusal(flipped), errc::corrupt);
  EXPECT_EQ(refusal(gzip(text) + "garbage"), errc::corrupt);
}

TEST(codec, bombs_are_refused) {
  const auto bomb = zstd(std::string(std::size_t{32} << 20U, '\0'));
  EXPECT_LT(bomb.size(), 16'384U);
  EXPECT_EQ(refusal(bomb, {.ratio_free_bytes = 1U << 20U}), errc::corrupt);
  EXPECT_EQ(refusal(bomb, {.max_bytes = 1U << 20U}), errc::corrupt);
  EXPECT_EQ(refusal(bomb), errc{}) << "a file of zeros is no bomb yet";
}

TEST(codec, other_packings_are_named) {
  EXPECT_EQ(refusal("BZh91AY"), errc::unsupported);
  EXPECT_EQ(refusal(std::string_view{"\xfd\x37zXZ\0\0\0", 8}), errc::unsupported);
}

}  // namespace
}  // namespace contain::storage
