// Manifest and index from an already parsed document, for the reader that does not know which of the two it has.
#pragma once
#include <string_view>

#include "contain/oci/index.hpp"
#include "contain/oci/manifest.hpp"
#include "oci/json_reader.hpp"

namespace contain::oci::detail {

manifest read_manifest(const node& root, std::string_view expected);
index read_index(const node& root, std::string_view expected);

}  // namespace contain::oci::detail
