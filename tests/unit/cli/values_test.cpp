#include "cli/values.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <limits>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

using kind = mount_option::kind;

TEST(parse_volume, reads_a_bind) {
  const auto mount = parse_volume("/host/dir/:/data/:ro");
  EXPECT_EQ(mount.type, kind::bind);
  EXPECT_EQ(mount.source, "/host/dir");
  EXPECT_EQ(mount.destination, "/data");
  EXPECT_TRUE(mount.read_only);
  EXPECT_FALSE(parse_volume("/a:/b").read_only);
  EXPECT_FALSE(parse_volume("/a:/b:rw,rprivate").read_only);
}

TEST(parse_volume, makes_relative_sources_absolute) {
  const auto here = std::filesystem::current_path().string();
  EXPECT_EQ(parse_volume(".:/data").source, here);
  EXPECT_EQ(parse_volume("./sub:/data").source, here + "/sub");
}

TEST(parse_volume, refuses_what_is_no_bind) {
  for (const char* bad : {"", "/a", "data:/b", ":/b", "/a:", "/a:b", "/a:/", "/a:/b:nope", "/a:/b:ro:x", "/a:/b:z"})
    EXPECT_THROW((void)parse_volume(bad), error) << bad;
}

TEST(parse_mount, reads_binds_and_tmpfs) {
  const auto bind = parse_mount("type=bind,source=/a,target=/b,readonly");
  EXPECT_EQ(bind.type, kind::bind);
  EXPECT_EQ(bind.source, "/a");
  EXPECT_EQ(bind.destination, "/b");
  EXPECT_TRUE(bind.read_only);
  EXPECT_FALSE(parse_mount("type=bind,src=/a,dst=/b,ro=false").read_only);
  EXPECT_EQ(parse_mount("type=bind,\"source=/with,comma\",destination=/b").source, "/with,comma");

  const auto tmpfs = parse_mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0700");
  EXPECT_EQ(tmpfs.type, kind::tmpfs);
  EXPECT_EQ(tmpfs.size_bytes, 1U << 20);
  EXPECT_EQ(tmpfs.mode, 0700U);
}

TEST(parse_mount, refuses_incomplete_and_unknown) {
  for (const char* bad :
       {"", "type=bind,source=/a", "type=bind,target=/b", "source=/a,target=/b", "type=volume,source=x,target=/b",
        "type=bind,source=/a,target=b", "type=bind,source=/a,target=/b,nope=1", "type=tmpfs,source=/a,target=/b",
        "type=tmpfs,target=/b,tmpfs-mode=9", "type=bind,\"source=/a"})
    EXPECT_THROW((void)parse_mount(bad), error) << bad;
}

TEST(parse_tmpfs, reads_options) {
  const auto mount = parse_tmpfs("/run:rw,size=64m,mode=755,nosuid");
  EXPECT_EQ(mount.destination, "/run");
  EXPECT_EQ(mount.size_bytes, 64U << 20);
  EXPECT_EQ(mount.mode, 0755U);
  EXPECT_EQ(parse_tmpfs("/run").mode, 01777U);
  EXPECT_TRUE(parse_tmpfs("/run:ro").read_only);
  for (const char* bad : {"", "run", "/run:size=x", "/run:noexec", "/run:mode=8"})
    EXPECT_THROW((void)parse_tmpfs(bad), error) << bad;
}

TEST(parse_ulimit, reads_soft_and_hard) {
  constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();
  using pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(parse_ulimit("nofile=1024:2048"), (std::pair{std::string{"nofile"}, pair{1024, 2048}}));
  EXPECT_EQ(parse_ulimit("core=0").second, (pair{0, 0}));
  EXPECT_EQ(parse_ulimit("nproc=10:-1").second, (pair{10, unlimited}));
  EXPECT_EQ(parse_ulimit("memlock=unlimited").second, (pair{unlimited, unlimited}));
  for (const char* bad : {"", "nofile", "nofile=", "nofile=2:1", "nofile=1:2:3", "nope=1", "nofile=x"})
    EXPECT_THROW((void)parse_ulimit(bad), error) << bad;
}

TEST(parse_network, knows_three_modes) {
  EXPECT_EQ(parse_network(""), network_mode::isolated);
  EXPECT_EQ(parse_network("host"), network_mode::host);
  EXPECT_EQ(parse_network("none"), network_mode::none);
  EXPECT_THROW((void)parse_network("mynet"), error);
}

TEST(apply_security_option, sets_each_opt_out) {
  security_options s;
  apply_security_option(s, "no-new-privileges:false");
  EXPECT_FALSE(s.no_new_privileges);
  apply_security_option(s, "no-new-privileges");
  EXPECT_TRUE(s.no_new_privileges);
  apply_security_option(s, "no-new-privileges=false");
  EXPECT_FALSE(s.no_new_privileges);
  apply_security_option(s, "seccomp=unconfined");
  EXPECT_EQ(s.seccomp, "unconfined");
  apply_security_option(s, "seccomp=/etc/profile.json");
  EXPECT_EQ(s.seccomp, "/etc/profile.json");
  apply_security_option(s, "profile=sealed");
  EXPECT_EQ(s.profile, isolation_profile::sealed);
  apply_security_option(s, "unmask=/proc/kcore:/sys/firmware");
  EXPECT_EQ(s.unmask, (std::vector<std::string>{"/proc/kcore", "/sys/firmware"}));
  apply_security_option(s, "landlock=off");
  EXPECT_FALSE(s.landlock);
  apply_security_option(s, "on-missing=landlock,time_namespace");
  EXPECT_EQ(s.on_missing.size(), 2U);
  apply_security_option(s, "strict");
  EXPECT_TRUE(s.strict);
  for (const char* bad :
       {"", "nope", "nope=1", "seccomp=", "profile=soft", "landlock=maybe", "no-new-privileges=perhaps"})
    EXPECT_THROW(apply_security_option(s, bad), error) << bad;
}

environment fake_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "from outside";
    return std::nullopt;
  };
}

TEST(add_variable, takes_values_and_inherits) {
  std::map<std::string, std::string> env;
  for (const char* text : {"A=1", "B=", "C=a=b", "SET", "UNSET", "A=2"}) add_variable(env, text, fake_environment());
  EXPECT_EQ(env, (std::map<std::string, std::string>{{"A", "2"}, {"B", ""}, {"C", "a=b"}, {"SET", "from outside"}}));
  EXPECT_THROW(add_variable(env, "=x", fake_environment()), error);
  EXPECT_THROW(add_variable(env, "", fake_environment()), error);
}

TEST(add_variable_file, skips_comments_blanks_and_the_byte_order_mark) {
  std::map<std::string, std::string> env;
  add_variable_file(env, "\xef\xbb\xbf# comment\n\nA=1\r\n  B= two words \nSET\nUNSET\nC=#no comment\nD='q'", "f",
                    fake_environment());
  EXPECT_EQ(env, (std::map<std::string, std::string>{
                     {"A", "1"}, {"B", " two words "}, {"SET", "from outside"}, {"C", "#no comment"}, {"D", "'q'"}}));
}

TEST(add_variable_file, names_the_bad_line) {
  std::map<std::string, std::string> env;
  try {
    add_variable_file(env, "A=1\nbad name=2\n", "list.env", fake_environment());
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.subject(), "list.env");
    EXPECT_NE(e.detail().find("line 2"), std::string::npos);
  }
  EXPECT_THROW(add_variable_file(env, "=x\n", "f", fake_environment()), error);
  EXPECT_THROW(add_variable_file(env, std::string_view{"A=\0", 3}, "f", fake_environment()), error);
}

TEST(add_label, an_absent_value_is_empty) {
  std::map<std::string, std::string> labels;
  add_label(labels, "a=1");
  add_label(labels, "b");
  EXPECT_EQ(labels, (std::map<std::string, std::string>{{"a", "1"}, {"b", ""}}));
  EXPECT_THROW(add_label(labels, ""), error);
  EXPECT_THROW(add_label(labels, "=1"), error);
}

TEST(parse_signal, takes_names_and_numbers) {
  EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(parse_signal("term"), SIGTERM);
  EXPECT_EQ(parse_signal("9"), SIGKILL);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  for (const char* bad : {"", "0", "65", "SIGNOPE", "-9", "RTMIN+99"})
    EXPECT_THROW((void)parse_signal(bad), error) << bad;
}

TEST(parse_instant, takes_instants_and_ages) {
  const time_point now{std::chrono::seconds{1'700'000'000}};
  EXPECT_EQ(parse_instant("10m", now), now - std::chrono::minutes{10});
  EXPECT_EQ(parse_instant("1699999990", now), now - std::chrono::seconds{10});
  EXPECT_EQ(parse_instant("1699999990.5", now), now - std::chrono::milliseconds{9500});
  EXPECT_EQ(parse_instant("2023-11-14T22:13:20Z", now), now);
  EXPECT_LT(parse_instant("2023-11-14", now), now);
  EXPECT_LT(parse_instant("2023-11-13T10:00:00", now), now);
  for (const char* bad : {"", "yesterday", "2023-11", "-5"}) EXPECT_THROW((void)parse_instant(bad, now), error) << bad;
}

}  // namespace
}  // namespace contain::cli
