#include "cli/words.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "contain/core/text.hpp"
#include "contain/core/units.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

constexpr std::string_view none = "<none>";

std::string elapsed(time_point since, time_point now) {
  return units::human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - since));
}

}  // namespace

std::string age(time_point when, time_point now) {
  if (when == time_point{}) return "N/A";
  return elapsed(when, now) + " ago";
}

std::string status_text(const container_info& info, time_point now) {
  switch (info.state) {
    case container_state::running:
      return "Up " + elapsed(info.started, now);
    case container_state::dead:
      return "Dead";
    case container_state::created:
      return "Created";
    case container_state::exited:
      break;
  }
  if (!info.exit) return "Exited";
  return cat("Exited (", info.exit->code, ") ", age(info.exit->finished, now));
}

std::string local_time(time_point when) {
  if (when == time_point{}) return "N/A";
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(when));
  std::tm parts{};
  std::array<char, 64> buffer{};
  if (::localtime_r(&seconds, &parts) == nullptr ||
      std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S %z %Z", &parts) == 0)
    return "N/A";
  return buffer.data();
}

std::string short_image_id(std::string_view id) {
  constexpr std::string_view algorithm = "sha256:";
  if (id.starts_with(algorithm)) id.remove_prefix(algorithm.size());
  return std::string{id.substr(0, 12)};
}

std::string label_text(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [key, value] : labels) out += (out.empty() ? "" : ",") + key + "=" + value;
  return out;
}

image_name split_reference(std::string_view reference) {
  image_name name{{}, std::string{none}, std::string{none}};
  if (const auto at = reference.find('@'); at != std::string_view::npos) {
    name.digest = reference.substr(at + 1);
    reference = reference.substr(0, at);
  }
  const auto colon = reference.rfind(':');
  const bool tagged = colon != std::string_view::npos && reference.find('/', colon) == std::string_view::npos;
  if (tagged) name.tag = reference.substr(colon + 1);
  name.repository = reference.substr(0, tagged ? colon : std::string_view::npos);
  return name;
}

std::vector<image_name> rows_of(const image_info& info, bool by_digest) {
  std::vector<image_name> rows;
  const auto digest_of = [&](std::string_view repository) {
    for (const auto& text : info.repo_digests)
      if (auto parts = split_reference(text); parts.repository == repository) return parts.digest;
    return std::string{none};
  };
  for (const auto& tag : info.tags) {
    rows.push_back(split_reference(tag));
    rows.back().digest = digest_of(rows.back().repository);
  }
  for (const auto& text : info.repo_digests) {
    auto parts = split_reference(text);
    const bool listed = std::any_of(rows.begin(), rows.end(),
                                    [&](const image_name& row) { return row.repository == parts.repository; });
    if (listed || (!by_digest && !rows.empty())) continue;
    rows.push_back(std::move(parts));
  }
  if (rows.empty()) rows.push_back({std::string{none}, std::string{none}, std::string{none}});
  return rows;
}

bool names_image(const image_name& row, std::string_view wanted) {
  const auto pattern = split_reference(wanted);
  const auto matches = [](const std::string& shape, const std::string& text) {
    return ::fnmatch(shape.c_str(), text.c_str(), FNM_PATHNAME) == 0;
  };
  return matches(pattern.repository, row.repository) && (pattern.tag == none || matches(pattern.tag, row.tag));
}

std::string with_default_tag(std::string_view reference) {
  const auto name = split_reference(reference);
  if (name.tag != none || name.digest != none) return std::string{reference};
  return cat(reference, ":latest");
}

}  // namespace contain::cli
