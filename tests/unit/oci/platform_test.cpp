#include "contain/oci/platform.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "contain/oci/index.hpp"

namespace contain::oci {
namespace {

descriptor entry(std::string_view platform, char mark) {
  descriptor d;
  d.digest = digest::from("sha256:" + std::string(64, mark));
  if (!platform.empty()) d.platform = parse_platform(platform);
  return d;
}

char chosen(const index& from, std::string_view wanted) {
  const auto* d = choose(from, parse_platform(wanted));
  return d == nullptr ? '-' : d->digest.hex().front();
}

TEST(platform, parses_and_normalises) {
  EXPECT_EQ(to_string(parse_platform("linux/arm64/v8")), "linux/arm64");
  EXPECT_EQ(to_string(parse_platform("Linux/AArch64")), "linux/arm64");
  EXPECT_EQ(to_string(parse_platform("linux/x86_64")), "linux/amd64");
  EXPECT_EQ(to_string(parse_platform("linux/armhf")), "linux/arm/v7");
  EXPECT_EQ(to_string(parse_platform("linux/arm")), "linux/arm/v7");
  EXPECT_EQ(to_string(parse_platform("linux/arm/6")), "linux/arm/v6");
  EXPECT_EQ(to_string(parse_platform("linux/amd64/v3")), "linux/amd64/v3");
  EXPECT_EQ(parse_platform("linux"), host_platform());
  EXPECT_EQ(to_string(parse_platform("s390x")), "linux/s390x");
}

TEST(platform, refuses_what_is_none) {
  for (const auto* text : {"", "/", "linux/", "linux/amd64/v1/x", "linux/a b", "linux/*"})
    EXPECT_THROW((void)parse_platform(text), error) << text;
}

TEST(platform, ranks_variants_of_one_architecture) {
  const auto rank = [](const char* wanted, const char* offered) {
    return match_rank(parse_platform(wanted), parse_platform(offered));
  };
  EXPECT_EQ(rank("linux/arm64", "linux/arm64/v8"), 0U);
  EXPECT_EQ(rank("linux/arm/v7", "linux/arm/v7"), 0U);
  EXPECT_EQ(rank("linux/arm/v7", "linux/arm/v6"), 1U);
  EXPECT_EQ(rank("linux/arm/v7", "linux/arm/v5"), 2U);
  EXPECT_EQ(rank("linux/amd64/v3", "linux/amd64"), 2U);
  EXPECT_FALSE(rank("linux/arm/v6", "linux/arm/v7"));
  EXPECT_FALSE(rank("linux/amd64", "linux/amd64/v2"));
  EXPECT_FALSE(rank("linux/amd64", "linux/386"));
  EXPECT_FALSE(rank("linux/arm64", "linux/arm/v7"));
  EXPECT_FALSE(rank("linux/amd64", "windows/amd64"));
}

TEST(platform, chooses_the_best_entry_of_an_index) {
  index i;
  i.manifests = {entry("linux/arm/v5", 'a'),  entry("linux/arm/v7", 'b'),   entry("linux/amd64", 'c'),
                 entry("windows/amd64", 'd'), entry("linux/arm64/v8", 'e'), entry("linux/amd64", 'f')};
  EXPECT_EQ(chosen(i, "linux/arm/v7"), 'b');
  EXPECT_EQ(chosen(i, "linux/arm/v6"), 'a');
  EXPECT_EQ(chosen(i, "linux/amd64"), 'c') << "the first of equals";
  EXPECT_EQ(chosen(i, "linux/arm64"), 'e');
  EXPECT_EQ(chosen(i, "linux/s390x"), '-');
  EXPECT_EQ(list_platforms(i), "linux/arm/v5, linux/arm/v7, linux/amd64, windows/amd64, linux/arm64");
}

TEST(platform, takes_an_entry_without_platform_only_when_it_is_the_only_one) {
  index i;
  i.manifests = {entry("", 'a'), entry("linux/amd64", 'b')};
  EXPECT_EQ(chosen(i, "linux/amd64"), 'b');
  EXPECT_EQ(chosen(i, "linux/s390x"), 'a');
  i.manifests.push_back(entry("", 'c'));
  EXPECT_EQ(chosen(i, "linux/s390x"), '-');
}

TEST(platform, attestations_are_not_offered) {
  index i;
  i.manifests = {entry("linux/amd64", 'a'), entry("unknown/unknown", 'b')};
  EXPECT_EQ(list_platforms(i), "linux/amd64");
}

}  // namespace
}  // namespace contain::oci
