#include "contain/storage/database.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "contain/core/error.hpp"

namespace contain::storage {
namespace {

void create_numbers(const session& db, int from) {
  if (from == 0) db.run("CREATE TABLE numbers(n INTEGER PRIMARY KEY, word TEXT)");
}

void refuse(const session& /*db*/, int /*from*/) { throw error{errc::invalid, "migrate"}; }

std::int64_t count(const database& db) {
  const auto t = db.snapshot();
  auto q = t.prepare("SELECT count(*) FROM numbers");
  q.step();
  return q.integer(0);
}

errc code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const error& e) {
    return e.code();
  }
  return errc{};
}

class database_test : public testing::Test {
 protected:
  database_test() {
    std::string pattern = testing::TempDir() + "contain-db-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~database_test() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::filesystem::path file() const { return directory_ / "db.sqlite3"; }
  [[nodiscard]] database open(int version = 1) const { return database::open(file(), version, create_numbers); }

  std::filesystem::path directory_;
};

TEST_F(database_test, committed_changes_are_there_for_the_next_connection) {
  {
    auto db = open();
    auto t = db.write(durability::full);
    EXPECT_EQ(t.run("INSERT INTO numbers VALUES(?, ?)", 7, std::string{"a\0b", 3}), 1);
    t.commit();
  }
  auto db = open();
  const auto t = db.snapshot();
  auto q = t.prepare("SELECT n, word FROM numbers");
  ASSERT_TRUE(q.step());
  EXPECT_EQ(q.integer(0), 7);
  EXPECT_EQ(q.text(1), (std::string{"a\0b", 3}));
  EXPECT_FALSE(q.step());
}

TEST_F(database_test, without_commit_nothing_happened) {
  auto db = open();
  {
    auto t = db.write();
    t.run("INSERT INTO numbers(n) VALUES(1)");
  }
  EXPECT_EQ(count(db), 0);
}

TEST_F(database_test, absent_values_are_null) {
  auto db = open();
  auto t = db.write();
  t.run("INSERT INTO numbers VALUES(?, ?)", 1, std::optional<std::string>{});
  auto q = t.prepare("SELECT word FROM numbers");
  ASSERT_TRUE(q.step());
  EXPECT_TRUE(q.is_null(0));
}

TEST_F(database_test, a_failed_migration_leaves_no_schema) {
  EXPECT_EQ(code_of([&] { (void)database::open(file(), 1, refuse); }), errc::invalid);
  EXPECT_EQ(count(open()), 0);
}

TEST_F(database_test, a_newer_version_is_refused_and_left_alone) {
  { (void)open(2); }
  EXPECT_EQ(code_of([&] { (void)open(1); }), errc::store_version);
  EXPECT_EQ(count(open(2)), 0);
}

TEST_F(database_test, a_file_of_something_else_is_store_corrupt) {
  std::ofstream{file()} << std::string(8192, 'x');
  EXPECT_EQ(code_of([&] { (void)open(); }), errc::store_corrupt);
}

TEST_F(database_test, an_absent_directory_is_named) {
  try {
    (void)database::open(directory_ / "absent" / "db", 1, create_numbers);
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string{e.what()}.find("absent"), std::string::npos);
  }
}

TEST_F(database_test, threads_share_one_connection) {
  auto db = open();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        auto t = db.write();
        t.run("INSERT INTO numbers(word) VALUES('x')");
        t.commit();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(count(db), 400);
}

TEST_F(database_test, processes_share_one_file) {
  // Each child opens for itself, all at once, also the first time: schema creation and recovery must not collide.
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      try {
        auto db = open();
        for (int n = 0; n < 50; ++n) {
          auto t = db.write();
          t.run("INSERT INTO numbers(word) VALUES('x')");
          t.commit();
        }
      } catch (const error& e) {
        (void)::write(STDERR_FILENO, e.what(), std::string_view{e.what()}.size());
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  for (const auto pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(count(open()), 200);
}

TEST_F(database_test, a_reader_keeps_its_state_while_another_connection_writes) {
  auto reads = open();
  auto writes = open();
  const auto before = reads.snapshot();
  const auto rows = [&] {
    auto q = before.prepare("SELECT count(*) FROM numbers");
    q.step();
    return q.integer(0);
  };
  EXPECT_EQ(rows(), 0);
  auto t = writes.write();
  t.run("INSERT INTO numbers(n) VALUES(1)");
  t.commit();
  EXPECT_EQ(rows(), 0);
}

TEST_F(database_test, a_forked_child_is_told_to_open_its_own) {
  auto db = open();
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) ::_exit(code_of([&] { (void)db.snapshot(); }) == errc::invalid ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(count(db), 0);
}

}  // namespace
}  // namespace contain::storage
