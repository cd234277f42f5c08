// Media types of the image-spec v1.1 and of Docker's schema 2, and what they say about a blob.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace contain::oci {

namespace media_type {
inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view oci_config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view oci_layer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view oci_layer_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view oci_layer_zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view oci_empty = "application/vnd.oci.empty.v1+json";

inline constexpr std::string_view docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view docker_layer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view docker_layer_gzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view docker_layer_zstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";

/// What a client of images asks for, best first.
inline constexpr std::array accepted{oci_index, docker_list, oci_manifest, docker_manifest};
}  // namespace media_type

/// How a layer's tar is packed.
enum class layer_compression : std::uint8_t { none, gzip, zstd };

struct layer_type {
  layer_compression compression = layer_compression::none;
  /// Not to be distributed by a registry; its bytes are elsewhere (`urls`). Never followed here (CVE-2020-15157).
  bool foreign = false;
};

bool is_index(std::string_view type) noexcept;
bool is_manifest(std::string_view type) noexcept;
bool is_image_config(std::string_view type) noexcept;
/// Docker's signed or unsigned manifest schema 1, which has neither config nor diff_ids.
bool is_schema1(std::string_view type) noexcept;
/// Nothing for a type that is no layer this library can unpack.
std::optional<layer_type> parse_layer_type(std::string_view type) noexcept;
/// The type without parameters and blanks: "application/json; charset=utf-8" gives "application/json".
std::string_view media_type_essence(std::string_view header) noexcept;

}  // namespace contain::oci
