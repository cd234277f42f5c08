#include "cli/words.hpp"

#include <gtest/gtest.h>

namespace contain::cli {
namespace {

const time_point moment{std::chrono::seconds{1'700'000'000}};

TEST(status_text, says_what_docker_says) {
  container_info info;
  EXPECT_EQ(status_text(info, moment), "Created");
  info.state = container_state::running;
  info.started = moment - std::chrono::minutes{5};
  EXPECT_EQ(status_text(info, moment), "Up 5 minutes");
  info.state = container_state::exited;
  info.exit = exit_status{.code = 137, .signal = 9, .finished = moment - std::chrono::seconds{3}};
  EXPECT_EQ(status_text(info, moment), "Exited (137) 3 seconds ago");
  info.state = container_state::dead;
  EXPECT_EQ(status_text(info, moment), "Dead");
}

TEST(age, counts_back_from_now) {
  EXPECT_EQ(age(moment - std::chrono::seconds{5}, moment), "5 seconds ago");
  EXPECT_EQ(age(moment, moment), "Less than a second ago");
  EXPECT_EQ(age({}, moment), "N/A");
}

TEST(short_image_id, drops_the_algorithm) {
  EXPECT_EQ(short_image_id("sha256:0123456789abcdef"), "0123456789ab");
  EXPECT_EQ(short_image_id("<missing>"), "<missing>");
}

TEST(split_reference, tells_a_port_from_a_tag) {
  const auto check = [](const char* text, const char* repository, const char* tag, const char* digest) {
    const auto name = split_reference(text);
    EXPECT_EQ(name.repository, repository) << text;
    EXPECT_EQ(name.tag, tag) << text;
    EXPECT_EQ(name.digest, digest) << text;
  };
  check("debian", "debian", "<none>", "<none>");
  check("debian:bookworm", "debian", "bookworm", "<none>");
  check("127.0.0.1:5000/debian", "127.0.0.1:5000/debian", "<none>", "<none>");
  check("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b", "1", "<none>");
  check("a@sha256:12", "a", "<none>", "sha256:12");
}

TEST(with_default_tag, leaves_tags_and_digests_alone) {
  EXPECT_EQ(with_default_tag("debian"), "debian:latest");
  EXPECT_EQ(with_default_tag("h:5/debian"), "h:5/debian:latest");
  EXPECT_EQ(with_default_tag("debian:12"), "debian:12");
  EXPECT_EQ(with_default_tag("debian@sha256:1"), "debian@sha256:1");
}

TEST(rows_of, gives_one_row_for_each_tag) {
  image_info info;
  info.tags = {"a:1", "b:2"};
  info.repo_digests = {"a@sha256:11"};
  const auto rows = rows_of(info, true);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].digest, "sha256:11");
  EXPECT_EQ(rows[1].digest, "<none>");
  const auto dangling = rows_of({}, false);
  ASSERT_EQ(dangling.size(), 1U);
  EXPECT_EQ(dangling[0].repository, "<none>");
}

TEST(names_image, takes_patterns) {
  const auto row = split_reference("reg/app:1.2");
  EXPECT_TRUE(names_image(row, "reg/app"));
  EXPECT_TRUE(names_image(row, "reg/app:1.2"));
  EXPECT_TRUE(names_image(row, "reg/*:1.*"));
  EXPECT_FALSE(names_image(row, "app"));
  EXPECT_FALSE(names_image(row, "reg/app:2"));
}

}  // namespace
}  // namespace contain::cli
