// The files of an OCI image layout besides its blobs: oci-layout, and the names in index.json. Image-spec
// image-layout.md.
#pragma once
#include <string>
#include <string_view>

#include "contain/oci/descriptor.hpp"

namespace contain::oci {

inline constexpr std::string_view layout_file = "oci-layout";
inline constexpr std::string_view layout_index_file = "index.json";
/// The document that `oci-layout` holds.
inline constexpr std::string_view layout_document = R"({"imageLayoutVersion":"1.0.0"})";
/// The tag of an entry of index.json; containerd and docker put the whole reference into the second one.
inline constexpr std::string_view annotation_ref_name = "org.opencontainers.image.ref.name";
inline constexpr std::string_view annotation_image_name = "io.containerd.image.name";

/// Checks an `oci-layout` file: version 1.x. Throws error{corrupt}.
void check_layout(std::string_view json);
/// The name of an entry of index.json: the whole reference if one is given, else the ref name, else empty.
std::string layout_name(const descriptor& entry);

}  // namespace contain::oci
