#include "contain/core/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace contain {
namespace {

TEST(error_table, is_sorted_unique_and_complete_in_every_column) {
  std::set<std::string_view> names;
  std::uint16_t last = 0;
  for (const auto& row : error_table()) {
    EXPECT_GT(static_cast<std::uint16_t>(row.code), last);
    last = static_cast<std::uint16_t>(row.code);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.summary.empty()) << row.name;
    EXPECT_FALSE(row.python_class.empty()) << row.name;
    EXPECT_GT(row.exit_code, 0) << row.name;
    EXPECT_LE(row.exit_code, 255) << row.name;
    EXPECT_GE(row.http_status, 400) << row.name;
    EXPECT_EQ(&describe(row.code), &row);
  }
}

TEST(error, says_operation_subject_cause_and_context) {
  auto e = error::from_errno(ENOENT, "open_tree", "/srv/x");
  e.during("preparing the root file system").during("starting web");
  EXPECT_STREQ(
      e.what(),
      "open_tree \"/srv/x\": No such file or directory (while preparing the root file system; while starting web)");
  EXPECT_EQ(e.code(), errc::kernel);
  EXPECT_EQ(e.sys_errno(), ENOENT);
}

TEST(error, takes_summary_and_hint_from_the_table_unless_told_better) {
  error e{errc::registry_unreachable, "pull", "x"};
  EXPECT_EQ(e.id(), "CT0203");
  EXPECT_STREQ(e.what(), "pull \"x\": the registry cannot be reached");
  EXPECT_EQ(e.hint(), describe(errc::registry_unreachable).hint);
  EXPECT_EQ(e.with_hint("ping the registry").hint(), "ping the registry");
}

TEST(code_for_errno, maps_reactions) {
  EXPECT_EQ(code_for_errno(EPERM), errc::denied);
  EXPECT_EQ(code_for_errno(ENOSPC), errc::exhausted);
  EXPECT_EQ(code_for_errno(ENOSYS), errc::unsupported);
  EXPECT_EQ(code_for_errno(EIO), errc::kernel);
}

}  // namespace
}  // namespace contain
