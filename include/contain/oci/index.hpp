// An image index: manifests for several platforms, or the entry points of a layout. Image-spec image-index.md; Docker's
// manifest list has the same form.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "contain/oci/descriptor.hpp"
#include "contain/oci/manifest.hpp"

namespace contain::oci {

struct index {
  std::string media_type;
  std::string artifact_type;
  std::vector<descriptor> manifests;
  std::optional<descriptor> subject;
  std::map<std::string, std::string> annotations;
};

/// As parse_manifest(), for an index.
index parse_index(std::string_view json, std::string_view expected = {});
std::string to_json(const index& i);

/// A document of which only the address is known. The type decides; where neither `expected` nor the document has
/// one, the shape does, and it must be one of the two. Throws error{corrupt}; says so for schema 1.
std::variant<manifest, index> parse_manifest_or_index(std::string_view json, std::string_view expected = {});

}  // namespace contain::oci
