#include "contain/oci/index.hpp"

#include "contain/core/text.hpp"
#include "contain/oci/media_type.hpp"
#include "oci/descriptor_json.hpp"
#include "oci/manifest_json.hpp"

namespace contain::oci {
namespace {

/// More platforms than any image has; a bound on what a hostile index makes a reader do.
constexpr std::size_t max_entries = 4096;

}  // namespace

index detail::read_index(const node& root, std::string_view expected) {
  check_schema_version(root);
  if (root.has_key("layers") || root.has_key("config") || root.has_key("fsLayers"))
    throw root.wrong("the document is an index and something else at once");
  index out;
  out.media_type = read_media_type(root, expected);
  if (!out.media_type.empty() && !is_index(out.media_type))
    throw root.wrong(text::cat("an image index cannot be of type ", out.media_type));
  out.artifact_type = root.string_or_empty("artifactType");
  for (const node& entry : root.at("manifests").items(max_entries)) out.manifests.push_back(read_descriptor(entry));
  if (const auto subject = root.find("subject")) out.subject = read_descriptor(*subject);
  out.annotations = root.string_map_or_empty("annotations");
  return out;
}

index parse_index(std::string_view json, std::string_view expected) {
  const detail::document doc{json, "image index", max_manifest_bytes};
  return detail::read_index(doc.root(), expected);
}

std::string to_json(const index& i) {
  auto out = detail::json_value::object();
  out.set("schemaVersion", 2).set_unless_empty("mediaType", i.media_type);
  out.set_unless_empty("artifactType", i.artifact_type);
  auto manifests = detail::json_value::array();
  for (const descriptor& d : i.manifests) manifests.push(detail::write_descriptor(d));
  out.set("manifests", std::move(manifests));
  if (i.subject) out.set("subject", detail::write_descriptor(*i.subject));
  out.set_unless_empty("annotations", i.annotations);
  return out.dump();
}

std::variant<manifest, index> parse_manifest_or_index(std::string_view json, std::string_view expected) {
  const detail::document doc{json, "image manifest or index", max_manifest_bytes};
  const auto root = doc.root();
  detail::check_schema_version(root);
  const auto type = detail::read_media_type(root, expected);
  const bool as_index = is_index(type) || (type.empty() && root.has_key("manifests"));
  const bool as_manifest = is_manifest(type) || (type.empty() && root.has_key("layers"));
  if (as_index) return detail::read_index(root, expected);
  if (as_manifest) return detail::read_manifest(root, expected);
  throw root.wrong(type.empty() ? std::string{"neither a manifest nor an index"}
                                : text::cat("not the type of an image manifest or index: ", type));
}

}  // namespace contain::oci
