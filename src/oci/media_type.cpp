#include "contain/oci/media_type.hpp"

#include <algorithm>
#include <array>

#include "contain/core/text.hpp"

namespace contain::oci {
namespace {

struct layer_row {
  std::string_view type;
  layer_type means;
};
using enum layer_compression;
constexpr std::array layer_rows{
    layer_row{media_type::oci_layer, {none, false}},
    layer_row{media_type::oci_layer_gzip, {gzip, false}},
    layer_row{media_type::oci_layer_zstd, {zstd, false}},
    layer_row{media_type::docker_layer, {none, false}},
    layer_row{media_type::docker_layer_gzip, {gzip, false}},
    layer_row{media_type::docker_layer_zstd, {zstd, false}},
    layer_row{"application/vnd.oci.image.layer.nondistributable.v1.tar", {none, true}},
    layer_row{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", {gzip, true}},
    layer_row{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", {zstd, true}},
    layer_row{"application/vnd.docker.image.rootfs.foreign.diff.tar", {none, true}},
    layer_row{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", {gzip, true}},
};

}  // namespace

bool is_index(std::string_view type) noexcept {
  return type == media_type::oci_index || type == media_type::docker_list;
}

bool is_manifest(std::string_view type) noexcept {
  return type == media_type::oci_manifest || type == media_type::docker_manifest;
}

bool is_image_config(std::string_view type) noexcept {
  return type == media_type::oci_config || type == media_type::docker_config;
}

bool is_schema1(std::string_view type) noexcept {
  return type == "application/vnd.docker.distribution.manifest.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

std::optional<layer_type> parse_layer_type(std::string_view type) noexcept {
  const auto* row = std::find_if(layer_rows.begin(), layer_rows.end(), [&](const auto& r) { return r.type == type; });
  if (row == layer_rows.end()) return std::nullopt;
  return row->means;
}

std::string_view media_type_essence(std::string_view header) noexcept {
  return text::trim(header.substr(0, header.find(';')));
}

}  // namespace contain::oci
