// image::save: docker-archive (docker load, skopeo) and OCI layout, as one tar whose bytes depend on the images only.
#include <fcntl.h>

#include <set>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/image.hpp"
#include "contain/oci/docker_archive.hpp"
#include "contain/oci/index.hpp"
#include "contain/oci/layout.hpp"
#include "contain/oci/manifest.hpp"
#include "contain/oci/media_type.hpp"
#include "contain/storage/codec.hpp"
#include "contain/storage/garbage.hpp"
#include "contain/storage/tar.hpp"
#include "contain/sys/file.hpp"
#include "engine/image_lookup.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

struct wanted_image {
  storage::image_record record;
  std::vector<std::string> names;  // familiar; empty when it was given by id
};

std::vector<wanted_image> find_all(const storage::metadata_reader& records, std::span<const std::string> names) {
  if (names.empty()) throw error{errc::invalid, "save images", "", "no image is named"};
  std::vector<wanted_image> images;
  for (const auto& name : names) {
    const auto found = find_image(records, name);
    auto at = std::ranges::find(images, found.id, [](const auto& i) { return i.record.id; });
    if (at == images.end()) {
      images.push_back({image_record_of(records, found.id), {}});
      at = images.end() - 1;
    }
    if (!found.reference || found.reference->digest) continue;
    const auto familiar = found.reference->familiar();
    if (std::ranges::find(at->names, familiar) == at->names.end()) at->names.push_back(familiar);
  }
  return images;
}

class archive_writer {
 public:
  archive_writer(engine::impl& in, storage::byte_sink& to) : in_(in), tar_(to) {}

  /// Each name once.
  void text(const std::string& name, std::string_view bytes) {
    if (written_.insert(name).second) tar_.add_file(name, bytes);
  }
  /// The blob as it is.
  void blob(const std::string& name, const oci::digest& digest) {
    if (!written_.insert(name).second) return;
    const auto fd = open(digest);
    body(name, fd.get(), in_.blobs.size(digest).value_or(0));
  }
  /// What the blob unpacks to, which must be `diff_id`.
  void unpacked(const std::string& name, const oci::digest& digest, const oci::digest& diff_id) {
    if (digest == diff_id) return blob(name, digest);
    if (!written_.insert(name).second) return;
    const auto fd = open(digest);
    storage::fd_source source{fd.get(), digest.text()};
    storage::decompressor plain{source};
    // Through a file: a tar header says the size first, and only the end tells it.
    auto spool = in_.blobs.begin();
    (void)storage::copy(plain, spool);
    const auto staged = spool.finish(diff_id);
    const auto file = sys::open_at(staged.path.directory(), staged.path.name().c_str(), O_RDONLY);
    if (!file) throw error::from_errno(file.error(), "open", diff_id.text());
    body(name, file->get(), staged.size);
  }
  void finish() { tar_.finish(); }

 private:
  sys::unique_fd open(const oci::digest& digest) const {
    auto fd = in_.blobs.open(digest);
    if (!fd) throw error{errc::store_corrupt, "read blob", digest.text(), "it is missing"};
    return std::move(*fd);
  }
  void body(const std::string& name, int fd, std::uint64_t size) {
    storage::tar_entry e;
    e.path = name;
    e.size = size;
    e.mode = 0644;
    tar_.add(e);
    struct rest final : storage::byte_sink {
      explicit rest(storage::tar_writer& to) noexcept : tar(to) {}
      void write(std::span<const std::byte> bytes) override { tar.write(bytes); }
      storage::tar_writer& tar;
    } into{tar_};
    storage::fd_source source{fd, name};
    if (storage::copy(source, into) != size)
      throw error{errc::store_corrupt, "read blob", name, "its size has changed"};
  }

  engine::impl& in_;
  storage::tar_writer tar_;
  std::set<std::string> written_;
};

std::string blob_name(const oci::digest& digest) { return text::cat("blobs/", digest.relative_path()); }

void write_docker(archive_writer& to, const std::vector<wanted_image>& images) {
  std::vector<oci::docker_archive_image> listed;
  for (const auto& image : images) {
    oci::docker_archive_image entry;
    entry.config = blob_name(oci::digest::from(image.record.id));
    entry.repo_tags = image.names;
    to.text(entry.config, image.record.config);
    for (const auto& layer : image.record.layers) {
      const auto diff_id = oci::digest::from(layer.diff_id);
      entry.layers.push_back(blob_name(diff_id));
      to.unpacked(entry.layers.back(), oci::digest::from(layer.digest), diff_id);
    }
    listed.push_back(std::move(entry));
  }
  to.text(std::string{oci::docker_archive_file}, oci::to_json(listed));
}

void write_layout(archive_writer& to, const engine::impl& in, const std::vector<wanted_image>& images) {
  to.text(std::string{oci::layout_file}, oci::layout_document);
  oci::index index;
  index.media_type = oci::media_type::oci_index;
  for (const auto& image : images) {
    const auto& record = image.record;
    const auto digest = oci::digest::from(record.manifest_digest);
    oci::descriptor entry;
    entry.media_type = record.manifest_type;
    entry.digest = digest;
    entry.size = in.blobs.size(digest).value_or(0);
    entry.platform = oci::platform{record.os, record.architecture, record.variant, {}, {}};
    to.blob(blob_name(digest), digest);
    to.text(blob_name(oci::digest::from(record.id)), record.config);
    for (const auto& layer : record.layers) {
      const auto blob = oci::digest::from(layer.digest);
      to.blob(blob_name(blob), blob);
    }
    if (image.names.empty()) index.manifests.push_back(entry);
    for (const auto& name : image.names) {
      auto named = entry;
      const auto reference = oci::parse_reference(name);
      named.annotations.emplace(oci::annotation_image_name, reference.canonical());
      named.annotations.emplace(oci::annotation_ref_name, reference.tag);
      index.manifests.push_back(std::move(named));
    }
  }
  to.text(std::string{oci::layout_index_file}, oci::to_json(index));
}

}  // namespace

void image::save(engine& in, std::span<const std::string> names, int to_fd, archive_format format) {
  auto& store = in.internals();
  store.require_own_process();
  // A removal meanwhile must not take the blobs away.
  const auto lease = storage::hold_off_collector(store.layers);
  const auto images = find_all(store.records.read(), names);
  storage::fd_sink sink{to_fd, "image archive"};
  archive_writer to{store, sink};
  if (format == archive_format::docker_archive) {
    write_docker(to, images);
  } else {
    write_layout(to, store, images);
  }
  to.finish();
}

}  // namespace contain
