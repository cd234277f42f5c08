#include "contain/core/units.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace contain::units {
namespace {

using namespace std::chrono_literals;

TEST(parse_bytes, reads_every_docker_suffix_as_a_power_of_1024) {
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("512"), 512U);
  EXPECT_EQ(parse_bytes("64b"), 64U);
  EXPECT_EQ(parse_bytes("64k"), 64U << 10);
  EXPECT_EQ(parse_bytes("64KB"), 64U << 10);
  EXPECT_EQ(parse_bytes("64KiB"), 64U << 10);
  EXPECT_EQ(parse_bytes("64Ki"), 64U << 10);
  EXPECT_EQ(parse_bytes("64 m"), 64U << 20);
  EXPECT_EQ(parse_bytes("1.5g"), 3ULL << 29);
  EXPECT_EQ(parse_bytes("2t"), 2ULL << 40);
  EXPECT_EQ(parse_bytes("1P"), 1ULL << 50);
}

TEST(parse_bytes, keeps_every_digit_of_a_whole_number) {
  EXPECT_EQ(parse_bytes("9007199254740993"), 9007199254740993U);
  EXPECT_EQ(parse_bytes("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(parse_bytes, refuses_what_is_no_size) {
  for (const char* bad : {"", " ", "m", "-1", "+1", "1x", "64mm", "1.2.3", "1e3", "inf", "0x10", "64m ",
                          "18446744073709551616", "99999999999t"})
    EXPECT_FALSE(parse_bytes(bad)) << bad;
}

TEST(human_size, prints_three_digits_and_powers_of_1000) {
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_size(999), "999B");
  EXPECT_EQ(human_size(1000), "1kB");
  EXPECT_EQ(human_size(13256), "13.3kB");
  EXPECT_EQ(human_size(999'499), "999kB");
  EXPECT_EQ(human_size(999'600), "1MB");
  EXPECT_EQ(human_size(117'000'000), "117MB");
  EXPECT_EQ(human_size(7'380'000), "7.38MB");
  EXPECT_EQ(human_size(std::numeric_limits<std::uint64_t>::max()), "18.4EB");
}

TEST(parse_duration, reads_go_durations_and_bare_seconds) {
  EXPECT_EQ(parse_duration("300ms"), 300ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("1m30s"), 90s);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("10"), 10s);
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration("5us"), 5us);
  EXPECT_EQ(parse_duration("5µs"), 5us);
  EXPECT_EQ(parse_duration("7ns"), 7ns);
}

TEST(parse_duration, refuses_what_is_no_duration) {
  for (const char* bad : {"", "s", "-1s", "1x", "10s5", "1 s", "1d", "99999999999h", "h1"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(human_duration, uses_docker_words) {
  EXPECT_EQ(human_duration(0s), "Less than a second");
  EXPECT_EQ(human_duration(-5s), "Less than a second");
  EXPECT_EQ(human_duration(1s), "1 second");
  EXPECT_EQ(human_duration(5s), "5 seconds");
  EXPECT_EQ(human_duration(60s), "About a minute");
  EXPECT_EQ(human_duration(119s), "About a minute");
  EXPECT_EQ(human_duration(5min), "5 minutes");
  EXPECT_EQ(human_duration(59min + 59s), "59 minutes");
  EXPECT_EQ(human_duration(60min), "About an hour");
  EXPECT_EQ(human_duration(89min), "About an hour");
  EXPECT_EQ(human_duration(90min), "2 hours");
  EXPECT_EQ(human_duration(47h), "47 hours");
  EXPECT_EQ(human_duration(48h), "2 days");
  EXPECT_EQ(human_duration(24h * 14), "2 weeks");
  EXPECT_EQ(human_duration(24h * 60), "2 months");
  EXPECT_EQ(human_duration(24h * 365 * 2), "2 years");
}

}  // namespace
}  // namespace contain::units
