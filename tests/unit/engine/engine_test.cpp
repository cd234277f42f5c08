#include "contain/engine.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "contain/core/error.hpp"

namespace contain {
namespace {

namespace fs = std::filesystem;

class engine_test : public testing::Test {
 protected:
  engine_test() {
    std::string pattern = testing::TempDir() + "contain-engine-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~engine_test() override { fs::remove_all(directory_); }

  [[nodiscard]] error failure(const fs::path& root) const {
    try {
      const engine e{{.root = root, .log = {}}};
    } catch (const error& e) {
      return e;
    }
    return {errc::invalid, "nothing was thrown"};
  }
  fs::path directory_;
};

mode_t mode_of(const fs::path& path) {
  struct stat st {};
  EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
  return st.st_mode & 07777U;
}

TEST_F(engine_test, makes_its_store_for_nobody_else) {
  const auto root = directory_ / "deep" / "er" / "store";
  const mode_t before = ::umask(0);
  { const engine e{{.root = root, .log = {}}}; }
  ::umask(before);
  EXPECT_EQ(mode_of(root), 0700U);
  EXPECT_EQ(mode_of(root / "containers"), 0700U);
  const engine again{{.root = root, .log = {}}};
  EXPECT_EQ(again.root(), root);
  list_filter all;
  all.all = true;
  EXPECT_TRUE(again.containers(all).empty());
}

TEST_F(engine_test, refuses_a_root_that_others_may_write_to) {
  const auto root = directory_ / "shared";
  fs::create_directory(root);
  ASSERT_EQ(::chmod(root.c_str(), 0777), 0);
  const auto e = failure(root);
  EXPECT_EQ(e.code(), errc::denied);
  EXPECT_EQ(e.hint(), "chmod 700 " + root.string());
}

TEST_F(engine_test, refuses_a_root_of_somebody_else) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
  const auto root = directory_ / "foreign";
  fs::create_directory(root);
  ASSERT_EQ(::chown(root.c_str(), 1234, 1234), 0);
  EXPECT_EQ(failure(root).code(), errc::denied);
}

TEST_F(engine_test, refuses_a_root_that_is_a_file) {
  const auto root = directory_ / "file";
  std::fclose(std::fopen(root.c_str(), "w"));
  EXPECT_EQ(failure(root).sys_errno(), ENOTDIR);
}

TEST_F(engine_test, two_engines_share_one_root_and_two_roots_one_process) {
  const engine a{{.root = directory_ / "a", .log = {}}};
  const engine same{{.root = directory_ / "a", .log = {}}};
  const engine b{{.root = directory_ / "b", .log = {}}};
  EXPECT_EQ(a.root(), same.root());
  EXPECT_NE(a.root(), b.root());
}

TEST_F(engine_test, the_environment_names_the_root) {
  ASSERT_EQ(::setenv("CONTAIN_ROOT", "/somewhere", 1), 0);
  EXPECT_EQ(engine_options::from_environment().root, "/somewhere");
  ASSERT_EQ(::unsetenv("CONTAIN_ROOT"), 0);
  if (::geteuid() == 0) {
    EXPECT_EQ(engine_options::from_environment().root, "");
  }
}

TEST_F(engine_test, a_forked_child_is_told_to_make_its_own) {
  engine e{{.root = directory_ / "store", .log = {}}};
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    int verdict = 1;
    try {
      (void)e.containers();
    } catch (const error& failure) {
      verdict = failure.code() == errc::invalid ? 0 : 2;
    }
    try {
      const engine own{{.root = directory_ / "store", .log = {}}};
      (void)own.containers();
    } catch (...) {
      verdict = 3;
    }
    ::_exit(verdict);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(e.containers().empty());
}

TEST_F(engine_test, an_unknown_status_in_a_filter_is_an_error) {
  const engine e{{.root = directory_ / "store", .log = {}}};
  list_filter filter;
  filter.statuses = {"sleeping"};
  EXPECT_THROW((void)e.containers(filter), error);
}

}  // namespace
}  // namespace contain
