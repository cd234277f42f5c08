#include "contain/oci/image_config.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "contain/oci/runtime_spec_json.hpp"

namespace contain::oci {
namespace {

const std::string sha = "sha256:" + std::string(64, 'a');

std::string config_with(const std::string& members) {
  return R"({"architecture":"amd64","os":"linux","config":{)" + members +
         R"(},"rootfs":{"type":"layers","diff_ids":[")" + sha + R"("]}})";
}

std::string place_of(const std::string& text) {
  try {
    (void)parse_image_config(text);
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::corrupt);
    return e.subject();
  }
  return "no error";
}

TEST(image_config, reads_every_member) {
  const auto c = parse_image_config(
      R"({"created":"2024-05-01T10:00:00.5+02:00","author":"me","architecture":"arm","os":"linux","variant":"v7",
          "config":{"User":"1000:100","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/bin","X=a=b"],
                    "Entrypoint":["/e"],"Cmd":["-x"],"Volumes":{"/data":{}},"WorkingDir":"/w","Labels":{"k":"v"},
                    "StopSignal":"SIGINT","Shell":["/bin/bash","-c"],"OnBuild":["RUN x"],"ArgsEscaped":true,
                    "Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":3}},
          "rootfs":{"type":"layers","diff_ids":[")" +
      sha +
      R"("]},"history":[{"created":"2024-05-01T08:00:00Z","created_by":"x","comment":"c"},{"empty_layer":true}]})");
  EXPECT_EQ(to_string(c.platform), "linux/arm/v7");
  EXPECT_EQ(to_rfc3339(*c.created), "2024-05-01T08:00:00.500000000Z");
  EXPECT_EQ(c.config.user, "1000:100");
  EXPECT_EQ(c.config.env.size(), 2U);
  EXPECT_EQ(c.config.entrypoint, std::vector<std::string>{"/e"});
  EXPECT_TRUE(c.config.volumes.contains("/data"));
  EXPECT_TRUE(c.config.exposed_ports.contains("80/tcp"));
  EXPECT_EQ(c.config.healthcheck->interval, std::chrono::seconds{5});
  EXPECT_EQ(c.config.healthcheck->retries, 3);
  ASSERT_EQ(c.history.size(), 2U);
  EXPECT_TRUE(c.history[1].empty_layer);
  EXPECT_EQ(parse_image_config(to_json(c)), c);
}

TEST(image_config, null_and_empty_commands_differ) {
  const auto absent = parse_image_config(config_with(""));
  EXPECT_FALSE(absent.config.cmd);
  const auto null = parse_image_config(config_with(R"("Cmd":null,"Entrypoint":null)"));
  EXPECT_FALSE(null.config.cmd);
  const auto empty = parse_image_config(config_with(R"("Cmd":[],"Entrypoint":[])"));
  ASSERT_TRUE(empty.config.cmd);
  EXPECT_TRUE(empty.config.cmd->empty());
  EXPECT_EQ(parse_image_config(to_json(empty)), empty);
  EXPECT_EQ(parse_image_config(to_json(absent)), absent);
}

TEST(image_config, tolerates_what_real_builders_write) {
  EXPECT_EQ(place_of(config_with(R"("Labels":null,"Env":null,"Volumes":null,"ExposedPorts":null,"OnBuild":[])")),
            "no error");
  EXPECT_EQ(place_of(R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":null}})"),
            "no error");
  const auto zero = parse_image_config(
      R"({"created":"0001-01-01T00:00:00Z","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},
          "history":[{"created_by":"more steps than layers"}]})");
  EXPECT_FALSE(zero.created);
}

TEST(image_config, errors_name_the_place) {
  EXPECT_EQ(place_of(config_with(R"("Env":["A=1",7])")), "/config/Env/1");
  EXPECT_EQ(place_of(config_with(R"("Env":["=x"])")), "/config/Env");
  EXPECT_EQ(place_of(config_with(R"("Env":["A=\u0000"])")), "/config/Env/0");
  EXPECT_EQ(place_of(config_with(R"("Cmd":"sh")")), "/config/Cmd");
  EXPECT_EQ(place_of(config_with(R"("Labels":{"a/b~c":1})")), "/config/Labels/a~1b~0c");
  EXPECT_EQ(place_of(config_with(R"("WorkingDir":{})")), "/config/WorkingDir");
  EXPECT_EQ(place_of(config_with(R"("Healthcheck":{"Interval":-1})")), "/config/Healthcheck/Interval");
  EXPECT_EQ(place_of(R"({"architecture":"amd64","os":"linux"})"), "/");
  EXPECT_EQ(place_of(R"({"rootfs":{"type":"layers","diff_ids":["sha256:x"]}})"), "/rootfs/diff_ids/0");
  EXPECT_EQ(place_of(R"({"rootfs":{"type":"squashfs","diff_ids":[]}})"), "/rootfs/type");
  EXPECT_EQ(place_of(R"({"layers":[],"rootfs":{"type":"layers","diff_ids":[]}})"), "/");
}

TEST(runtime_spec, json_has_the_specs_shape) {
  runtime_spec spec;
  spec.process.args = {"true"};
  spec.process.caps_bounding = spec.process.caps_effective = 1U | 1U << 13U;
  spec.process.rlimits = {{7, 1024, 4096}};
  spec.mounts = {{spec_mount::kind::tmpfs, "", "/run", false, true, true, true, true, 0755, 4096}};
  spec.namespaces.time = false;
  spec.hostname = "h";
  spec.resources.memory_limit = 64U << 20U;
  const auto text = to_json(spec);
  for (const auto* part :
       {R"("ociVersion":"1.2.0")", R"("args":["true"])", R"("bounding":["CAP_CHOWN","CAP_NET_RAW"])",
        R"({"type":"RLIMIT_NOFILE","hard":4096,"soft":1024})", R"("options":["nosuid","nodev","noexec",)",
        R"("mode=0755","size=4096")", R"("memory":{"limit":67108864,"swap":67108864})", R"({"type":"cgroup"}])",
        R"("hostname":"h")"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

}  // namespace
}  // namespace contain::oci
