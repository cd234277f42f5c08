// engine::images and engine::prune_images.
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/reference.hpp"
#include "contain/storage/garbage.hpp"
#include "engine/filter.hpp"
#include "engine/image_lookup.hpp"
#include "engine/image_summary.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

/// Familiar names by image id.
std::map<std::string, std::vector<std::string>> by_image(std::vector<storage::reference_record> references) {
  std::map<std::string, std::vector<std::string>> names;
  for (auto& r : references) names[std::move(r.image_id)].push_back(familiar_name(r.reference));
  return names;
}

std::vector<image_info> list(const storage::metadata_reader& records) {
  auto tags = by_image(records.all_tags());
  auto digests = by_image(records.all_repo_digests());
  std::vector<image_info> found;
  for (const auto& record : records.images())
    found.push_back(summarise(record, std::move(tags[record.id]), std::move(digests[record.id])));
  return found;
}

/// docker's reference filter: a repository or repository:tag, either with shell wildcards.
bool has_name(const image_info& image, const std::string& pattern) {
  const auto fits = [&](const std::string& name) {
    const std::string repository = name.substr(0, name.find_first_of(":@", name.rfind('/') + 1));
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME) == 0 ||
           ::fnmatch(pattern.c_str(), repository.c_str(), FNM_PATHNAME) == 0;
  };
  return std::ranges::any_of(image.tags, fits) || std::ranges::any_of(image.repo_digests, fits);
}

bool matches(const image_info& image, const list_filter& filter) {
  const auto has_id = [&](std::string_view prefix) {
    return image.id.starts_with(prefix) || std::string_view{image.id}.substr(7).starts_with(prefix);
  };
  return (filter.ids.empty() || std::ranges::any_of(filter.ids, has_id)) &&
         (filter.names.empty() ||
          std::ranges::any_of(filter.names, [&](const auto& name) { return has_name(image, name); })) &&
         has_labels(image.labels, filter.labels);
}

}  // namespace

image_info summarise(const storage::image_record& record, std::vector<std::string> tags,
                     std::vector<std::string> repo_digests) {
  image_info info;
  info.id = record.id;
  info.tags = std::move(tags);
  info.repo_digests = std::move(repo_digests);
  info.created = record.created;
  info.size_bytes = record.size_bytes;
  info.os = record.os;
  info.architecture = record.architecture;
  info.variant = record.variant;
  info.labels = oci::parse_image_config(record.config).config.labels;
  return info;
}

std::vector<image_info> engine::images(const list_filter& filter) const {
  auto found = list(impl_->records.read());
  std::erase_if(found, [&](const auto& image) { return !matches(image, filter); });
  return found;
}

prune_report engine::prune_images(bool all, const list_filter& filter) {
  impl_->require_own_process();
  prune_report report;
  {
    auto change = impl_->records.write();
    for (const auto& image : list(change)) {
      if (!matches(image, filter) || (!all && !image.tags.empty()) || !change.containers_of(image.id).empty()) continue;
      for (const auto& name : image.tags) report.deleted.push_back(name);
      for (const auto& name : image.repo_digests) report.deleted.push_back(name);
      report.deleted.push_back(image.id);
      change.remove_image(image.id);
      change.add_event("image", "delete", image.id, {{"name", image.id}});
    }
    change.commit();
  }
  report.reclaimed_bytes = storage::collect_garbage(impl_->blobs, impl_->layers, impl_->records).bytes;
  return report;
}

}  // namespace contain
