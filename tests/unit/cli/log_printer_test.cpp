#include "cli/log_printer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace contain::cli {
namespace {

/// A console whose two streams end in one pipe, as `contain logs x >file 2>&1` has it.
class pipe_console {
 public:
  pipe_console() {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    fds_ = {::dup(1), ::dup(2)};
    (void)::dup2(ends_[1], 1);
    (void)::dup2(ends_[1], 2);
  }
  ~pipe_console() { restore(); }
  std::string text() {
    restore();
    std::string all(65536, '\0');
    const auto got = ::read(ends_[0], all.data(), all.size());
    (void)::close(ends_[0]);
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }
  console io;

 private:
  void restore() {
    if (fds_[0] < 0) return;
    (void)::dup2(fds_[0], 1);
    (void)::dup2(fds_[1], 2);
    (void)::close(fds_[0]);
    (void)::close(fds_[1]);
    (void)::close(ends_[1]);
    fds_ = {-1, -1};
  }
  std::array<int, 2> ends_{}, fds_{-1, -1};
};

log_entry entry(stream from, std::string data, int second) {
  return {time_point{std::chrono::seconds{second}}, from, std::move(data)};
}

TEST(log_printer, keeps_bytes_and_the_order_of_both_streams) {
  pipe_console to;
  log_printer printer{to.io, false};
  printer.print(entry(stream::out, "one\n", 0));
  printer.print(entry(stream::err, "two\n", 1));
  printer.print(entry(stream::out, "three, no newline", 2));
  printer.flush();
  EXPECT_EQ(to.text(), "one\ntwo\nthree, no newline");
}

TEST(log_printer, stamps_each_line_once) {
  pipe_console to;
  log_printer printer{to.io, true};
  printer.print(entry(stream::out, "a\nb", 0));
  printer.print(entry(stream::out, "c\n", 1));
  printer.print(entry(stream::err, "d", 2));
  printer.flush();
  EXPECT_EQ(to.text(),
            "1970-01-01T00:00:00.000000000Z a\n"
            "1970-01-01T00:00:00.000000000Z bc\n"
            "1970-01-01T00:00:02.000000000Z d");
}

}  // namespace
}  // namespace contain::cli
