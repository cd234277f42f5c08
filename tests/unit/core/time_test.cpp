#include "contain/core/time.hpp"

#include <gtest/gtest.h>

namespace contain {
namespace {

time_point at(std::int64_t seconds, std::int64_t nanoseconds = 0) {
  return time_point{std::chrono::seconds{seconds} + std::chrono::nanoseconds{nanoseconds}};
}

TEST(to_rfc3339, always_prints_utc_with_nine_digits) {
  EXPECT_EQ(to_rfc3339(at(0)), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(to_rfc3339(at(1'700'000'000, 5)), "2023-11-14T22:13:20.000000005Z");
  EXPECT_EQ(to_rfc3339(at(-1, 999'999'999)), "1969-12-31T23:59:59.999999999Z");
}

TEST(parse_rfc3339, gives_back_what_was_printed) {
  for (const auto when : {at(0), at(1'700'000'000, 123'456'789), at(-86'400), at(4'102'444'800), at(951'782'400)})
    EXPECT_EQ(parse_rfc3339(to_rfc3339(when)), when);
}

TEST(parse_rfc3339, reads_any_fraction_and_offset) {
  EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20Z"), at(1'700'000'000));
  EXPECT_EQ(parse_rfc3339("2023-11-14t22:13:20.5z"), at(1'700'000'000, 500'000'000));
  EXPECT_EQ(parse_rfc3339("2023-11-15T00:13:20+02:00"), at(1'700'000'000));
  EXPECT_EQ(parse_rfc3339("2023-11-14T16:43:20-05:30"), at(1'700'000'000));
  EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.1234567891Z"), at(1'700'000'000, 123'456'789));
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), at(1'483'228'800));
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), at(1'709'164'800));
}

TEST(parse_rfc3339, refuses_what_is_no_instant) {
  for (const char* bad :
       {"", "2023", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13Z", "2023-13-14T22:13:20Z",
        "2023-02-29T00:00:00Z", "2023-11-14T24:13:20Z", "2023-11-14T22:60:20Z", "2023-11-14T22:13:61Z",
        "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+0200", "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20Zx",
        "-023-11-14T22:13:20Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"})
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
}

}  // namespace
}  // namespace contain
