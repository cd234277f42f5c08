// Adding an image to the store: layers from several threads, then everything at once.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "contain/oci/digest.hpp"
#include "contain/storage/content_store.hpp"
#include "contain/storage/layer.hpp"
#include "contain/storage/layer_store.hpp"

namespace contain::storage {
class metadata;

/// What manifest and config say of one layer.
struct layer_expectation {
  oci::digest digest;      ///< of the blob as it is transferred
  std::uint64_t size = 0;  ///< of the blob, bytes; 0 = not known
  oci::digest diff_id;     ///< of the uncompressed tar
};

/// What has to be fetched of a layer.
enum class layer_need : unsigned char {
  nothing,  ///< unpacked here, and its blob too
  blob,     ///< unpacked here, but the compressed bytes (for push and save) are not
  layer,    ///< everything
};

/// Takes the bytes of one blob in order, from one thread: hashes and stores them here, while two threads of its own
/// inflate and unpack. They end with finish() or with this object; dropping it without finish() leaves nothing.
class layer_writer {
 public:
  layer_writer(layer_writer&&) noexcept;
  layer_writer& operator=(layer_writer&&) noexcept;
  ~layer_writer();

  /// Blocks while unpacking is behind (about 8 MiB). Throws what unpacking threw, error{digest_mismatch} as soon as
  /// there are more bytes than the manifest says.
  void write(std::span<const std::byte> bytes);
  /// After the last byte: waits for unpacking, then throws error{digest_mismatch} unless size, digest and diff_id are
  /// what was expected.
  void finish();
  [[nodiscard]] std::uint64_t received_bytes() const noexcept;
  /// Of the uncompressed tar so far; from any thread.
  [[nodiscard]] std::uint64_t unpacked_bytes() const noexcept;

  struct state;
  explicit layer_writer(std::unique_ptr<state> s) noexcept;

 private:
  std::unique_ptr<state> state_;
};

/// What commit() records.
struct image_draft {
  std::string manifest;                   ///< the bytes as received (or made)
  std::string manifest_type;              ///< its media type
  std::string config;                     ///< the bytes; their digest is the image's id
  std::vector<std::string> tags;          ///< canonical references with tag; taken from the image that has them
  std::vector<std::string> repo_digests;  ///< canonical "docker.io/library/alpine@sha256:…"
  std::string event = {};                 ///< docker's word for the log: \"pull\", \"load\", \"import\"; empty = none
};

/// One image on its way into the store. Nothing of it is visible before commit(), and everything is after it: one
/// syncfs(2), renames, one database transaction. Dropped without commit() it leaves nothing.
///
/// Who adds an image holds off the garbage collector, so layers that needs() found are not taken away meanwhile. Who
/// adds the same layers at the same time, in any process, waits in the constructor for the first one and then needs
/// nothing.
///
///     image_writer w{blobs, layers, records, expectations, {.stop = stop}};
///     for (i : layers, in parallel) if (w.needs(i) != layer_need::nothing) { auto l = w.begin(i); … l.write(bytes) …;
///     l.finish(); } const std::string id = w.commit(std::move(draft));
class image_writer {
 public:
  struct options {
    apply_limits limits{};
    std::stop_token stop{};
  };
  /// `layers` base first. All three stores are borrowed.
  image_writer(content_store& blobs, layer_store& layers, metadata& records, std::vector<layer_expectation> expected,
               options how);
  image_writer(image_writer&&) noexcept;
  image_writer& operator=(image_writer&&) noexcept;
  ~image_writer();

  [[nodiscard]] layer_need needs(std::size_t layer) const noexcept;
  /// Once per layer that needs anything; different layers from different threads.
  [[nodiscard]] layer_writer begin(std::size_t layer);
  /// The same from a blob that is staged already. Verifies its digest and diff_id.
  void add(std::size_t layer, staged_blob blob);
  /// The image's id, "sha256:…". Every layer must be finished; parses the config and refuses with error{corrupt} when
  /// its diff_ids are not those expected.
  std::string commit(image_draft draft);

  struct state;

 private:
  std::unique_ptr<state> state_;
};

}  // namespace contain::storage
