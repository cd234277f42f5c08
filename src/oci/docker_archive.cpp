#include "contain/oci/docker_archive.hpp"

#include <algorithm>

#include "contain/core/text.hpp"
#include "contain/oci/manifest.hpp"
#include "oci/json_reader.hpp"
#include "oci/json_writer.hpp"

namespace contain::oci {
namespace {

std::string read_member_name(const detail::node& from) {
  auto name = from.string();
  const auto parts = text::split(name, '/');
  const bool inside = std::none_of(parts.begin(), parts.end(), [](auto p) { return p.empty() || p == ".."; });
  if (!inside) throw from.wrong("not the name of a member of the archive");
  return name;
}

}  // namespace

std::vector<docker_archive_image> parse_docker_archive(std::string_view json) {
  const detail::document doc{json, "manifest.json of a docker archive", max_manifest_bytes};
  std::vector<docker_archive_image> out;
  for (const auto& item : doc.root().items(4096)) {
    docker_archive_image image;
    image.config = read_member_name(item.at("Config"));
    image.repo_tags = item.strings_or_empty("RepoTags");
    if (const auto layers = item.find("Layers"))
      for (const auto& layer : layers->items(max_layers)) image.layers.push_back(read_member_name(layer));
    out.push_back(std::move(image));
  }
  return out;
}

std::string to_json(const std::vector<docker_archive_image>& images) {
  auto out = detail::json_value::array();
  for (const docker_archive_image& image : images) {
    auto item = detail::json_value::object();
    item.set("Config", image.config).set("RepoTags", detail::json_value::of(image.repo_tags));
    item.set("Layers", detail::json_value::of(image.layers));
    out.push(std::move(item));
  }
  return out.dump();
}

}  // namespace contain::oci
