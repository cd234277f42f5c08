#include "runtime/planner.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <string>

#include "contain/core/error.hpp"

namespace contain::runtime {
namespace {

/// A launch of `true` on a store that needs no privileges to be planned.
struct planner_fixture : testing::Test {
  oci::runtime_spec spec;
  launch_request request;
  oci::spec_process process;

  planner_fixture() {
    spec.process.args = {"true", "a b"};
    spec.process.env = {"A=1", "PATH=/bin:/sbin"};
    spec.uid_mappings = spec.gid_mappings = {{0, 1000000, 65536}};
    process = spec.process;
  }
  /// An exec, which needs no open_tree(2) and so no privilege.
  planned_request exec() {
    exec_request r;
    r.process = &process;
    r.container = &spec;
    r.target_pidfd = 0;
    return plan_exec(r, 1, 2);
  }
  static const launch_plan& view(const planned_request& planned) {
    return *reinterpret_cast<const launch_plan*>(planned.plan.data());
  }
  errc failure() {
    try {
      (void)exec();
    } catch (const error& e) {
      return e.code();
    }
    return errc{};
  }
};

TEST_F(planner_fixture, the_block_survives_a_move) {
  const auto planned = exec();
  const std::vector<char> copy = planned.plan;
  const auto& plan = *reinterpret_cast<const launch_plan*>(copy.data());
  ASSERT_EQ(plan.argv.size, 2U);
  EXPECT_STREQ(plan.argv.begin()[0].get(), "true");
  EXPECT_STREQ(plan.argv.begin()[1].get(), "a b");
  EXPECT_STREQ(plan.path.get(), "/bin:/sbin");
  EXPECT_STREQ(plan.uid_map.get(), "0 1000000 65536\n");
  EXPECT_EQ(plan.root_uid, 1000000U);
  EXPECT_EQ(plan.size, copy.size());
}

TEST_F(planner_fixture, a_home_is_left_to_the_child_only_when_none_is_given) {
  auto planned = exec();
  ASSERT_EQ(view(planned).home_slot, 2);
  EXPECT_STREQ(view(planned).envp.begin()[2].get(), "HOME=/");
  process.env.emplace_back("HOME=/srv");
  planned = exec();
  EXPECT_EQ(view(planned).home_slot, -1);
  EXPECT_EQ(view(planned).envp.size, 3U);
}

TEST_F(planner_fixture, an_exec_joins_what_the_container_has_of_its_own) {
  spec.namespaces.network = false;
  const auto planned = exec();
  EXPECT_EQ(view(planned).namespaces & CLONE_NEWNET, 0U);
  EXPECT_NE(view(planned).namespaces & CLONE_NEWUSER, 0U);
  EXPECT_NE(view(planned).namespaces & CLONE_NEWCGROUP, 0U);
}

TEST_F(planner_fixture, abstract_sockets_are_scoped_only_in_the_hosts_network) {
  spec.landlock.enabled = true;
  EXPECT_EQ(view(exec()).flags & plan_landlock_scope, 0U);
  spec.namespaces.network = false;
  EXPECT_NE(view(exec()).flags & plan_landlock_scope, 0U);
}

TEST_F(planner_fixture, nul_bytes_and_empty_commands_are_refused) {
  process.args = {std::string("a\0b", 3)};
  EXPECT_EQ(failure(), errc::invalid);
  process.args = {};
  EXPECT_EQ(failure(), errc::invalid);
  process.args = {""};
  EXPECT_EQ(failure(), errc::invalid);
  process.args = {"true"};
  process.env = {std::string("A=\0", 3)};
  EXPECT_EQ(failure(), errc::invalid);
}

TEST_F(planner_fixture, mounts_stay_below_the_root) {
  request.id = "x";
  request.spec = &spec;
  request.rootfs.lower = {"layers/a"};
  for (const std::string destination : {"relative", "/../etc", "/a/../../b", "/", ""}) {
    spec.mounts = {{}};
    spec.mounts.front().type = oci::spec_mount::kind::tmpfs;
    spec.mounts.front().destination = destination;
    try {
      (void)plan_launch(request, 1);
      ADD_FAILURE() << destination;
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::invalid) << destination;
    }
  }
}

TEST_F(planner_fixture, only_proc_and_sys_can_be_masked) {
  request.id = "x";
  request.spec = &spec;
  request.rootfs.lower = {"layers/a"};
  spec.masked_paths = {"/etc/shadow"};
  EXPECT_THROW((void)plan_launch(request, 1), error);
}

TEST_F(planner_fixture, an_id_is_no_path) {
  request.spec = &spec;
  request.rootfs.lower = {"layers/a"};
  for (const auto& id : std::vector<std::string>{"", "../x", "a/b", ".", std::string(100, 'a')}) {
    request.id = id;
    EXPECT_THROW((void)plan_launch(request, 1), error) << id;
  }
}

}  // namespace
}  // namespace contain::runtime
