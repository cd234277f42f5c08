#include "contain/storage/ingest.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/oci/chain_id.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/manifest.hpp"
#include "contain/storage/garbage.hpp"
#include "contain/storage/lock.hpp"
#include "contain/storage/metadata.hpp"
#include "contain/sys/file.hpp"
#include "storage/block_queue.hpp"
#include "storage/layer_unpacker.hpp"

namespace contain::storage {
namespace {

constexpr std::size_t queued_bytes = std::size_t{8} << 20U;  // between the network and inflating

[[noreturn]] void wrong_bytes(const oci::digest& expected, std::string detail) {
  throw error{errc::digest_mismatch, "verify layer", expected.text(), std::move(detail)};
}

}  // namespace

// What is known of one layer, and what was made of it. Touched by the one thread that works on this layer.
struct ingested_layer {
  layer_expectation expected;
  oci::digest chain_id;
  layer_need need = layer_need::nothing;
  std::optional<staged_blob> blob{};
  std::optional<staged_layer> tree{};
};

struct image_writer::state {
  content_store* blobs;
  layer_store* layers;
  metadata* records;
  options how;
  file_lock lease;  // against the garbage collector, for as long as this object lives
  file_lock claim;  // on the first layer that nobody has: the others of the image depend on it
  std::vector<ingested_layer> parts;

  void look() {
    for (auto& part : parts) {
      part.need = !layers->has(part.chain_id)         ? layer_need::layer
                  : !blobs->has(part.expected.digest) ? layer_need::blob
                                                      : layer_need::nothing;
    }
  }
  [[nodiscard]] const oci::digest* first_missing() const {
    const auto it = std::ranges::find(parts, layer_need::layer, &ingested_layer::need);
    return it == parts.end() ? nullptr : &it->chain_id;
  }
};

struct layer_writer::state {
  ingested_layer* part;
  std::stop_token stop;
  blob_writer blob;
  std::optional<staged_layer> tree;
  block_queue compressed{queued_bytes};
  std::optional<layer_unpacker> work;  // last: its threads use the rest

  ~state() {
    // A writer that is dropped early must not leave the inflater waiting for more.
    compressed.close(std::make_exception_ptr(error{errc::interrupted, "unpack", part->expected.digest.text()}));
  }
};

layer_writer::layer_writer(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
layer_writer::layer_writer(layer_writer&&) noexcept = default;
layer_writer& layer_writer::operator=(layer_writer&&) noexcept = default;
layer_writer::~layer_writer() = default;

void layer_writer::write(std::span<const std::byte> bytes) {
  auto& s = *state_;
  const auto& expected = s.part->expected;
  if (s.stop.stop_requested()) throw error{errc::interrupted, "unpack", expected.digest.text()};
  if (expected.size != 0 && s.blob.size() + bytes.size() > expected.size)
    wrong_bytes(expected.digest, text::cat("there are more than ", expected.size, " bytes"));
  s.blob.write(bytes);
  if (!s.work) return;
  try {
    s.compressed.push({bytes.begin(), bytes.end()});
  } catch (const reader_gone&) {
    (void)s.work->wait();  // throws the reason
    throw error{errc::corrupt, "unpack", expected.digest.text(), "bytes follow the end of the archive"};
  }
}

void layer_writer::finish() {
  auto& s = *state_;
  const auto& expected = s.part->expected;
  if (expected.size != 0 && s.blob.size() != expected.size)
    wrong_bytes(expected.digest, text::cat("there are ", s.blob.size(), " bytes instead of ", expected.size));
  // The blob's digest before what its bytes unpack to: of a changed blob the change is the news, not the damage.
  auto blob = s.blob.finish(expected.digest);
  if (s.work) {
    s.compressed.close();
    const auto diff_id = s.work->wait();
    if (diff_id != expected.diff_id)
      wrong_bytes(expected.digest,
                  text::cat("it unpacks to ", diff_id.text(), ", the config says ", expected.diff_id.text()));
    s.part->tree = std::move(s.tree);
  }
  s.part->blob = std::move(blob);
}

std::uint64_t layer_writer::received_bytes() const noexcept { return state_->blob.size(); }
std::uint64_t layer_writer::unpacked_bytes() const noexcept {
  return state_->work ? state_->work->unpacked_bytes() : 0;
}

image_writer::image_writer(content_store& blobs, layer_store& layers, metadata& records,
                           std::vector<layer_expectation> expected, options how)
    : state_(new state{&blobs, &layers, &records, std::move(how), {}, {}, {}}) {
  auto& s = *state_;
  if (expected.size() > oci::max_layers)
    throw error{errc::corrupt, "add image", "", text::cat("it has more than ", oci::max_layers, " layers")};
  oci::digest chain;
  for (auto& e : expected) {
    chain = oci::chain_id(chain, e.diff_id);
    s.parts.push_back({.expected = std::move(e), .chain_id = chain});
  }
  s.lease = hold_off_collector(layers, s.how.stop);
  s.look();
  // Somebody else may be producing the first one that is missing. Then wait, and look again: they may have failed.
  while (const auto* const missing = s.first_missing()) {
    const auto wanted = *missing;
    s.claim = {};
    s.claim = layers.claim(wanted, s.how.stop);
    s.look();
    const auto* const now_missing = s.first_missing();
    if (now_missing != nullptr && *now_missing == wanted) break;
  }
}

image_writer::image_writer(image_writer&&) noexcept = default;
image_writer& image_writer::operator=(image_writer&&) noexcept = default;
image_writer::~image_writer() = default;

layer_need image_writer::needs(std::size_t layer) const noexcept { return state_->parts[layer].need; }

layer_writer image_writer::begin(std::size_t layer) {
  auto& s = *state_;
  auto& part = s.parts.at(layer);
  auto writer = std::unique_ptr<layer_writer::state>(
      new layer_writer::state{.part = &part, .stop = s.how.stop, .blob = s.blobs->begin(), .tree = {}, .work = {}});
  if (part.need == layer_need::layer) {
    writer->tree.emplace(s.layers->begin());
    writer->work.emplace(writer->compressed, *writer->tree, s.how.limits,
                         [queue = &writer->compressed] { queue->abandon(); });
  }
  return layer_writer{std::move(writer)};
}

void image_writer::add(std::size_t layer, staged_blob blob) {
  auto& s = *state_;
  auto& part = s.parts.at(layer);
  const auto& expected = part.expected;
  if (blob.digest != expected.digest) wrong_bytes(expected.digest, text::cat("its bytes are ", blob.digest.text()));
  if (part.need == layer_need::layer) {
    const auto file = sys::open_at(blob.path.directory(), blob.path.name().c_str(), O_RDONLY);
    if (!file) throw error::from_errno(file.error(), "open", expected.digest.text());
    fd_source source{file->get(), "staged blob"};
    auto tree = s.layers->begin();
    layer_unpacker work{source, tree, s.how.limits};
    if (const auto diff_id = work.wait(); diff_id != expected.diff_id)
      wrong_bytes(expected.digest,
                  text::cat("it unpacks to ", diff_id.text(), ", the config says ", expected.diff_id.text()));
    part.tree = std::move(tree);
  }
  part.blob = std::move(blob);
}

std::string image_writer::commit(image_draft draft) {
  auto& s = *state_;
  const auto config = oci::parse_image_config(draft.config);
  const auto manifest = oci::parse_manifest(draft.manifest, draft.manifest_type);
  if (config.diff_ids.size() != s.parts.size() || manifest.layers.size() != s.parts.size())
    throw error{errc::corrupt, "add image", manifest.config.digest.text(), "manifest and config name different layers"};
  image_record record;
  record.id = oci::digest::of(draft.config).text();
  if (manifest.config.digest.text() != record.id)
    throw error{errc::digest_mismatch, "verify config", manifest.config.digest.text(),
                text::cat("its bytes are ", record.id)};

  // Published in this order, so that a crash in between leaves nothing that names what is not there:
  // 1. the layers' last files, which need the layers below: settled, base first, against staged or stored trees;
  // 2. one sync of everything written so far;
  // 3. renames of blobs and layers, and a sync of their directories;
  // 4. the database's transaction, synced by SQLite.
  std::vector<staged_blob> documents;
  for (const auto* bytes : {&draft.config, &draft.manifest}) {
    auto writer = s.blobs->begin();
    writer.write(std::as_bytes(std::span{*bytes}));
    documents.push_back(writer.finish());
  }
  record.manifest_digest = documents.back().digest.text();
  std::vector<const staged_layer*> staged;
  std::vector<oci::digest> below;
  for (std::size_t i = 0; i != s.parts.size(); ++i) {
    auto& part = s.parts[i];
    if (config.diff_ids[i] != part.expected.diff_id || manifest.layers[i].digest != part.expected.digest)
      throw error{errc::corrupt, "add image", record.id, "its documents name other layers than were fetched"};
    if ((part.need == layer_need::layer && !part.tree) || (part.need != layer_need::nothing && !part.blob))
      throw error{errc::invalid, "add image", part.expected.digest.text(), "the layer was never finished"};
    if (part.tree) s.layers->settle(*part.tree, below, staged);
    staged.push_back(part.tree ? &*part.tree : nullptr);
    below.push_back(part.chain_id);
  }
  s.layers->sync_all();
  for (auto& part : s.parts) {
    if (part.blob) s.blobs->publish(std::move(*std::exchange(part.blob, std::nullopt)));
    if (part.tree) s.layers->publish(std::move(*std::exchange(part.tree, std::nullopt)), part.chain_id);
  }
  for (auto& document : documents) s.blobs->publish(std::move(document));
  s.blobs->sync();
  s.layers->sync();

  record.manifest_type = draft.manifest_type.empty() ? manifest.media_type : draft.manifest_type;
  record.config = std::move(draft.config);
  record.os = config.platform.os;
  record.architecture = config.platform.architecture;
  record.variant = config.platform.variant;
  record.created = config.created.value_or(time_point{});
  for (std::size_t i = 0; i != s.parts.size(); ++i) {
    const auto& part = s.parts[i];
    const auto size = s.layers->size(part.chain_id);
    record.size_bytes += size;
    record.layers.push_back({.diff_id = part.expected.diff_id.text(),
                             .chain_id = part.chain_id.text(),
                             .digest = part.expected.digest.text(),
                             .media_type = manifest.layers[i].media_type,
                             .blob_bytes = s.blobs->size(part.expected.digest).value_or(0),
                             .size_bytes = size});
  }
  auto change = s.records->write(durability::full);
  change.put_image(record);
  for (const auto& tag : draft.tags) (void)change.put_tag(tag, record.id);
  for (const auto& digest : draft.repo_digests) change.put_repo_digest(digest, record.id);
  if (!draft.event.empty()) {
    const std::string& name = draft.tags.empty() ? record.id : draft.tags.front();
    change.add_event("image", draft.event, record.id, {{"name", name}});
  }
  change.commit();
  return record.id;
}

}  // namespace contain::storage
