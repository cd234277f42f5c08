#include "contain/sys/probe.hpp"

#include <dirent.h>
#include <gtest/gtest.h>

#include <memory>

namespace {

using namespace contain::sys;

int open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> own{::opendir("/proc/self/fd"), &::closedir};
  int count = 0;
  while (::readdir(own.get()) != nullptr) ++count;
  return count;
}

TEST(probe_kernel, finds_what_every_supported_kernel_has) {
  const auto probe = probe_kernel();
  ASSERT_GE(probe.major, 5U);
  if (probe.clone3 == presence::blocked) GTEST_SKIP() << "an outer sandbox filters system calls";
  EXPECT_EQ(probe.pidfd_open, presence::present);
  EXPECT_EQ(probe.openat2, presence::present);
  EXPECT_EQ(probe.close_range, presence::present);
  EXPECT_EQ(probe.mount_setattr, presence::present);
}

TEST(probe_kernel, leaves_nothing_open) {
  const int before = open_descriptors();
  (void)probe_kernel();
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
