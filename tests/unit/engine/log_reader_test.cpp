#include "engine/log_reader.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "contain/core/text.hpp"
#include "contain/runtime/protocol.hpp"

namespace contain {
namespace {

time_point at(std::int64_t ns) { return time_point{std::chrono::nanoseconds{ns}}; }

/// A log as the supervisor writes it.
class written_log {
 public:
  written_log() : file_(::memfd_create("log", MFD_CLOEXEC)) {}
  void add(std::string_view data, stream from = stream::out, std::uint64_t time_ns = 0) {
    const auto size = static_cast<std::uint32_t>(data.size());
    runtime::log_header header{time_ns == 0 ? ++clock_ : time_ns, size, static_cast<std::uint8_t>(from), {}};
    raw(&header, sizeof header);
    raw(data.data(), data.size());
    raw(&size, sizeof size);
  }
  void raw(const void* bytes, std::size_t size) {
    ASSERT_EQ(::write(file_.get(), bytes, size), static_cast<ssize_t>(size));
  }
  void cut(std::size_t bytes) {
    const auto end = ::lseek(file_.get(), -static_cast<off_t>(bytes), SEEK_END);
    ASSERT_EQ(::ftruncate(file_.get(), end), 0);
  }
  [[nodiscard]] log_reader reader(log_reader::selection what = {}) const {
    return log_reader{std::move(*sys::duplicate(file_.get())), what};
  }

 private:
  sys::unique_fd file_;
  std::uint64_t clock_ = 0;
};

std::string all(log_reader& log) {
  std::string text;
  while (const auto entry = log.next()) text += entry->data;
  return text;
}

std::string tail(const written_log& log, std::uint64_t lines, log_reader::selection what = {}) {
  auto reader = log.reader(what);
  reader.seek_tail(lines);
  return all(reader);
}

TEST(log_reader, gives_entries_in_order_with_stream_and_time) {
  written_log log;
  log.add("one\n", stream::out, 5);
  log.add("two\n", stream::err, 6);
  auto reader = log.reader();
  const auto first = reader.next();
  const auto second = reader.next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->data, "one\n");
  EXPECT_EQ(first->when, at(5));
  EXPECT_EQ(second->from, stream::err);
  EXPECT_FALSE(reader.next());
}

TEST(log_reader, an_absent_log_is_empty) {
  log_reader reader{{}, {}};
  reader.seek_tail(3);
  EXPECT_FALSE(reader.next());
}

TEST(log_reader, goes_on_when_more_was_written) {
  written_log log;
  log.add("one");
  auto reader = log.reader();
  EXPECT_EQ(all(reader), "one");
  log.add("two");
  EXPECT_EQ(all(reader), "two");
}

TEST(log_reader, half_a_record_is_not_there_yet) {
  written_log log;
  log.add("one\n");
  log.add("two\n");
  log.cut(3);
  auto reader = log.reader();
  EXPECT_EQ(all(reader), "one\n");
  EXPECT_EQ(tail(log, 1), "one\n");
}

TEST(log_reader, tail_counts_lines_across_entries) {
  written_log log;
  log.add("one\ntwo\n");
  log.add("thr");
  log.add("ee\n");
  log.add("four");
  EXPECT_EQ(tail(log, 1), "four");
  EXPECT_EQ(tail(log, 2), "three\nfour");
  EXPECT_EQ(tail(log, 3), "two\nthree\nfour");
  EXPECT_EQ(tail(log, 4), "one\ntwo\nthree\nfour");
  EXPECT_EQ(tail(log, 400), "one\ntwo\nthree\nfour");
  EXPECT_EQ(tail(log, 0), "");
}

TEST(log_reader, tail_counts_only_the_wanted_stream) {
  written_log log;
  log.add("out 1\n");
  log.add("err 1\n", stream::err);
  log.add("out 2\n");
  log.add("err 2\n", stream::err);
  EXPECT_EQ(tail(log, 2, {.out = true, .err = false, .since = {}, .until = {}}), "out 1\nout 2\n");
  EXPECT_EQ(tail(log, 1, {.out = false, .err = true, .since = {}, .until = {}}), "err 2\n");
}

TEST(log_reader, since_and_until_are_inclusive) {
  written_log log;
  for (std::uint64_t t = 1; t <= 5; ++t) log.add(text::cat(t, '\n'), stream::out, t * 10);
  auto reader = log.reader({.out = true, .err = true, .since = at(20), .until = at(40)});
  reader.seek_since();
  EXPECT_EQ(all(reader), "2\n3\n4\n");
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(tail(log, 2, {.out = true, .err = true, .since = at(40), .until = {}}), "4\n5\n");
}

TEST(log_reader, walks_backwards_through_a_log_larger_than_its_window) {
  written_log log;
  const std::string big(60'000, 'x');
  for (int i = 0; i < 40; ++i) log.add(text::cat(i, ' ', big, '\n'));
  for (int i = 0; i < 20'000; ++i) log.add(text::cat("line ", i, '\n'));
  EXPECT_EQ(tail(log, 2), "line 19998\nline 19999\n");
  const auto many = tail(log, 20'001);
  EXPECT_EQ(many.substr(0, 4), "39 x");
  EXPECT_EQ(tail(log, 20'040), [&] {
    auto reader = log.reader();
    return all(reader);
  }());
}

}  // namespace
}  // namespace contain
