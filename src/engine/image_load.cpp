// image::load: docker-archive (docker save) and OCI layout.
#include <fcntl.h>
#include <sys/stat.h>

#include <utility>
#include <variant>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/image.hpp"
#include "contain/oci/docker_archive.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/index.hpp"
#include "contain/oci/layout.hpp"
#include "contain/oci/media_type.hpp"
#include "contain/oci/platform.hpp"
#include "contain/oci/reference.hpp"
#include "contain/storage/codec.hpp"
#include "contain/storage/ingest.hpp"
#include "contain/sys/file.hpp"
#include "engine/image_archive.hpp"
#include "engine/image_assembly.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

constexpr unsigned max_nested_indexes = 3;

// --- docker-archive

oci::digest diff_id_of(const storage::staged_blob& blob) {
  const auto file = sys::open_at(blob.path.directory(), blob.path.name().c_str(), O_RDONLY);
  if (!file) throw error::from_errno(file.error(), "open", blob.digest.text());
  storage::fd_source source{file->get()};
  storage::decompressor plain{source};
  if (plain.packing() == storage::compression::none) return blob.digest;
  sha256 hash;
  std::vector<std::byte> buffer(256 * 1024);
  while (const auto n = plain.read(buffer)) hash.update(buffer.data(), n);
  return oci::digest::from_sha256_hex(hash.finish_hex());
}

std::vector<std::string> canonical_tags(const std::vector<std::string>& given) {
  std::vector<std::string> tags;
  for (const auto& tag : given) {
    const auto name = oci::try_parse_reference(tag);
    if (!name || name->digest) throw error{errc::corrupt, "read archive", tag, "an image's tag is no reference"};
    tags.push_back(name->with_default_tag().canonical());
  }
  return tags;
}

std::vector<std::string> load_docker(engine::impl& in, const image_archive& archive) {
  std::vector<std::string> ids;
  const auto listed =
      oci::parse_docker_archive(archive.text(std::string{oci::docker_archive_file}, oci::max_manifest_bytes));
  for (const auto& entry : listed) {
    auto config_bytes = archive.text(entry.config, oci::max_config_bytes);
    const auto config = oci::parse_image_config(config_bytes);
    auto tags = canonical_tags(entry.repo_tags);
    const auto id = oci::digest::of(config_bytes).text();
    if (config.diff_ids.size() != entry.layers.size())
      throw error{errc::corrupt, "read archive", entry.config,
                  text::cat("it has ", entry.layers.size(), " layers, its config ", config.diff_ids.size())};
    if (!add_tags(in, id, tags, "load")) {
      std::vector<assembled_layer> layers;
      for (std::size_t i = 0; i != entry.layers.size(); ++i) {
        // The config says what each layer unpacks to; adding it verifies that.
        layers.push_back({archive.stage(entry.layers[i]), config.diff_ids[i]});
        if (layers.back().blob.digest == layers.back().diff_id) continue;
        if (diff_id_of(layers.back().blob) != config.diff_ids[i])
          throw error{errc::digest_mismatch, "verify layer", config.diff_ids[i].text(),
                      text::cat(entry.layers[i], " is another one")};
      }
      (void)add_image(in, std::move(config_bytes), std::move(layers), std::move(tags), "load");
    }
    ids.push_back(id);
  }
  return ids;
}

// --- OCI layout

std::string blob_name(const oci::digest& digest) { return text::cat("blobs/", digest.relative_path()); }

std::string document(const image_archive& archive, const oci::descriptor& d, std::size_t limit) {
  auto bytes = archive.text(blob_name(d.digest), limit);
  if (oci::digest::of(bytes) != d.digest || bytes.size() != d.size)
    throw error{errc::digest_mismatch, "verify", d.digest.text(), "the archive has other bytes under its name"};
  return bytes;
}

/// Follows indexes to an image for this machine.
std::pair<std::string, oci::manifest> find_manifest(const image_archive& archive, oci::descriptor at) {
  for (unsigned depth = 0; depth <= max_nested_indexes; ++depth) {
    auto bytes = document(archive, at, oci::max_manifest_bytes);
    auto parsed = oci::parse_manifest_or_index(bytes, at.media_type);
    if (auto* manifest = std::get_if<oci::manifest>(&parsed)) return {std::move(bytes), std::move(*manifest)};
    const auto& index = std::get<oci::index>(parsed);
    const auto* chosen = oci::choose(index, oci::host_platform());
    if (chosen == nullptr)
      throw error{errc::platform_mismatch, "choose platform", at.digest.text(),
                  text::cat("there is ", oci::list_platforms(index))};
    at = *chosen;
  }
  throw error{errc::corrupt, "read archive", at.digest.text(), "indexes are nested too deeply"};
}

/// What a layout calls the image. A bare tag is a name within the layout only: it does not say of what repository.
std::vector<std::string> names_of(const oci::descriptor& entry) {
  const auto name = oci::layout_name(entry);
  if (name.find_first_of(":/") == std::string::npos) return {};
  const auto reference = oci::try_parse_reference(name);
  if (!reference || reference->digest) return {};
  return {reference->with_default_tag().canonical()};
}

std::string load_manifest(engine::impl& in, const image_archive& archive, const oci::descriptor& entry) {
  auto [bytes, manifest] = find_manifest(archive, entry);
  auto config_bytes = document(archive, manifest.config, oci::max_config_bytes);
  const auto config = oci::parse_image_config(config_bytes);
  auto tags = names_of(entry);
  const auto id = manifest.config.digest.text();
  if (add_tags(in, id, tags, "load")) return id;
  if (config.diff_ids.size() != manifest.layers.size())
    throw error{errc::corrupt, "read archive", id,
                text::cat("it has ", manifest.layers.size(), " layers, its config ", config.diff_ids.size())};
  std::vector<storage::layer_expectation> expected;
  for (std::size_t i = 0; i != manifest.layers.size(); ++i) {
    const auto& layer = manifest.layers[i];
    if (!oci::parse_layer_type(layer.media_type))
      throw error{errc::corrupt, "read archive", layer.digest.text(), text::cat("not a layer: ", layer.media_type)};
    expected.push_back({layer.digest, layer.size, config.diff_ids[i]});
  }
  storage::image_writer writer{in.blobs, in.layers, in.records, std::move(expected), {}};
  for (std::size_t i = 0; i != manifest.layers.size(); ++i)
    if (writer.needs(i) != storage::layer_need::nothing)
      writer.add(i, archive.stage(blob_name(manifest.layers[i].digest)));
  storage::image_draft draft;
  draft.manifest = std::move(bytes);
  draft.manifest_type = manifest.media_type;
  draft.config = std::move(config_bytes);
  draft.tags = std::move(tags);
  draft.event = "load";
  return writer.commit(std::move(draft));
}

std::vector<std::string> load_layout(engine::impl& in, const image_archive& archive) {
  oci::check_layout(archive.text(std::string{oci::layout_file}, oci::max_manifest_bytes));
  const auto index = oci::parse_index(archive.text(std::string{oci::layout_index_file}, oci::max_manifest_bytes));
  std::vector<std::string> ids;
  for (const auto& entry : index.manifests) {
    auto id = load_manifest(in, archive, entry);
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));  // one entry for each of its names
  }
  return ids;
}

std::vector<image> load_from(engine& in, const image_archive& archive) {
  auto& store = in.internals();
  // Newer docker archives are both; the layout keeps the manifests as they were.
  std::vector<std::string> ids;
  if (archive.has(std::string{oci::layout_file})) {
    ids = load_layout(store, archive);
  } else if (archive.has(std::string{oci::docker_archive_file})) {
    ids = load_docker(store, archive);
  } else {
    throw error{errc::corrupt, "read archive", "", "it has neither manifest.json nor oci-layout"}.with_hint(
        "for the tar of a root file system: contain import");
  }
  std::vector<image> loaded;
  for (auto& id : ids) loaded.emplace_back(in, std::move(id));
  return loaded;
}

}  // namespace

std::vector<image> image::load(engine& in, const std::filesystem::path& archive) {
  in.internals().require_own_process();
  const auto fd = sys::open_at(AT_FDCWD, archive.c_str(), O_RDONLY);
  if (!fd) throw error::from_errno(errc::invalid, fd.error(), "open archive", archive.string());
  struct stat st {};
  if (::fstat(fd->get(), &st) != 0) throw error::from_errno(errno, "stat", archive.string());
  try {
    if (S_ISDIR(st.st_mode)) return load_from(in, image_archive::from_directory(in.internals(), archive));
    return load(in, fd->get());
  } catch (error& e) {
    e.during(text::cat("loading ", archive.string()));
    throw;
  }
}

std::vector<image> image::load(engine& in, int archive_fd) {
  in.internals().require_own_process();
  storage::fd_source source{archive_fd, "image archive"};
  return load_from(in, image_archive::from_tar(in.internals(), source));
}

}  // namespace contain
