#include "engine/options_codec.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"

namespace contain {
namespace {

TEST(options_codec, defaults_come_back_as_defaults) {
  const auto back = decode_options(encode(container_options{}));
  EXPECT_EQ(back.image, "hello-world");
  EXPECT_TRUE(back.command.empty());
  EXPECT_FALSE(back.entrypoint);
  EXPECT_EQ(back.stop_timeout, std::chrono::seconds{10});
  EXPECT_EQ(back.life, lifetime::owner);
  EXPECT_TRUE(back.security.no_new_privileges);
  EXPECT_TRUE(back.security.landlock);
}

TEST(options_codec, every_member_survives) {
  container_options o;
  o.image = "alpine:3";
  o.command = {"sh", "-c", ""};
  o.entrypoint = std::vector<std::string>{};
  o.name = "web";
  o.env = {{"A", "1"}};
  o.labels = {{"l", ""}};
  o.workdir = "/w";
  o.user = "1:2";
  o.hostname = "h";
  o.limits = {.memory_bytes = 1ULL << 40U, .cpus = 1.5, .cpu_shares = 512, .pids = 0, .rlimits = {{"nofile", {1, 2}}}};
  o.security.profile = isolation_profile::docker;
  o.security.caps_add = {"NET_RAW"};
  o.security.caps_drop = {"ALL"};
  o.security.no_new_privileges = false;
  o.security.seccomp = "unconfined";
  o.security.host_userns = o.security.host_cgroupns = o.security.host_timens = true;
  o.security.landlock = false;
  o.security.abi32 = o.security.strict = true;
  o.security.unmask = {"ALL"};
  o.security.on_missing = {"landlock"};
  mount_option tmpfs;
  tmpfs.type = mount_option::kind::tmpfs;
  tmpfs.destination = "/t";
  tmpfs.size_bytes = 4096;
  tmpfs.mode = 0700;
  mount_option bind;
  bind.source = "/s";
  bind.destination = "/d";
  bind.read_only = true;
  o.mounts = {tmpfs, bind};
  o.network = network_mode::none;
  o.tty = o.open_stdin = o.read_only_root = o.auto_remove = true;
  o.stop_signal = "SIGQUIT";
  o.stop_timeout = std::chrono::seconds{3};
  o.size = {.rows = 40, .columns = 120};
  o.life = lifetime::detached;
  o.platform = "linux/arm64";
  const auto back = decode_options(encode(o));
  EXPECT_EQ(encode(back), encode(o));
  EXPECT_TRUE(back.entrypoint && back.entrypoint->empty());
  EXPECT_EQ(back.limits.pids, 0);
  EXPECT_EQ(back.limits.rlimits.at("nofile").second, 2U);
  EXPECT_EQ(back.mounts.at(0).mode, 0700U);
  EXPECT_TRUE(back.mounts.at(1).read_only);
  EXPECT_EQ(back.size.columns, 120);
  EXPECT_EQ(back.life, lifetime::detached);
  EXPECT_FALSE(back.security.landlock);
}

TEST(options_codec, arguments_may_be_any_bytes) {
  container_options o;
  o.command = {"printf", "\xff\xfe\x80", std::string{"a\nb"}};
  EXPECT_EQ(decode_options(encode(o)).command, o.command);
}

TEST(options_codec, damage_is_store_corrupt) {
  for (const std::string_view bytes : {"", "{", "\xff\xff", "\xa1\x64life\x18\x63"}) {
    try {
      (void)decode_options(bytes);
      FAIL() << bytes.size();
    } catch (const error& e) {
      EXPECT_EQ(e.code(), errc::store_corrupt);
    }
  }
}

}  // namespace
}  // namespace contain
