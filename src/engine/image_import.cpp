// Images of one layer from files: a directory, or the tar of a root file system.
#include <fcntl.h>

#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/image.hpp"
#include "contain/oci/platform.hpp"
#include "contain/oci/reference.hpp"
#include "contain/storage/layer.hpp"
#include "contain/sys/file.hpp"
#include "engine/image_assembly.hpp"
#include "engine/image_changes.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

std::vector<std::string> tag_list(std::string_view tag) {
  if (tag.empty()) return {};
  const auto name = oci::parse_reference(tag);
  if (name.digest) throw error{errc::invalid, "tag image", std::string{tag}, "a digest cannot be chosen; give a tag"};
  return {name.with_default_tag().canonical()};
}

oci::image_config config_for(const assembled_layer& layer, time_point created, std::string created_by,
                             std::string comment) {
  oci::image_config config;
  config.platform = oci::host_platform();
  config.created = created;
  config.diff_ids = {layer.diff_id};
  config.history = {{created, std::move(created_by), {}, std::move(comment), false}};
  return config;
}

}  // namespace

image image::from_directory(engine& in, const std::filesystem::path& rootfs, std::string_view tag) {
  auto& store = in.internals();
  store.require_own_process();
  auto tags = tag_list(tag);
  const auto dir = sys::open_at(AT_FDCWD, rootfs.c_str(), O_RDONLY | O_DIRECTORY);
  if (!dir) throw error::from_errno(errc::invalid, dir.error(), "open root file system", rootfs.string());
  try {
    auto blob = store.blobs.begin();
    const auto packed = storage::diff(dir->get(), blob, storage::tree_form::plain);
    auto staged = blob.finish();
    auto diff_id = staged.digest;  // the blob is the plain tar
    assembled_layer layer{std::move(staged), std::move(diff_id)};
    // Dated by its newest file and not by the clock: the same files are the same image, however often they are added.
    const time_point newest{std::chrono::seconds{packed.newest.tv_sec} +
                            std::chrono::nanoseconds{packed.newest.tv_nsec}};
    const auto config = config_for(layer, newest, "contain from_directory", {});
    std::vector<assembled_layer> layers;
    layers.push_back(std::move(layer));
    return image{in, add_image(store, oci::to_json(config), std::move(layers), std::move(tags), "import")};
  } catch (error& e) {
    e.during(text::cat("making an image of ", rootfs.string()));
    throw;
  }
}

image image::from_tar(engine& in, int tar_fd, std::string_view tag, std::string_view message,
                      std::span<const std::string> changes) {
  auto& store = in.internals();
  store.require_own_process();
  auto tags = tag_list(tag);
  oci::execution_config execution;
  for (const auto& instruction : changes) apply_change(execution, instruction);
  try {
    storage::fd_source source{tar_fd, "root file system tar"};
    auto layer = stage_layer(store, source);
    auto config = config_for(layer, now(), {}, message.empty() ? "Imported from -" : std::string{message});
    config.config = std::move(execution);
    std::vector<assembled_layer> layers;
    layers.push_back(std::move(layer));
    return image{in, add_image(store, oci::to_json(config), std::move(layers), std::move(tags), "import")};
  } catch (error& e) {
    e.during("importing a root file system");
    throw;
  }
}

}  // namespace contain
