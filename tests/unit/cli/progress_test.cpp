#include "cli/progress.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace contain::cli {
namespace {

using phase = transfer_progress::phase;

TEST(progress_line, draws_dockers_bar) {
  EXPECT_EQ(progress_line({"sha256:0123456789abcdef", phase::downloading, 500, 1000}, 120),
            "0123456789ab: Downloading [=========================>                        ]  500B/1kB");
  EXPECT_EQ(progress_line({"sha256:0123456789abcdef", phase::downloading, 1000, 1000}, 120),
            "0123456789ab: Downloading [==================================================]  1kB/1kB");
  EXPECT_EQ(progress_line({"sha256:0123456789abcdef", phase::downloading, 1500, 0}, 120),
            "0123456789ab: Downloading 1.5kB");
  EXPECT_EQ(progress_line({"sha256:0123456789abcdef", phase::done, 0, 0}, 120), "0123456789ab: Pull complete");
}

TEST(progress_line, fits_a_narrow_terminal) {
  EXPECT_EQ(progress_line({"sha256:0123456789abcdef", phase::downloading, 500, 1000}, 60),
            "0123456789ab: Downloading 500B/1kB");
  EXPECT_EQ(progress_line({"sha256:0123456789abcdef", phase::done, 0, 0}, 12), "0123456789ab");
}

TEST(progress_display, prints_plain_lines_where_nobody_can_rewrite) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  {
    output to{ends[1], "pipe"};
    progress_display display{to};
    for (const auto at :
         {phase::waiting, phase::downloading, phase::downloading, phase::verified, phase::unpacking, phase::done})
      display.show({"sha256:aaaaaaaaaaaaaaaa", at, 1, 2});
    display.show({"sha256:bbbbbbbbbbbbbbbb", phase::exists, 0, 0});
    display.show({"", phase::resolving, 0, 0});
  }
  (void)::close(ends[1]);
  std::array<char, 4096> buffer{};
  const auto got = ::read(ends[0], buffer.data(), buffer.size());
  (void)::close(ends[0]);
  EXPECT_EQ((std::string_view{buffer.data(), static_cast<std::size_t>(got)}),
            "aaaaaaaaaaaa: Pulling fs layer\n"
            "aaaaaaaaaaaa: Download complete\n"
            "aaaaaaaaaaaa: Pull complete\n"
            "bbbbbbbbbbbb: Already exists\n");
}

}  // namespace
}  // namespace contain::cli
