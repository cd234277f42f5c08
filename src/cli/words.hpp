// The words docker uses for states, ages, ids and names of images in its lists.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "contain/container.hpp"
#include "contain/image.hpp"

namespace contain::cli {

/// "5 seconds ago"; "N/A" when the instant is not known.
std::string age(time_point when, time_point now);
/// "Up 5 minutes", "Exited (0) 3 seconds ago", "Created", "Dead".
std::string status_text(const container_info& info, time_point now);
/// "2026-11-24 17:36:29 +0000 UTC", Go's form.
std::string local_time(time_point when);
/// "sha256:" taken off and the first twelve digits; "<missing>" stays.
std::string short_image_id(std::string_view id);
/// "a=1,b=2"
std::string label_text(const std::map<std::string, std::string>& labels);

/// A row of `contain images`: parts are "<none>" where there is nothing.
struct image_name {
  std::string repository, tag, digest;
};
/// "127.0.0.1:5000/a:1" -> repository and tag; the colon of a port is none of a tag's.
image_name split_reference(std::string_view reference);
/// One row for each tag; with `by_digest` also rows that only a digest names.
std::vector<image_name> rows_of(const image_info& info, bool by_digest);
/// Whether `wanted` (REPOSITORY[:TAG], both may be shell patterns) names this row.
bool names_image(const image_name& row, std::string_view wanted);
/// "debian" -> "debian:latest"; a reference with a tag or digest stays.
std::string with_default_tag(std::string_view reference);

}  // namespace contain::cli
