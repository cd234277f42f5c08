#include "cli/listing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

constexpr std::array columns{column{"ID", "CONTAINER ID"}, column{"Names", "NAMES"}, column{"Size", "SIZE"}};

std::vector<record> rows() {
  record first, second;
  first.texts = {"0123456789ab", "web", "13.3kB"};
  first.exact = {{"Size", "13256"}};
  first.labels = {{"team", "red"}};
  second.texts = {"ba9876543210", "a_rather_long_name", "0B"};
  second.exact = {{"Size", "0"}};
  return {first, second};
}

std::string render(std::string_view format) { return listing{columns, format, {"ID", "Names", "Size"}}.render(rows()); }

TEST(lay_out, pads_as_tabwriter_does_for_docker) {
  EXPECT_EQ(lay_out({{"CONTAINER ID", "PORTS", "NAMES"}, {"0123456789ab", "", "web"}}),
            "CONTAINER ID   PORTS     NAMES\n"
            "0123456789ab             web\n");
  EXPECT_EQ(lay_out({{"A", "B"}, {"größer…", "x"}}), "A         B\ngrößer…   x\n");
  EXPECT_EQ(lay_out({}), "");
}

TEST(listing, shows_the_chosen_columns_as_a_table) {
  const auto expected =
      "CONTAINER ID   NAMES                SIZE\n"
      "0123456789ab   web                  13.3kB\n"
      "ba9876543210   a_rather_long_name   0B\n";
  EXPECT_EQ(render(""), expected);
  EXPECT_EQ(render("table"), expected);
}

TEST(listing, of_nothing_is_the_heading_alone_or_an_empty_array) {
  EXPECT_EQ((listing{columns, "", {"ID", "Names"}}.render({})), "CONTAINER ID   NAMES\n");
  EXPECT_EQ((listing{columns, "json", {}}.render({})), "[]\n");
  EXPECT_EQ((listing{columns, "ndjson", {}}.render({})), "");
  EXPECT_EQ((listing{columns, "{{.ID}}", {}}.render({})), "");
}

TEST(listing, renders_a_template_for_each_row) {
  EXPECT_EQ(render("{{.ID}}: {{.Names}}"), "0123456789ab: web\nba9876543210: a_rather_long_name\n");
  EXPECT_EQ(render(R"({{.Names}}\t{{.Size}})"), "web\t13.3kB\na_rather_long_name\t0B\n");
  EXPECT_EQ(render("{{.Label \"team\"}}"), "red\n\n");
  EXPECT_EQ(render("{{json .}}"),
            "{\"ID\":\"0123456789ab\",\"Names\":\"web\",\"Size\":\"13.3kB\"}\n"
            "{\"ID\":\"ba9876543210\",\"Names\":\"a_rather_long_name\",\"Size\":\"0B\"}\n");
}

TEST(listing, heads_a_table_template_with_the_columns) {
  EXPECT_EQ(render(R"(table {{.Names}}\t{{.Size}})"),
            "NAMES                SIZE\n"
            "web                  13.3kB\n"
            "a_rather_long_name   0B\n");
  EXPECT_EQ(render(R"(table {{.Names}}\t{{.Label "team"}})"),
            "NAMES                team\n"
            "web                  red\n"
            "a_rather_long_name   \n");
}

TEST(listing, json_is_one_array_with_exact_values) {
  const auto all = nlohmann::json::parse(render("json"));
  ASSERT_TRUE(all.is_array());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["Size"], 13256);
  EXPECT_EQ(all[1]["Names"], "a_rather_long_name");
  EXPECT_EQ(render("ndjson").find("{\"ID\":\"0123456789ab\""), 0U);
}

TEST(listing, keeps_control_characters_away_from_the_terminal) {
  record evil;
  evil.texts = {"x\x1b[2Jy", "a\nb", ""};
  EXPECT_EQ((listing{columns, "", {"ID", "Names"}}.render({evil})).find('\x1b'), std::string::npos);
}

TEST(listing, refuses_an_unknown_field) { EXPECT_THROW(render("{{.Nope}}"), error); }

TEST(ellipsis, cuts_by_code_points) {
  EXPECT_EQ(ellipsis("short", 5), "short");
  EXPECT_EQ(ellipsis("too long", 5), "too …");
  EXPECT_EQ(ellipsis("äöüßé", 5), "äöüßé");
  EXPECT_EQ(ellipsis("äöüßéx", 5), "äöüß…");
  EXPECT_EQ(ellipsis("abc", 0), "");
}

TEST(go_quoted, escapes_as_go_does) {
  EXPECT_EQ(go_quoted("sh -c 'a'"), "\"sh -c 'a'\"");
  EXPECT_EQ(go_quoted("a\"b\\c\n\t\x01"), "\"a\\\"b\\\\c\\n\\t\\x01\"");
}

}  // namespace
}  // namespace contain::cli
