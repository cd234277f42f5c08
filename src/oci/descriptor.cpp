#include <algorithm>
#include <limits>

#include "contain/core/text.hpp"
#include "oci/descriptor_json.hpp"

namespace contain::oci::detail {
namespace {

/// RFC 6838 §4.2, as the image-spec asks: type/subtype of printable characters, no parameters.
bool is_media_type(std::string_view text) noexcept {
  const auto slash = text.find('/');
  if (text.size() > 255 || slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != ','; }) &&
         text.find('/', slash + 1) == std::string_view::npos;
}

digest read_digest(const node& from) {
  auto parsed = digest::parse(from.string());
  if (!parsed) throw from.wrong("not a digest: sha256: and 64 lower-case hex digits");
  return *std::move(parsed);
}

}  // namespace

platform read_platform(const node& from) {
  platform out;
  out.os = from.string_or_empty("os");
  out.architecture = from.string_or_empty("architecture");
  out.variant = from.string_or_empty("variant");
  out.os_version = from.string_or_empty("os.version");
  out.os_features = from.strings_or_empty("os.features");
  return normalise(std::move(out));
}

descriptor read_descriptor(const node& from) {
  descriptor out;
  const auto type = from.at("mediaType");
  out.media_type = type.string();
  if (!is_media_type(out.media_type)) throw type.wrong("not a media type");
  out.digest = read_digest(from.at("digest"));
  out.size = static_cast<std::uint64_t>(from.at("size").integer(0, std::numeric_limits<std::int64_t>::max()));
  out.urls = from.strings_or_empty("urls");
  out.annotations = from.string_map_or_empty("annotations");
  out.artifact_type = from.string_or_empty("artifactType");
  if (const auto platform = from.find("platform")) out.platform = read_platform(*platform);
  return out;
}

json_value write_descriptor(const descriptor& d) {
  auto out = json_value::object();
  out.set("mediaType", d.media_type).set("digest", d.digest.text()).set("size", d.size);
  out.set_unless_empty("urls", d.urls).set_unless_empty("annotations", d.annotations);
  if (d.platform) {
    auto platform = json_value::object();
    platform.set("architecture", d.platform->architecture).set("os", d.platform->os);
    platform.set_unless_empty("os.version", d.platform->os_version);
    platform.set_unless_empty("os.features", d.platform->os_features);
    platform.set_unless_empty("variant", d.platform->variant);
    out.set("platform", std::move(platform));
  }
  out.set_unless_empty("artifactType", d.artifact_type);
  return out;
}

std::string read_media_type(const node& root, std::string_view expected) {
  const auto own = root.find("mediaType");
  if (!own) return std::string{expected};
  auto type = own->string();
  if (!expected.empty() && type != expected)
    throw own->wrong(text::cat("the document says it is ", type, ", but it was announced as ", expected));
  return type;
}

void check_schema_version(const node& root) {
  // Some early tools wrote an index without it; a version that is there must be 2.
  const auto version = root.find("schemaVersion");
  if (!version) return;
  const auto number = version->integer(0, std::numeric_limits<int>::max());
  if (number == 1)
    throw version->wrong("this is a manifest of schema 1, retired because it cannot be verified; push the image again")
        .with_hint("skopeo copy --format v2s2 docker://OLD docker://NEW converts it");
  if (number != 2) throw version->wrong(text::cat("unknown schema version ", number));
}

}  // namespace contain::oci::detail
