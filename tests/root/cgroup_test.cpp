// Cgroups on the machine's own hierarchies.
#include "contain/runtime/cgroup.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"

namespace {

using namespace contain;
using namespace contain::runtime;
namespace fs = std::filesystem;

class cgroups : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (host.mode == cgroup_mode::none) GTEST_SKIP() << "no cgroups are mounted";
    spec.cgroups_path = "contain/" + ids::random_id();
  }
  void TearDown() override { remove_cgroups(host, spec.cgroups_path); }

  static std::string read(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
  }
  const cgroup_host::hierarchy* v1(std::string_view controller) const {
    for (const auto& h : host.v1)
      if (h.controllers.find(controller) != std::string::npos) return &h;
    return nullptr;
  }
  bool left_behind() const {
    const auto below = [this](const std::string& mountpoint) {
      return fs::exists(mountpoint + '/' + spec.cgroups_path);
    };
    return (!host.unified.empty() && below(host.unified)) ||
           std::any_of(host.v1.begin(), host.v1.end(), [&](const auto& h) { return below(h.mountpoint); });
  }

  cgroup_host host = probe_cgroups();
  oci::runtime_spec spec;
};

/// A process that waits in the cgroups until killed.
class inhabitant {
 public:
  explicit inhabitant(const cgroup_fds& fds) {
    pid_ = ::fork();
    if (pid_ == 0) {
      for (const auto& procs : fds.procs) (void)!::write(procs.get(), "0", 1);
      if (fds.unified) {
        const int procs = ::openat(fds.unified.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC);
        (void)!::write(procs, "0", 1);
      }
      ::raise(SIGSTOP);
      for (;;) ::pause();
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, WUNTRACED), pid_);
  }
  ~inhabitant() { end(); }
  void end() {
    if (pid_ <= 0) return;
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

TEST_F(cgroups, hold_the_limits_before_anyone_enters) {
  const auto *memory = v1("memory"), *pids = v1("pids"), *cpu = v1("cpu");
  if (memory == nullptr || pids == nullptr || cpu == nullptr) GTEST_SKIP() << "needs memory, pids and cpu on cgroup v1";
  spec.resources = {
      .memory_limit = 64ULL << 20U, .pids_limit = 77, .cpu_shares = 512, .cpu_quota = 50'000, .cpu_period = 100'000};
  const auto made = make_cgroups(host, spec);
  EXPECT_TRUE(made.weakened.empty());
  EXPECT_EQ(made.fds.procs.size(), made.fds.controllers.size());
  EXPECT_EQ(made.fds.procs.size(), made.fds.parents.size());
  EXPECT_TRUE(made.fds.oom_events);
  const auto at = [&](const cgroup_host::hierarchy& h, const char* file) {
    return read(h.mountpoint + '/' + spec.cgroups_path + '/' + file);
  };
  EXPECT_EQ(at(*memory, "memory.limit_in_bytes"), "67108864");
  if (fs::exists(memory->mountpoint + "/memory.memsw.limit_in_bytes")) {
    EXPECT_EQ(at(*memory, "memory.memsw.limit_in_bytes"), "67108864");
  }
  EXPECT_EQ(at(*pids, "pids.max"), "77");
  EXPECT_EQ(at(*cpu, "cpu.shares"), "512");
  EXPECT_EQ(at(*cpu, "cpu.cfs_quota_us"), "50000");
}

TEST_F(cgroups, are_joined_only_where_something_is_limited) {
  if (v1("cpu") == nullptr || v1("cpu") == v1("memory")) GTEST_SKIP() << "needs cpu on its own cgroup v1 hierarchy";
  spec.resources.memory_limit = 64ULL << 20U;
  const auto made = make_cgroups(host, spec);
  for (const auto& controllers : made.fds.controllers) EXPECT_EQ(controllers.find("cpu"), std::string::npos);
}

TEST_F(cgroups, are_found_again_for_an_exec_and_removed_when_empty) {
  spec.resources.pids_limit = 10;
  auto made = make_cgroups(host, spec);
  inhabitant first(made.fds);
  const auto again = open_cgroups(host, spec.cgroups_path);
  EXPECT_EQ(again.procs.size(), made.fds.procs.size());
  EXPECT_EQ(again.controllers, made.fds.controllers);
  EXPECT_EQ(static_cast<bool>(again.unified), static_cast<bool>(made.fds.unified));
  const auto own = fs::path("/proc") / std::to_string(first.pid()) / "cgroup";
  std::ifstream in(own);
  const std::string all((std::istreambuf_iterator<char>(in)), {});
  EXPECT_NE(all.find("/" + spec.cgroups_path), std::string::npos);
  first.end();
  remove_cgroups(host, spec.cgroups_path);
  EXPECT_FALSE(left_behind());
  remove_cgroups(host, spec.cgroups_path);
}

TEST_F(cgroups, wait_for_a_process_that_is_about_to_end) {
  const auto made = make_cgroups(host, spec);
  inhabitant last(made.fds);
  std::thread ends([&last] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    last.end();
  });
  remove_cgroups(host, spec.cgroups_path);
  ends.join();
  EXPECT_FALSE(left_behind());
}

TEST_F(cgroups, take_over_what_a_crash_left) {
  spec.resources.pids_limit = 5;
  auto first = make_cgroups(host, spec);
  const auto second = make_cgroups(host, spec);
  EXPECT_EQ(first.paths, second.paths);
  inhabitant someone(second.fds);
  try {
    (void)make_cgroups(host, spec);
    FAIL() << "took a cgroup that is in use";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::busy) << e.what();
  }
}

TEST_F(cgroups, leave_nothing_when_the_kernel_refuses_a_value) {
  if (v1("cpu") == nullptr) GTEST_SKIP() << "needs cpu on cgroup v1";
  spec.resources = {.memory_limit = {}, .pids_limit = {}, .cpu_shares = {}, .cpu_quota = 1, .cpu_period = 100'000};
  try {
    (void)make_cgroups(host, spec);
    FAIL() << "the kernel took a quota of 1 us";
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::limit_refused);
    EXPECT_NE(std::string(e.what()).find("cpu.cfs_quota_us"), std::string::npos) << e.what();
  }
  EXPECT_FALSE(left_behind());
}

TEST_F(cgroups, of_a_v2_host_are_one_directory) {
  if (host.unified.empty()) GTEST_SKIP() << "cgroup v2 is not mounted";
  cgroup_host pure;
  pure.mode = cgroup_mode::v2;
  pure.unified = host.unified;
  pure.unified_own_path = host.unified_own_path;
  pure.unified_controllers = host.unified_controllers;
  spec.resources = {
      .memory_limit = 64ULL << 20U, .pids_limit = 77, .cpu_shares = {}, .cpu_quota = {}, .cpu_period = {}};
  auto made = make_cgroups(pure, spec);
  EXPECT_TRUE(made.fds.procs.empty());
  EXPECT_TRUE(made.fds.unified);
  ASSERT_EQ(made.paths.size(), 1U);
  const auto& offered = host.unified_controllers;
  if (std::find(offered.begin(), offered.end(), "memory") == offered.end()) {
    ASSERT_EQ(made.weakened.size(), 2U);
    EXPECT_EQ(made.weakened[0], "memory: no cgroup controller on this host");
  } else {
    EXPECT_EQ(read(made.paths[0] + "/memory.max"), "67108864");
    EXPECT_EQ(read(made.paths[0] + "/pids.max"), "77");
  }
  inhabitant someone(made.fds);
  EXPECT_EQ(read(made.paths[0] + "/cgroup.procs"), std::to_string(someone.pid()));
  someone.end();
  remove_cgroups(pure, spec.cgroups_path);
  EXPECT_FALSE(fs::exists(made.paths[0]));
}

TEST_F(cgroups, say_once_which_limit_a_v2_host_cannot_give) {
  if (host.unified.empty() || v1("memory") == nullptr) GTEST_SKIP() << "needs a v2 hierarchy without memory";
  cgroup_host boasting;
  boasting.mode = cgroup_mode::v2;
  boasting.unified = host.unified;
  boasting.unified_controllers = {"memory", "pids", "cpu"};
  spec.resources.memory_limit = 64ULL << 20U;
  const auto made = make_cgroups(boasting, spec);
  ASSERT_EQ(made.weakened.size(), 1U);
  EXPECT_EQ(made.weakened[0].rfind("memory: write +memory", 0), 0U) << made.weakened[0];
}

TEST_F(cgroups, below_no_hierarchy_are_nothing) {
  spec.resources.memory_limit = 64ULL << 20U;
  const auto made = make_cgroups({}, spec);
  EXPECT_TRUE(made.paths.empty());
  EXPECT_EQ(made.weakened.size(), 1U);
}

TEST_F(cgroups, refuse_paths_that_leave_their_parent) {
  for (const auto* bad : {"", "x", "/contain/x", "contain/", "../x/y", "contain/../x"}) {
    oci::runtime_spec hostile;
    hostile.cgroups_path = bad;
    EXPECT_THROW((void)make_cgroups(host, hostile), error) << bad;
    remove_cgroups(host, bad);
  }
}

TEST_F(cgroups, tell_the_memory_this_process_may_use) {
  const auto limit = own_memory_limit(host);
  EXPECT_TRUE(limit == 0 || limit > 1U << 20U);
}

}  // namespace
