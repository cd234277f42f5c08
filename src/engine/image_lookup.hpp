// From what a user calls an image to its record.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contain/oci/reference.hpp"
#include "contain/storage/metadata.hpp"

namespace contain {

struct found_image {
  std::string id;                             ///< "sha256:…"
  std::optional<oci::reference> reference{};  ///< when it was found by name: canonical, with its tag or digest
};

/// In docker's order: a full id, a reference (":latest" where none is given), a prefix of an id that only one image
/// has. Nothing when there is none. Throws error{invalid} for a prefix that several images share, and for a text that
/// can be neither.
std::optional<found_image> look_up_image(const storage::metadata_reader& records, std::string_view name);
/// The same; throws error{image_not_found}.
found_image find_image(const storage::metadata_reader& records, std::string_view name);
/// The image's record. Throws error{image_not_found} when it has been removed meanwhile.
storage::image_record image_record_of(const storage::metadata_reader& records, std::string_view id);

/// "docker.io/library/alpine:latest" -> "alpine:latest"
std::string familiar_name(const std::string& canonical);
std::vector<std::string> familiar_names(std::vector<std::string> canonical);

}  // namespace contain
