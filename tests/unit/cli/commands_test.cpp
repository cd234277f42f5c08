#include "cli/command.hpp"

#include <gtest/gtest.h>

#include <set>

namespace contain::cli {
namespace {

TEST(find_command, knows_both_spellings) {
  for (const char* name : {"run",    "create", "start",  "stop",    "kill",    "restart", "rm",      "rename", "ps",
                           "logs",   "exec",   "attach", "wait",    "inspect", "pull",    "load",    "save",   "import",
                           "images", "tag",    "rmi",    "history", "prune",   "doctor",  "version", "explain"})
    EXPECT_NE(find_command("", name), nullptr) << name;
  for (const char* name : {"ls", "list", "ps", "run", "create", "start", "stop", "kill", "restart", "rm", "rename",
                           "logs", "exec", "attach", "wait", "inspect", "prune"})
    EXPECT_NE(find_command("container", name), nullptr) << name;
  for (const char* name : {"ls", "list", "rm", "pull", "load", "save", "import", "tag", "history", "inspect", "prune"})
    EXPECT_NE(find_command("image", name), nullptr) << name;
  EXPECT_NE(find_command("system", "prune"), nullptr);
}

TEST(find_command, matches_whole_names_only) {
  for (const char* name : {"", " ", "l", "ls list", "s", "runs"})
    EXPECT_EQ(find_command("container", name), nullptr) << name;
  EXPECT_EQ(find_command("", "ls"), nullptr);
}

TEST(nearest_command, finds_slips_of_the_hand) {
  EXPECT_EQ(nearest_command("", "rnu"), "run");
  EXPECT_EQ(nearest_command("", "imagse"), "images");
  EXPECT_EQ(nearest_command("", "isnpect"), "inspect");
  EXPECT_EQ(nearest_command("", "histroy"), "history");
  EXPECT_EQ(nearest_command("", "frobnicate"), "");
  EXPECT_EQ(nearest_command("container", "lss"), "ls");
}

TEST(commands, have_unique_names_and_a_summary) {
  std::set<std::string> seen;
  for (const auto& verb : commands()) {
    EXPECT_TRUE(seen.insert(std::string{verb.group} + " " + std::string{verb.name}).second) << verb.name;
    EXPECT_FALSE(verb.summary.empty()) << verb.name;
    EXPECT_NE(verb.run, nullptr) << verb.name;
  }
}

}  // namespace
}  // namespace contain::cli
