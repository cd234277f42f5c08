// The image config: how to run the image, and the diff_ids its root is made of. Image-spec config.md, and the members
// that docker adds (Healthcheck, Shell, OnBuild).
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "contain/core/time.hpp"
#include "contain/oci/digest.hpp"
#include "contain/oci/platform.hpp"

namespace contain::oci {

/// docker's HEALTHCHECK. Zero durations and retries mean docker's default.
struct healthcheck {
  std::vector<std::string> test;  ///< {"NONE"}, {"CMD", …} or {"CMD-SHELL", line}; empty inherits
  std::chrono::nanoseconds interval{}, timeout{}, start_period{}, start_interval{};
  int retries = 0;

  friend bool operator==(const healthcheck&, const healthcheck&) = default;
};

/// The `config` member.
struct execution_config {
  std::string user;
  std::vector<std::string> env;  ///< NAME=value, in the document's order
  /// null and [] differ: [] says "none", null says nothing.
  std::optional<std::vector<std::string>> entrypoint, cmd;
  std::string working_dir;
  std::string stop_signal;
  std::map<std::string, std::string> labels;
  std::set<std::string> volumes;        ///< paths inside
  std::set<std::string> exposed_ports;  ///< "80/tcp"
  std::optional<oci::healthcheck> healthcheck;
  std::vector<std::string> shell, on_build;
  bool args_escaped = false;

  friend bool operator==(const execution_config&, const execution_config&) = default;
};

/// One step of the build, oldest first in the document.
struct history_step {
  std::optional<time_point> created;
  std::string created_by, author, comment;
  bool empty_layer = false;

  friend bool operator==(const history_step&, const history_step&) = default;
};

struct image_config {
  oci::platform platform;  ///< normalised
  /// Nothing when absent or outside what nanoseconds can say ("0001-01-01T00:00:00Z").
  std::optional<time_point> created;
  std::string author;
  execution_config config;
  std::vector<digest> diff_ids;  ///< digests of the uncompressed layers, base first
  std::vector<history_step> history;

  friend bool operator==(const image_config&, const image_config&) = default;
};

/// Longest config that is read, bytes.
inline constexpr std::size_t max_config_bytes = std::size_t{8} << 20U;

/// Throws error{corrupt} with the JSON pointer of the place: wrong types, a NUL in a string that goes to the kernel, an
/// environment entry without a name. History is words only and need not fit the layers: some builders leave steps out.
/// Keep the bytes: the image's id is their digest.
image_config parse_image_config(std::string_view json);
/// The same value gives the same bytes. Members that are empty are left out.
std::string to_json(const image_config& c);

}  // namespace contain::oci
