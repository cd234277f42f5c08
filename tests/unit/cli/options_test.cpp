#include "cli/options.hpp"

#include <gtest/gtest.h>

#include "cli/command.hpp"
#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

converted_options options_of(std::vector<std::string> words) {
  static const command verb{"", "run", "", "", nullptr};
  console io;
  const invocation call{verb, std::move(words), io, {}};
  container_flags flags;
  arguments parser{call, interspersed::no};
  declare(parser, flags);
  return convert(flags, parser.parse({1}), [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME") return "/home/me";
    return std::nullopt;
  });
}

TEST(convert, without_flags_is_docker_default) {
  const auto o = options_of({"debian", "cat", "-n", "/etc/os-release"}).options;
  EXPECT_EQ(o.image, "debian");
  EXPECT_EQ(o.command, (std::vector<std::string>{"cat", "-n", "/etc/os-release"}));
  EXPECT_FALSE(o.entrypoint);
  EXPECT_FALSE(o.tty || o.open_stdin || o.auto_remove || o.read_only_root);
  EXPECT_EQ(o.network, network_mode::isolated);
  EXPECT_EQ(o.life, lifetime::detached);
  EXPECT_EQ(o.stop_timeout, std::chrono::seconds{10});
  EXPECT_FALSE(o.limits.memory_bytes || o.limits.cpus || o.limits.pids || o.limits.cpu_shares);
}

TEST(convert, carries_every_flag) {
  const auto o = options_of({"-it",
                             "--rm",
                             "--name",
                             "web",
                             "-e",
                             "A=1",
                             "--env=HOME",
                             "-w",
                             "/srv",
                             "-u",
                             "1:2",
                             "-h",
                             "box",
                             "--entrypoint",
                             "/bin/sh",
                             "-l",
                             "a=b",
                             "-m",
                             "64m",
                             "--cpus",
                             "1.5",
                             "-c",
                             "512",
                             "--pids-limit",
                             "-1",
                             "--ulimit",
                             "nofile=1:2",
                             "--network",
                             "none",
                             "--read-only",
                             "--tmpfs",
                             "/run",
                             "-v",
                             "/a:/b:ro",
                             "--mount",
                             "type=bind,src=/c,dst=/d",
                             "--cap-add",
                             "NET_RAW",
                             "--cap-drop=ALL",
                             "--security-opt",
                             "no-new-privileges",
                             "--userns",
                             "host",
                             "--cgroupns=host",
                             "--stop-signal",
                             "SIGINT",
                             "--stop-timeout",
                             "3",
                             "--platform",
                             "linux/arm64",
                             "image"})
                     .options;
  EXPECT_TRUE(o.tty && o.open_stdin && o.auto_remove && o.read_only_root);
  EXPECT_EQ(o.name, "web");
  EXPECT_EQ(o.env, (std::map<std::string, std::string>{{"A", "1"}, {"HOME", "/home/me"}}));
  EXPECT_EQ(o.workdir, "/srv");
  EXPECT_EQ(o.user, "1:2");
  EXPECT_EQ(o.hostname, "box");
  EXPECT_EQ(o.entrypoint, std::vector<std::string>{"/bin/sh"});
  EXPECT_EQ(o.labels.at("a"), "b");
  EXPECT_EQ(o.limits.memory_bytes, 64U << 20);
  EXPECT_EQ(o.limits.cpus, 1.5);
  EXPECT_EQ(o.limits.cpu_shares, 512U);
  EXPECT_EQ(o.limits.pids, 0);
  EXPECT_EQ(o.limits.rlimits.at("nofile").second, 2U);
  EXPECT_EQ(o.network, network_mode::none);
  ASSERT_EQ(o.mounts.size(), 3U);
  EXPECT_EQ(o.security.caps_add, std::vector<std::string>{"NET_RAW"});
  EXPECT_EQ(o.security.caps_drop, std::vector<std::string>{"ALL"});
  EXPECT_TRUE(o.security.host_userns && o.security.host_cgroupns);
  EXPECT_EQ(o.stop_signal, "SIGINT");
  EXPECT_EQ(o.stop_timeout, std::chrono::seconds{3});
  EXPECT_EQ(o.platform, "linux/arm64");
}

TEST(convert, an_empty_entrypoint_clears_the_images) {
  EXPECT_EQ(options_of({"--entrypoint", "", "image"}).options.entrypoint, std::vector<std::string>{});
  EXPECT_EQ(options_of({"--entrypoint=", "image"}).options.entrypoint, std::vector<std::string>{});
}

TEST(convert, privileged_is_a_profile_that_security_opt_may_change) {
  EXPECT_EQ(options_of({"--privileged", "i"}).options.security.profile, isolation_profile::privileged);
  EXPECT_EQ(options_of({"--privileged", "--security-opt", "profile=docker", "i"}).options.security.profile,
            isolation_profile::docker);
}

TEST(convert, only_volume_makes_directories) {
  EXPECT_EQ(options_of({"-v", "/a:/b", "--mount", "type=bind,src=/c,dst=/d", "i"}).directories_to_make,
            std::vector<std::string>{"/a"});
}

TEST(convert, refuses_values_without_meaning) {
  for (const auto& bad : std::vector<std::vector<std::string>>{{"-w", "relative", "i"},
                                                               {"--network", "bridge", "i"},
                                                               {"--pull", "sometimes", "i"},
                                                               {"--userns", "keep-id", "i"},
                                                               {"--stop-signal", "SIGNOPE", "i"},
                                                               {"--env-file", "/does/not/exist", "i"},
                                                               {"-e", "=x", "i"}})
    EXPECT_THROW((void)options_of(bad), error) << bad.front();
  for (const auto& bad : std::vector<std::vector<std::string>>{{"-m", "much", "i"},
                                                               {"--cpus", "-1", "i"},
                                                               {"--cpus", "1e9", "i"},
                                                               {"--pids-limit", "x", "i"},
                                                               {"--restart", "always", "i"},
                                                               {"--init", "i"},
                                                               {"-p", "80:80", "i"}})
    EXPECT_THROW((void)options_of(bad), usage_error) << bad.front();
}

}  // namespace
}  // namespace contain::cli
