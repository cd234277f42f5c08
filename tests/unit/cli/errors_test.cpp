#include "cli/errors.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace contain::cli {
namespace {

TEST(render, shows_what_while_why_and_what_helps) {
  auto e = error::from_errno(errc::no_subids, EPERM, "write uid_map", "ana");
  e.during("starting web").with_hint("sudo usermod …");
  EXPECT_EQ(render(e, false),
            "error[CT0109]: this user has no subordinate ids: ana\n"
            "  while: starting web\n"
            "  cause: write uid_map \"ana\": Operation not permitted\n"
            "  help:  sudo usermod …\n"
            "  more:  contain explain CT0109\n");
}

TEST(render, leaves_out_what_it_does_not_know) {
  EXPECT_EQ(render(error{errc::image_not_found, "open", "nosuch"}, false),
            "error[CT0201]: no such image: nosuch\n"
            "  more:  contain explain CT0201\n");
}

TEST(render, colours_only_when_asked_and_hides_control_characters) {
  const error e{errc::image_not_found, "open", "x\x1b[2J"};
  EXPECT_EQ(render(e, false).find('\x1b'), std::string::npos);
  EXPECT_EQ(render(e, true).find("\x1b[1;31merror[CT0201]\x1b[0m"), 0U);
}

TEST(render, shows_usage_as_docker_does) {
  EXPECT_EQ(render(usage_error{"unknown flag: --x", "contain run", "contain run [OPTIONS] IMAGE"}),
            "contain: unknown flag: --x\n\nUsage:  contain run [OPTIONS] IMAGE\n\nSee 'contain run --help'.\n");
}

TEST(exit_code_for, is_dockers) {
  const auto code = [](errc c, exit_style style) { return exit_code_for(error{c, "x"}, style); };
  EXPECT_EQ(code(errc::command_not_found, exit_style::launching), 127);
  EXPECT_EQ(code(errc::command_not_executable, exit_style::launching), 126);
  EXPECT_EQ(code(errc::command_not_found, exit_style::plain), 127);
  EXPECT_EQ(code(errc::container_not_found, exit_style::plain), 1);
  for (const auto& row : error_table()) {
    const int got = code(row.code, exit_style::launching);
    EXPECT_TRUE(got == 125 || got == 126 || got == 127 || got == 130) << row.name;
  }
}

TEST(find_entry, takes_code_number_and_name) {
  for (const char* name : {"CT0203", "ct0203", "203", "0203", "registry_unreachable"}) {
    const auto entry = find_entry(name);
    ASSERT_TRUE(entry) << name;
    EXPECT_EQ(entry->code, errc::registry_unreachable);
  }
  for (const char* name : {"", "CT", "CT9999", "nope", "-203"}) EXPECT_FALSE(find_entry(name)) << name;
}

TEST(explain, has_words_for_every_code) {
  for (const auto& row : error_table()) {
    const auto text = explain(row);
    EXPECT_NE(text.find(row.summary), std::string::npos);
    EXPECT_NE(text.find(row.python_class), std::string::npos);
  }
}

}  // namespace
}  // namespace contain::cli
