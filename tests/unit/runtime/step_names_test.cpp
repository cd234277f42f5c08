#include "runtime/step_names.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace contain::runtime {
namespace {

TEST(step_name, every_step_has_its_own_words) {
  std::set<std::string_view> seen;
  for (auto i = static_cast<std::uint32_t>(step::none); i < static_cast<std::uint32_t>(step::count_); ++i) {
    const auto name = step_name(static_cast<step>(i));
    EXPECT_FALSE(name.empty()) << i;
    EXPECT_TRUE(seen.insert(name).second) << "step " << i << " shares the name " << name;
  }
}

TEST(launch_error, tells_a_missing_command_from_one_that_cannot_run) {
  EXPECT_EQ(launch_error(step::exec, ENOENT, "nosuch", "", "/").code(), errc::command_not_found);
  EXPECT_EQ(launch_error(step::exec, EACCES, "/etc/passwd", "", "/").code(), errc::command_not_executable);
  EXPECT_EQ(launch_error(step::exec, ENOEXEC, "/x", "", "/").code(), errc::command_not_executable);
}

TEST(launch_error, names_the_user_and_the_directory_at_fault) {
  const auto user = launch_error(step::find_user, ENOENT, "sh", "bob", "/");
  EXPECT_EQ(user.code(), errc::unknown_user);
  EXPECT_EQ(user.subject(), "bob");
  const auto cwd = launch_error(step::change_directory, ENOTDIR, "sh", "", "/etc/passwd");
  EXPECT_EQ(cwd.code(), errc::bad_workdir);
  EXPECT_EQ(cwd.subject(), "/etc/passwd");
}

TEST(launch_error, a_full_disk_is_exhaustion_wherever_it_strikes) {
  EXPECT_EQ(launch_error(step::mount_overlay, ENOSPC, "sh", "", "/").code(), errc::exhausted);
  EXPECT_EQ(launch_error(step::attach_mount, EINVAL, "sh", "", "/").code(), errc::start_failed);
}

}  // namespace
}  // namespace contain::runtime
