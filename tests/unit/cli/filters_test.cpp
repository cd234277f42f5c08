#include "cli/filters.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

TEST(container_filters, go_to_the_library_where_it_has_them) {
  const auto c =
      parse_container_filters({"label=a=1", "label=b", "name=web", "id=ab", "status=exited", "ancestor=debian"});
  EXPECT_EQ(c.library.labels, (std::map<std::string, std::string>{{"a", "1"}, {"b", ""}}));
  EXPECT_EQ(c.library.names, std::vector<std::string>{"web"});
  EXPECT_EQ(c.library.statuses, std::vector<std::string>{"exited"});
  EXPECT_TRUE(c.any_state);
}

TEST(container_filters, an_unknown_one_is_an_error) {
  for (const char* bad : {"", "label", "=x", "nope=1", "status=asleep", "exited=x"})
    EXPECT_THROW((void)parse_container_filters({bad}), error) << bad;
}

std::vector<container_info> three() {
  std::vector<container_info> list(3);
  for (std::size_t i = 0; i < 3; ++i) {
    list[i].name = std::string{"web"} + static_cast<char>('0' + i);
    list[i].id = std::string(64, static_cast<char>('a' + i));
    list[i].created = time_point{std::chrono::seconds{100 - static_cast<int>(i)}};
    list[i].state = container_state::exited;
    list[i].exit = exit_status{.code = static_cast<int>(i)};
  }
  return list;
}

std::vector<std::string> names_after(const std::vector<std::string>& filters) {
  auto list = three();
  keep_matching(list, parse_container_filters(filters));
  std::vector<std::string> names;
  for (const auto& info : list) names.push_back(info.name);
  return names;
}

TEST(keep_matching, applies_what_the_library_has_not) {
  using list = std::vector<std::string>;
  EXPECT_EQ(names_after({"exited=1"}), list{"web1"});
  EXPECT_EQ(names_after({"exited=0", "exited=2"}), (list{"web0", "web2"}));
  EXPECT_EQ(names_after({"before=web1"}), list{"web2"});
  EXPECT_EQ(names_after({"since=bbbb"}), list{"web0"});
  EXPECT_EQ(names_after({"name=^/web1$"}), list{"web1"});
  EXPECT_EQ(names_after({"name=^web$"}), list{});
  EXPECT_EQ(names_after({"name=eb2"}), list{"web2"});
  EXPECT_THROW((void)names_after({"before=nobody"}), error);
}

TEST(image_filters, know_dangling_and_references) {
  const auto c = parse_image_filters({"dangling=true", "reference=deb*"});
  EXPECT_EQ(c.dangling, true);
  std::vector<image_info> list(2);
  list[0].tags = {"debian:12"};
  list[1].tags = {"alpine:3"};
  keep_matching(list, c);
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].tags.front(), "debian:12");
  EXPECT_THROW((void)parse_image_filters({"dangling=perhaps"}), error);
}

TEST(prune_filters, never_match_everything_by_mistake) {
  EXPECT_EQ(parse_prune_filters({"label=a"}).labels.count("a"), 1U);
  EXPECT_THROW((void)parse_prune_filters({"until=24h"}), error);
  EXPECT_THROW((void)parse_prune_filters({"lable=a"}), error);
}

}  // namespace
}  // namespace contain::cli
