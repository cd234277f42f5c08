#include "cli/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

TEST(detach_keys, are_found_and_not_forwarded) {
  detach_keys keys{detach_keys::standard};
  const auto result = keys.feed("ls\r\x10\x11more");
  EXPECT_TRUE(result.detached);
  EXPECT_EQ(result.forward, "ls\r");
}

TEST(detach_keys, are_found_over_several_reads) {
  detach_keys keys{detach_keys::standard};
  EXPECT_EQ(keys.feed("a\x10").forward, "a");
  EXPECT_TRUE(keys.feed("\x11").detached);
}

TEST(detach_keys, give_back_what_they_held) {
  detach_keys keys{detach_keys::standard};
  EXPECT_EQ(keys.feed("\x10").forward, "");
  EXPECT_EQ(keys.feed("x").forward, "\x10x");
  EXPECT_EQ(keys.feed("\x10\x10").forward, "\x10");
  EXPECT_TRUE(keys.feed("\x11").detached);
}

TEST(detach_keys, follow_the_given_notation) {
  EXPECT_TRUE(detach_keys{"ctrl-@,a"}.feed(std::string_view{"\0a", 2}).detached);
  EXPECT_TRUE(detach_keys{"ctrl-["}.feed("\x1b").detached);
  EXPECT_TRUE(detach_keys{"q"}.feed("q").detached);
  EXPECT_FALSE(detach_keys{""}.feed("\x10\x11").detached);
  for (const char* bad : {"ctrl-", "ctrl-1", "alt-x", "ctrl-p,", "ctrl-P", "ab"})
    EXPECT_THROW(detach_keys{bad}, error) << bad;
}

class raw_mode_on_a_pty : public ::testing::Test {
 protected:
  void SetUp() override {
    const winsize size{33, 77, 0, 0};
    if (::openpty(&master_, &slave_, nullptr, nullptr, &size) != 0) GTEST_SKIP() << "needs a pty";
  }
  void TearDown() override {
    if (master_ >= 0) (void)::close(master_);
    if (slave_ >= 0) (void)::close(slave_);
  }
  termios mode() const {
    termios now{};
    EXPECT_EQ(::tcgetattr(slave_, &now), 0);
    return now;
  }
  int master_ = -1, slave_ = -1;
};

TEST_F(raw_mode_on_a_pty, ends_with_its_object) {
  const auto before = mode();
  {
    const raw_mode raw{slave_};
    EXPECT_EQ(mode().c_lflag & static_cast<tcflag_t>(ECHO | ICANON | ISIG), 0U);
    EXPECT_EQ(mode().c_oflag & static_cast<tcflag_t>(OPOST), 0U);
  }
  EXPECT_EQ(mode().c_lflag, before.c_lflag);
  EXPECT_EQ(mode().c_iflag, before.c_iflag);
  EXPECT_EQ(mode().c_oflag, before.c_oflag);
}

TEST_F(raw_mode_on_a_pty, reports_its_size) {
  const auto size = terminal_size(slave_);
  ASSERT_TRUE(size);
  EXPECT_EQ(size->rows, 33);
  EXPECT_EQ(size->columns, 77);
}

TEST(raw_mode, refuses_what_is_no_terminal) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_THROW(raw_mode{fd}, error);
  EXPECT_FALSE(terminal_size(fd));
  (void)::close(fd);
}

}  // namespace
}  // namespace contain::cli
