// `manifest.json` of a `docker save` archive (format v1.2): which members of the tar make up which image.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace contain::oci {

struct docker_archive_image {
  std::string config;                  ///< name of the tar member with the image config
  std::vector<std::string> repo_tags;  ///< "alpine:latest"
  std::vector<std::string> layers;     ///< names of the members with the layers' tars, base first
};

inline constexpr std::string_view docker_archive_file = "manifest.json";

/// Names are relative and stay inside the archive ("..", absolute and empty names are refused). Throws error{corrupt}.
std::vector<docker_archive_image> parse_docker_archive(std::string_view json);
std::string to_json(const std::vector<docker_archive_image>& images);

}  // namespace contain::oci
