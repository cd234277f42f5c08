// An image reference: distribution's grammar, and docker's familiar short forms.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "contain/oci/digest.hpp"

namespace contain::oci {

/// registry/repository[:tag][@digest], normalised: "alpine" is docker.io/library/alpine. A value; compare canonical().
struct reference {
  std::string domain;      ///< "docker.io", "127.0.0.1:5000", "[::1]:5000"
  std::string repository;  ///< "library/alpine"
  std::string tag;         ///< empty when none was given
  oci::digest digest;      ///< empty when none was given

  [[nodiscard]] std::string name() const;           ///< "docker.io/library/alpine"
  [[nodiscard]] std::string familiar_name() const;  ///< "alpine"
  [[nodiscard]] std::string canonical() const;      ///< "docker.io/library/alpine:latest"
  [[nodiscard]] std::string familiar() const;       ///< "alpine:latest", as RepoTags and tables show it
  /// With "latest" where neither tag nor digest was given.
  [[nodiscard]] reference with_default_tag() const;
  /// What goes into the URL of a manifest: the digest if there is one, else the tag.
  [[nodiscard]] const std::string& manifest_key() const noexcept { return digest ? digest.text() : tag; }

  friend bool operator==(const reference&, const reference&) = default;
};

/// Throws error{invalid}, which says what is wrong ("repository name must be lower case").
reference parse_reference(std::string_view text);
/// Nothing instead of an error, for a text that may also be an id.
std::optional<reference> try_parse_reference(std::string_view text);
/// [\w][\w.-]{0,127}
bool is_valid_tag(std::string_view tag) noexcept;

}  // namespace contain::oci
