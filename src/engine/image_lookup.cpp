#include "engine/image_lookup.hpp"

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"

namespace contain {
namespace {

constexpr std::string_view algorithm = "sha256:";
constexpr std::size_t id_digits = 64;

}  // namespace

std::optional<found_image> look_up_image(const storage::metadata_reader& records, std::string_view name) {
  const bool marked = name.starts_with(algorithm);
  const auto digits = marked ? name.substr(algorithm.size()) : name;
  const std::string as_id = text::cat(algorithm, digits);
  const bool hex = ids::is_hex(digits);
  if (hex && digits.size() == id_digits) {
    if (records.image(as_id)) return found_image{as_id};
    return std::nullopt;
  }
  if (!marked) {
    if (auto reference = oci::try_parse_reference(name)) {
      auto full = reference->with_default_tag();
      // With both, the digest says which image, as docker has it.
      if (full.digest) full.tag.clear();
      if (auto id = records.image_of(full.canonical())) return found_image{std::move(*id), std::move(full)};
    }
  }
  if (hex) {
    auto ids = records.image_ids(as_id);
    if (ids.size() > 1)
      throw error{errc::invalid, "find image", std::string{name}, "several images have ids that begin so"};
    if (!ids.empty()) return found_image{std::move(ids.front())};
    return std::nullopt;
  }
  (void)oci::parse_reference(name);  // says what is wrong with the name
  return std::nullopt;
}

found_image find_image(const storage::metadata_reader& records, std::string_view name) {
  if (auto found = look_up_image(records, name)) return std::move(*found);
  const auto reference = oci::try_parse_reference(name);
  throw error{errc::image_not_found, "find image",
              reference ? reference->with_default_tag().familiar() : std::string{name}}
      .with_hint(text::cat("contain pull ", name, "; `contain images` lists what is here"));
}

storage::image_record image_record_of(const storage::metadata_reader& records, std::string_view id) {
  if (auto record = records.image(id)) return std::move(*record);
  throw error{errc::image_not_found, "find image", std::string{id}};
}

std::string familiar_name(const std::string& canonical) {
  const auto reference = oci::try_parse_reference(canonical);
  return reference ? reference->familiar() : canonical;
}

std::vector<std::string> familiar_names(std::vector<std::string> canonical) {
  for (auto& name : canonical) name = familiar_name(name);
  return canonical;
}

}  // namespace contain
