// Words that people and images use for what the kernel numbers.
#include <gtest/gtest.h>

#include "contain/sys/caps.hpp"
#include "contain/sys/idmap.hpp"
#include "contain/sys/mountinfo.hpp"
#include "contain/sys/rlimit.hpp"
#include "contain/sys/signal.hpp"

namespace {

using namespace contain::sys;

TEST(parse_cap, takes_dockers_spellings) {
  EXPECT_EQ(parse_cap("NET_RAW"), unsigned{CAP_NET_RAW});
  EXPECT_EQ(parse_cap("cap_net_raw"), unsigned{CAP_NET_RAW});
  EXPECT_EQ(parse_cap("CAP_CHECKPOINT_RESTORE"), unsigned{CAP_CHECKPOINT_RESTORE});
  for (const auto* bad : {"", "CAP_", "NET", "NET_RAW ", "CAP_CAP_KILL"}) EXPECT_FALSE(parse_cap(bad)) << bad;
}

TEST(caps, of_this_process_are_the_kernels_own) {
  const auto effective = effective_caps();
  ASSERT_TRUE(effective);
  EXPECT_EQ(*effective & ~bounding_caps() & ~all_caps, 0U);
}

TEST(parse_signal, takes_names_numbers_and_real_time_signals) {
  EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(parse_signal("term"), SIGTERM);
  EXPECT_EQ(parse_signal("9"), SIGKILL);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), 37);
  EXPECT_EQ(parse_signal("RTMAX"), 64);
  EXPECT_EQ(parse_signal("RTMAX-1"), 63);
  for (const auto* bad : {"", "0", "65", "-1", "SIG", "TERMX", "RTMIN-1", "RTMIN+31", "RTMIN+", "9 "})
    EXPECT_FALSE(parse_signal(bad)) << bad;
}

TEST(parse_rlimit, takes_dockers_names) {
  EXPECT_EQ(parse_rlimit("nofile"), static_cast<int>(RLIMIT_NOFILE));
  EXPECT_EQ(parse_rlimit("core"), static_cast<int>(RLIMIT_CORE));
  EXPECT_FALSE(parse_rlimit("NOFILE"));
}

TEST(find_id_range, takes_the_longest_range_of_a_name_or_number) {
  constexpr auto table = "root:1:10\nann:100000:65536\n1000:500000:70000\nann:x:5\nann:4294967295:2\n# ann:7:7\nann:9";
  const auto range = find_id_range(table, "ann", 1000);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->start, 500000U);
  EXPECT_EQ(range->size, 70000U);
  EXPECT_EQ(find_id_range(table, "ann", 7)->start, 100000U);
  EXPECT_FALSE(find_id_range(table, "bob", 7));
}

TEST(parse_mountinfo, reads_optional_fields_and_escapes) {
  const auto entries = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n"
      "nonsense\n"
      "37 35 98:0 / / rw - tmpfs a\\134b rw");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].root, "/mnt1");
  EXPECT_EQ(entries[0].mountpoint, "/mnt two");
  EXPECT_EQ(entries[0].type, "ext3");
  EXPECT_EQ(entries[0].super_options, "rw,errors=continue");
  EXPECT_EQ(entries[1].source, "a\\b");
}

TEST(mounts, of_this_process_include_a_root) {
  const auto entries = mounts();
  ASSERT_TRUE(entries);
  bool found = false;
  for (const auto& entry : *entries) found = found || entry.mountpoint == "/";
  EXPECT_TRUE(found);
}

}  // namespace
