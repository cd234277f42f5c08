// A descriptor: type, digest and size of some content. Image-spec descriptor.md.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contain/oci/digest.hpp"
#include "contain/oci/platform.hpp"

namespace contain::oci {

struct descriptor {
  std::string media_type;
  oci::digest digest;
  std::uint64_t size = 0;         ///< bytes
  std::vector<std::string> urls;  ///< read and written, never fetched
  std::map<std::string, std::string> annotations;
  std::optional<oci::platform> platform;  ///< in an index
  std::string artifact_type;

  friend bool operator==(const descriptor&, const descriptor&) = default;
};

}  // namespace contain::oci
