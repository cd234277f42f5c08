#include "engine/image_assembly.hpp"

#include <fcntl.h>

#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/hash.hpp"
#include "contain/oci/manifest.hpp"
#include "contain/oci/media_type.hpp"
#include "contain/storage/codec.hpp"
#include "contain/storage/ingest.hpp"
#include "contain/sys/file.hpp"
#include "engine/image_lookup.hpp"

namespace contain {
namespace {

// Passes bytes on and keeps a copy.
class tee_source final : public storage::byte_source {
 public:
  tee_source(storage::byte_source& from, storage::byte_sink& copy) noexcept : from_(from), copy_(copy) {}
  std::size_t read(std::span<std::byte> into) override {
    const auto n = from_.read(into);
    copy_.write(into.first(n));
    return n;
  }

 private:
  storage::byte_source& from_;
  storage::byte_sink& copy_;
};

std::string_view layer_type_of(const storage::staged_blob& blob) {
  const auto file = sys::open_at(blob.path.directory(), blob.path.name().c_str(), O_RDONLY);
  std::array<std::byte, storage::compression_magic_bytes> head{};
  const auto n =
      file ? sys::read_full(file->get(), head.data(), head.size()) : sys::result<std::size_t>::failed(file.error());
  if (!n) throw error::from_errno(n.error(), "read", blob.digest.text());
  switch (storage::detect_compression(std::span{head}.first(*n))) {
    case storage::compression::gzip:
      return oci::media_type::oci_layer_gzip;
    case storage::compression::zstd:
      return oci::media_type::oci_layer_zstd;
    case storage::compression::none:
    case storage::compression::unsupported:
      break;
  }
  return oci::media_type::oci_layer;
}

}  // namespace

assembled_layer stage_layer(engine::impl& in, storage::byte_source& from) {
  auto blob = in.blobs.begin();
  tee_source tee{from, blob};
  storage::decompressor plain{tee};
  sha256 hash;
  std::vector<std::byte> buffer(256 * 1024);
  while (const auto n = plain.read(buffer)) hash.update(buffer.data(), n);
  return {blob.finish(), oci::digest::from_sha256_hex(hash.finish_hex())};
}

std::string make_manifest(const std::string& config, const std::vector<assembled_layer>& layers) {
  oci::manifest m;
  m.media_type = oci::media_type::oci_manifest;
  m.config.media_type = oci::media_type::oci_config;
  m.config.digest = oci::digest::of(config);
  m.config.size = config.size();
  for (const auto& layer : layers) {
    oci::descriptor d;
    d.media_type = layer_type_of(layer.blob);
    d.digest = layer.blob.digest;
    d.size = layer.blob.size;
    m.layers.push_back(std::move(d));
  }
  return oci::to_json(m);
}

bool add_tags(engine::impl& in, const std::string& id, const std::vector<std::string>& tags, const std::string& event) {
  auto change = in.records.write();
  if (!change.image(id)) return false;
  for (const auto& tag : tags) (void)change.put_tag(tag, id);
  change.add_event("image", event, id, {{"name", tags.empty() ? id : familiar_name(tags.front())}});
  change.commit();
  return true;
}

std::string add_image(engine::impl& in, std::string config, std::vector<assembled_layer> layers,
                      std::vector<std::string> tags, std::string event) {
  // The record of an image that was pulled names the registry's blobs; it must not lose them to a local copy.
  auto id = oci::digest::of(config).text();
  if (add_tags(in, id, tags, event)) return id;
  storage::image_draft draft;
  draft.manifest = make_manifest(config, layers);
  draft.manifest_type = oci::media_type::oci_manifest;
  draft.config = std::move(config);
  draft.tags = std::move(tags);
  draft.event = std::move(event);
  std::vector<storage::layer_expectation> expected;
  for (const auto& layer : layers) expected.push_back({layer.blob.digest, layer.blob.size, layer.diff_id});
  storage::image_writer writer{in.blobs, in.layers, in.records, std::move(expected), {}};
  for (std::size_t i = 0; i != layers.size(); ++i)
    if (writer.needs(i) != storage::layer_need::nothing) writer.add(i, std::move(layers[i].blob));
  return writer.commit(std::move(draft));
}

}  // namespace contain
