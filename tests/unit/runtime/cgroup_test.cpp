// How a host's cgroup layout is read. What is made of it: tests/root/cgroup_test.cpp.
#include "contain/runtime/cgroup.hpp"

#include <gtest/gtest.h>

namespace {

using namespace contain::runtime;

TEST(cgroup_host, reads_a_hybrid_host) {
  const auto host = read_cgroup_host(
      "24 20 0:21 / /sys/fs/cgroup rw shared:5 - tmpfs tmpfs rw\n"
      "25 24 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "26 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
      "27 24 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "28 24 0:25 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n",
      "4:memory:/jobs/7\n3:cpu,cpuacct:/\n1:freezer:/\n0::/user\n");
  EXPECT_EQ(host.mode, cgroup_mode::hybrid);
  ASSERT_EQ(host.v1.size(), 2U);
  EXPECT_EQ(host.v1[0].controllers, "cpu,cpuacct");
  EXPECT_EQ(host.v1[0].own_path, "/");
  EXPECT_EQ(host.v1[1].controllers, "memory");
  EXPECT_EQ(host.v1[1].mountpoint, "/sys/fs/cgroup/memory");
  EXPECT_EQ(host.v1[1].own_path, "/jobs/7");
  EXPECT_EQ(host.unified, "/sys/fs/cgroup/unified");
  EXPECT_EQ(host.unified_own_path, "/user");
}

TEST(cgroup_host, reads_v2_and_nothing) {
  EXPECT_EQ(read_cgroup_host("25 24 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/a.slice\n").mode,
            cgroup_mode::v2);
  EXPECT_EQ(read_cgroup_host("24 20 0:21 / / rw - ext4 /dev/vda rw\n", "").mode, cgroup_mode::none);
}

TEST(cgroup_host, sees_its_own_path_from_a_bound_subtree) {
  // As in a container that has the host's cgroup namespace and its own directory mounted.
  const auto host = read_cgroup_host("27 24 0:24 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                                     "4:memory:/docker/ab\n");
  ASSERT_EQ(host.v1.size(), 1U);
  EXPECT_EQ(host.v1[0].own_path, "/");
}

TEST(cgroup_host, reads_its_own_memory_limit_without_failing_on_absent_files) {
  cgroup_host host;
  EXPECT_EQ(own_memory_limit(host), 0U);
  host.unified = "/nonexistent";
  host.unified_own_path = "/a/b";
  EXPECT_EQ(own_memory_limit(host), 0U);
}

}  // namespace
