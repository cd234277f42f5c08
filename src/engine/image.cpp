// What an image answers about itself, its names, and finding one.
#include "contain/image.hpp"

#include <algorithm>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/reference.hpp"
#include "engine/image_lookup.hpp"
#include "engine/image_summary.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

constexpr std::string_view hello_name = "docker.io/library/hello-world:latest";

}  // namespace

image image::open(engine& in, std::string_view name) {
  return image{in, find_image(in.internals().records.read(), name).id};
}

image image::ensure(engine& in, std::string_view reference, const pull_options& options) {
  {
    const auto records = in.internals().records.read();
    if (const auto found = look_up_image(records, reference)) {
      if (options.platform.empty()) return image{in, found->id};
      const auto record = image_record_of(records, found->id);
      const oci::platform has{record.os, record.architecture, record.variant, {}, {}};
      if (oci::match_rank(oci::parse_platform(options.platform), has)) return image{in, found->id};
    }
  }
  const auto name = oci::parse_reference(reference).with_default_tag();
  if (name.canonical() == hello_name && options.platform.empty()) return hello_world(in);
  return pull(in, reference, options);
}

image_info image::info() const {
  const auto records = engine_->internals().records.read();
  return summarise(image_record_of(records, id_), familiar_names(records.tags(id_)),
                   familiar_names(records.repo_digests(id_)));
}

std::vector<std::string> image::layers() const {
  const auto record = image_record_of(engine_->internals().records.read(), id_);
  std::vector<std::string> found;
  for (const auto& layer : record.layers) found.push_back(layer.diff_id);
  return found;
}

std::string image::config_json() const {
  return std::move(image_record_of(engine_->internals().records.read(), id_).config);
}

std::vector<history_entry> image::history() const {
  const auto record = image_record_of(engine_->internals().records.read(), id_);
  const auto config = oci::parse_image_config(record.config);
  std::vector<history_entry> steps;
  auto layer = record.layers.begin();
  for (const auto& step : config.history) {
    history_entry e;
    e.image_id = "<missing>";  // the steps before the last are no images of their own any more
    e.created = step.created.value_or(time_point{});
    e.created_by = step.created_by;
    e.comment = step.comment;
    e.empty_layer = step.empty_layer;
    if (!step.empty_layer && layer != record.layers.end()) e.size_bytes = (layer++)->size_bytes;
    steps.push_back(std::move(e));
  }
  // Builders may leave history out, or out of step with the layers: what is there must still be seen.
  for (; layer != record.layers.end(); ++layer)
    steps.push_back({.image_id = "<missing>",
                     .created = record.created,
                     .created_by = {},
                     .comment = {},
                     .size_bytes = layer->size_bytes,
                     .empty_layer = false});
  std::ranges::reverse(steps);
  if (!steps.empty()) steps.front().image_id = id_;
  return steps;
}

void image::tag(std::string_view reference) const {
  const auto name = oci::parse_reference(reference);
  if (name.digest)
    throw error{errc::invalid, "tag image", std::string{reference}, "a digest belongs to one image; give a tag"};
  const auto full = name.with_default_tag();
  auto change = engine_->internals().records.write();
  (void)image_record_of(change, id_);
  (void)change.put_tag(full.canonical(), id_);
  change.add_event("image", "tag", id_, {{"name", full.familiar()}});
  change.commit();
}

}  // namespace contain
