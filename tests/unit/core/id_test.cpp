#include "contain/core/id.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "core/name_words.hpp"

namespace contain::ids {
namespace {

TEST(random_id, is_64_hex_digits_and_never_a_decimal_short_id) {
  std::set<std::string> seen;
  for (int i = 0; i < 5000; ++i) {
    const auto id = random_id();
    ASSERT_EQ(id.size(), 64U);
    ASSERT_TRUE(is_hex(id));
    ASSERT_NE(short_id(id).find_first_of("abcdef"), std::string_view::npos);
    ASSERT_TRUE(seen.insert(id).second);
  }
}

TEST(is_hex, takes_prefixes_and_nothing_else) {
  EXPECT_TRUE(is_hex("0"));
  EXPECT_TRUE(is_hex(std::string(64, 'f')));
  EXPECT_FALSE(is_hex(""));
  EXPECT_FALSE(is_hex(std::string(65, 'f')));
  EXPECT_FALSE(is_hex("ABC"));
  EXPECT_FALSE(is_hex("abcg"));
}

TEST(random_name, is_a_valid_adjective_and_surname) {
  const auto name = random_name();
  EXPECT_TRUE(is_valid_name(name));
  EXPECT_EQ(std::count(name.begin(), name.end(), '_'), 1);
  EXPECT_FALSE(std::isdigit(static_cast<unsigned char>(name.back())));
}

TEST(random_name, of_a_later_attempt_ends_in_a_digit) {
  EXPECT_TRUE(std::isdigit(static_cast<unsigned char>(random_name(1).back())));
}

TEST(random_name, is_never_boring_wozniak) {
  for (int i = 0; i < 200'000; ++i) ASSERT_NE(random_name(), "boring_wozniak");
}

TEST(name_words, are_many_sorted_unique_and_lower_case) {
  EXPECT_GE(words::adjectives.size(), 90U);
  EXPECT_GE(words::surnames.size(), 200U);
  const auto check = [](const auto& list) {
    EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
    EXPECT_EQ(std::adjacent_find(list.begin(), list.end()), list.end());
    for (const auto word : list) {
      EXPECT_GE(word.size(), 2U);
      EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), std::string_view::npos) << word;
    }
  };
  check(words::adjectives);
  check(words::surnames);
}

TEST(is_valid_name, follows_docker) {
  for (const char* good : {"ab", "a1", "0x", "a.b", "a-b", "A_b", "web-1.old_2"})
    EXPECT_TRUE(is_valid_name(good)) << good;
  for (const char* bad : {"", "a", "_a", ".a", "-a", "a/b", "a b", "ä1", "a:b", "a\n"})
    EXPECT_FALSE(is_valid_name(bad)) << bad;
}

}  // namespace
}  // namespace contain::ids
