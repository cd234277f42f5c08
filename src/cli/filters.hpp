// --filter of ps, images and prune. An unknown filter is an error and never matches everything.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "contain/engine.hpp"

namespace contain::cli {

/// A part of a container's name, perhaps tied to its start or end.
struct name_pattern {
  std::string part;
  bool at_start = false, at_end = false;
};

/// What the library filters by itself, and what is left to do on its answer.
struct container_conditions {
  list_filter library;
  bool any_state = false;                    ///< a filter on states looks at containers in all of them
  std::vector<name_pattern> names;           ///< any may match
  std::vector<int> exited;                   ///< exit codes
  std::optional<std::string> before, since;  ///< name or id of another container
};
container_conditions parse_container_filters(const std::vector<std::string>& texts);
/// Throws container_not_found for an unknown `before` or `since`.
void keep_matching(std::vector<container_info>& list, const container_conditions& conditions);

struct image_conditions {
  list_filter library;
  std::optional<bool> dangling;
  std::vector<std::string> references;       ///< shell patterns, any may match
  std::optional<std::string> before, since;  ///< reference or id of another image
};
image_conditions parse_image_filters(const std::vector<std::string>& texts);
void keep_matching(std::vector<image_info>& list, const image_conditions& conditions);

/// prune knows labels only; docker's `until` needs a clock this version has no filter for, and is refused.
list_filter parse_prune_filters(const std::vector<std::string>& texts);

}  // namespace contain::cli
