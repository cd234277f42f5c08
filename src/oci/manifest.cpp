#include "contain/oci/manifest.hpp"

#include "contain/core/text.hpp"
#include "contain/oci/media_type.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/manifest_json.hpp"

namespace contain::oci {

manifest detail::read_manifest(const node& root, std::string_view expected) {
  check_schema_version(root);
  if (root.has_key("manifests") || root.has_key("fsLayers"))
    throw root.wrong("the document is a manifest and something else at once");
  manifest out;
  out.media_type = read_media_type(root, expected);
  if (!out.media_type.empty() && !is_manifest(out.media_type))
    throw root.wrong(text::cat("an image manifest cannot be of type ", out.media_type));
  out.artifact_type = root.string_or_empty("artifactType");
  out.config = read_descriptor(root.at("config"));
  for (const node& layer : root.at("layers").items(max_layers)) out.layers.push_back(read_descriptor(layer));
  if (const auto subject = root.find("subject")) out.subject = read_descriptor(*subject);
  out.annotations = root.string_map_or_empty("annotations");
  return out;
}

manifest parse_manifest(std::string_view json, std::string_view expected) {
  const detail::document doc{json, "image manifest", max_manifest_bytes};
  return detail::read_manifest(doc.root(), expected);
}

std::string to_json(const manifest& m) {
  auto out = detail::json_value::object();
  out.set("schemaVersion", 2).set_unless_empty("mediaType", m.media_type);
  out.set_unless_empty("artifactType", m.artifact_type).set("config", detail::write_descriptor(m.config));
  auto layers = detail::json_value::array();
  for (const descriptor& d : m.layers) layers.push(detail::write_descriptor(d));
  out.set("layers", std::move(layers));
  if (m.subject) out.set("subject", detail::write_descriptor(*m.subject));
  out.set_unless_empty("annotations", m.annotations);
  return out.dump();
}

}  // namespace contain::oci
