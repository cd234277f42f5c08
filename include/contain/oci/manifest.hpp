// An image manifest: one config and its layers. Image-spec manifest.md; Docker's manifest v2 schema 2 has the same
// form.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contain/oci/descriptor.hpp"

namespace contain::oci {

struct manifest {
  std::string media_type;  ///< as the document says, else as the caller was told
  std::string artifact_type;
  descriptor config;
  std::vector<descriptor> layers;  ///< base first
  std::optional<descriptor> subject;
  std::map<std::string, std::string> annotations;
};

/// Longest manifest or index that is read, bytes (CVE-2023-25153).
inline constexpr std::size_t max_manifest_bytes = std::size_t{4} << 20U;
/// Most layers of one image. The kernel stacks 500 (overlayfs), docker 128.
inline constexpr std::size_t max_layers = 500;

/// `expected` is the type by which it was fetched (Content-Type, descriptor); empty when nothing said it. A `mediaType`
/// that differs, and a document that is also an index, are refused: two readers must not see two images
/// (CVE-2021-41190). Throws error{corrupt} with the JSON pointer of the place.
manifest parse_manifest(std::string_view json, std::string_view expected = {});
/// The same value gives the same bytes.
std::string to_json(const manifest& m);

}  // namespace contain::oci
