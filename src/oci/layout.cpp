#include "contain/oci/layout.hpp"

#include "contain/core/text.hpp"
#include "oci/json_reader.hpp"

namespace contain::oci {

void check_layout(std::string_view json) {
  const detail::document doc{json, "oci-layout", 64U << 10U};
  const auto version = doc.root().at("imageLayoutVersion");
  if (!version.string().starts_with("1.")) throw version.wrong(text::cat("unknown version ", version.string()));
}

std::string layout_name(const descriptor& entry) {
  for (const auto key : {annotation_image_name, annotation_ref_name})
    if (const auto found = entry.annotations.find(std::string{key}); found != entry.annotations.end())
      return found->second;
  return {};
}

}  // namespace contain::oci
