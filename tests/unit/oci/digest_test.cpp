#include "contain/oci/digest.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "contain/oci/chain_id.hpp"

namespace contain::oci {
namespace {

const std::string hex_a(64, 'a');

TEST(digest, parses_both_algorithms) {
  const auto d = digest::parse("sha256:" + hex_a);
  ASSERT_TRUE(d);
  EXPECT_EQ(d->hex(), hex_a);
  EXPECT_EQ(d->algorithm(), digest_algorithm::sha256);
  EXPECT_EQ(d->relative_path(), "sha256/" + hex_a);
  EXPECT_EQ(d->short_hex(), "aaaaaaaaaaaa");
  const auto long_one = digest::parse("sha512:" + std::string(128, '0'));
  ASSERT_TRUE(long_one);
  EXPECT_EQ(long_one->algorithm(), digest_algorithm::sha512);
  EXPECT_EQ(long_one->hex().size(), 128U);
}

TEST(digest, refuses_everything_else) {
  const std::string cases[] = {
      "",
      "sha256:",
      "sha256:../../etc/passwd",
      "sha256:" + std::string(63, 'a'),
      "sha256:" + std::string(65, 'a'),
      "sha256:" + std::string(64, 'A'),
      "sha256:" + std::string(64, 'g'),
      "SHA256:" + hex_a,
      "sha512:" + hex_a,
      "sha384:" + std::string(96, 'a'),
      "md5:" + std::string(32, 'a'),
      hex_a,
      "sha256:" + std::string(63, 'a') + '\0',
      "sha256:" + std::string(62, 'a') + "\xc3\xa4",
      "sha256:" + hex_a + "\n",
      " sha256:" + hex_a,
  };
  for (const auto& text : cases) EXPECT_FALSE(digest::parse(text)) << text;
  EXPECT_THROW((void)digest::from("sha256:../x"), error);
}

TEST(digest, empty_one_names_no_path) {
  EXPECT_TRUE(digest{}.empty());
  EXPECT_TRUE(digest{}.hex().empty());
  EXPECT_THROW((void)digest{}.relative_path(), error);
}

TEST(digest, of_bytes_is_sha256) {
  EXPECT_EQ(digest::of("abc").text(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// The worked example's rule of image-spec config.md: ChainID(A|B) = SHA256(ChainID(A) + " " + DiffID(B)).
TEST(chain_id, folds_from_the_base) {
  const auto a = digest::of("a"), b = digest::of("b"), c = digest::of("c");
  const auto chain = chain_ids(std::vector{a, b, c});
  ASSERT_EQ(chain.size(), 3U);
  EXPECT_EQ(chain[0], a);
  EXPECT_EQ(chain[1], digest::of(a.text() + " " + b.text()));
  EXPECT_EQ(chain[2], digest::of(chain[1].text() + " " + c.text()));
  EXPECT_TRUE(chain_ids({}).empty());
}

}  // namespace
}  // namespace contain::oci
