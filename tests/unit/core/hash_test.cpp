#include "contain/core/hash.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "contain/core/error.hpp"

namespace contain {
namespace {

// FIPS 180-4 example values.
constexpr auto of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr auto of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr auto of_a_million_a = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(sha256, matches_the_standard) {
  EXPECT_EQ(sha256::hex_of(""), of_nothing);
  EXPECT_EQ(sha256::hex_of("abc"), of_abc);
}

TEST(sha256, does_not_care_how_the_input_is_cut) {
  sha256 hash;
  const std::string piece(9973, 'a');
  std::size_t left = 1'000'000;
  while (left > 0) {
    const auto size = std::min(left, piece.size());
    hash.update(piece.data(), size);
    left -= size;
  }
  EXPECT_EQ(hash.finish_hex(), of_a_million_a);
}

TEST(sha256, moves_with_its_state) {
  sha256 first;
  first.update("ab");
  sha256 second = std::move(first);
  second.update("c");
  EXPECT_EQ(second.finish_hex(), of_abc);
}

TEST(sha256, refuses_use_after_finish) {
  sha256 hash;
  (void)hash.finish();
  EXPECT_THROW(hash.update("x"), error);
  EXPECT_THROW((void)hash.finish(), error);
}

}  // namespace
}  // namespace contain
