#include "contain/oci/reference.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"

namespace contain::oci {
namespace {

const std::string sha = "sha256:" + std::string(64, 'a');

struct row {
  std::string text, canonical, familiar;
};

TEST(reference, normalises_as_docker_does) {
  const row rows[] = {
      {"alpine", "docker.io/library/alpine", "alpine"},
      {"alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"},
      {"docker.io/alpine", "docker.io/library/alpine", "alpine"},
      {"index.docker.io/library/alpine", "docker.io/library/alpine", "alpine"},
      {"library/alpine", "docker.io/library/alpine", "alpine"},
      {"user/tool:v1", "docker.io/user/tool:v1", "user/tool:v1"},
      {"library/a/b", "docker.io/library/a/b", "library/a/b"},
      {"localhost/x", "localhost/x", "localhost/x"},
      {"localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"},
      {"127.0.0.1:5000/debian:bookworm", "127.0.0.1:5000/debian:bookworm", "127.0.0.1:5000/debian:bookworm"},
      {"[::1]:5000/a/b:c", "[::1]:5000/a/b:c", "[::1]:5000/a/b:c"},
      {"ghcr.io/a/b-c__d.e/f:T_1.2-x", "ghcr.io/a/b-c__d.e/f:T_1.2-x", "ghcr.io/a/b-c__d.e/f:T_1.2-x"},
      {"Host/x", "Host/x", "Host/x"},
      {"alpine@" + sha, "docker.io/library/alpine@" + sha, "alpine@" + sha},
      {"r.example/a:t@" + sha, "r.example/a:t@" + sha, "r.example/a:t@" + sha},
      {"a---b", "docker.io/library/a---b", "a---b"},
  };
  for (const auto& [text, canonical, familiar] : rows) {
    const auto r = parse_reference(text);
    EXPECT_EQ(r.canonical(), canonical) << text;
    EXPECT_EQ(r.familiar(), familiar) << text;
    EXPECT_EQ(parse_reference(r.familiar()), r) << text;
    EXPECT_EQ(parse_reference(r.canonical()), r) << text;
  }
}

TEST(reference, default_tag_only_without_tag_and_digest) {
  EXPECT_EQ(parse_reference("alpine").with_default_tag().familiar(), "alpine:latest");
  EXPECT_EQ(parse_reference("alpine:3").with_default_tag().familiar(), "alpine:3");
  EXPECT_EQ(parse_reference("alpine@" + sha).with_default_tag().familiar(), "alpine@" + sha);
}

TEST(reference, manifest_key_prefers_the_digest) {
  EXPECT_EQ(parse_reference("a:t@" + sha).manifest_key(), sha);
  EXPECT_EQ(parse_reference("a:t").manifest_key(), "t");
}

TEST(reference, refuses_what_the_grammar_refuses) {
  const std::string cases[] = {
      "",
      ":",
      "/",
      "a/",
      "/a",
      "a//b",
      "a:",
      "a:-x",
      "a:x y",
      "Alpine",
      "a/B",
      "host:5000/A",
      "a..b",
      "a___b",
      "a._b",
      "-a",
      "a-",
      "a_",
      "a b",
      "a@sha256:12",
      "a@" + sha + "x",
      "a@",
      "host:0/a",
      "host:99999/a",
      "host:x/a",
      "-host.x/a",
      "h..x/a",
      "[::1/a",
      "[]:1/a",
      "[zz::]/a",
      "../../etc",
      "a/../b",
      "https://host/a",
      "a\n",
      std::string("a\0b", 3),
      "a:" + std::string(129, 't'),
      std::string(256, 'a'),
      std::string(64, 'a'),
      "docker.io/" + std::string(64, 'a'),
      "ä",
      "user@host/a",
      "user:pw@host/a",
  };
  for (const auto& text : cases) EXPECT_FALSE(try_parse_reference(text)) << text;
}

TEST(reference, says_why_upper_case_is_wrong) {
  try {
    (void)parse_reference("Alpine:3");
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::invalid);
    EXPECT_NE(std::string{e.what()}.find("lower case"), std::string::npos);
  }
}

TEST(reference, sixty_four_hex_digits_are_fine_below_a_host) {
  EXPECT_TRUE(try_parse_reference("r.example/" + std::string(64, 'a')));
}

}  // namespace
}  // namespace contain::oci
