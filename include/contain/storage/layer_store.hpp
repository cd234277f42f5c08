// Unpacked layers by chain_id: layers/<hex>/diff, ready to be an overlayfs lower directory.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "contain/oci/digest.hpp"
#include "contain/storage/layer.hpp"
#include "contain/storage/lock.hpp"
#include "contain/storage/staging.hpp"
#include "contain/sys/fd.hpp"

namespace contain::storage {

/// An unpacked tree in the staging directory; gone with this object unless published.
class staged_layer {
 public:
  explicit staged_layer(staging& in);
  staged_layer(staged_layer&&) noexcept = default;
  staged_layer& operator=(staged_layer&&) noexcept = default;

  /// Where the files go.
  [[nodiscard]] int tree() const noexcept { return tree_.get(); }
  applied_layer applied;  ///< set by whoever fills the tree

 private:
  friend class layer_store;
  staged_path path_;
  sys::unique_fd tree_;
};

/// Thread safe; several processes may use one store. A layer is visible whole or not at all, and never changes.
class layer_store {
 public:
  layer_store(int root, storage::staging& staging);

  [[nodiscard]] bool has(const oci::digest& chain_id) const;
  /// O_PATH descriptor of the tree. Throws error{store_corrupt} when it is not here.
  [[nodiscard]] sys::unique_fd open(const oci::digest& chain_id) const;
  /// "layers/<hex>/diff", below the store's root.
  [[nodiscard]] static std::string relative_path(const oci::digest& chain_id);
  /// Bytes of the layer's regular files, as counted when it was unpacked.
  [[nodiscard]] std::uint64_t size(const oci::digest& chain_id) const;

  [[nodiscard]] staged_layer begin() const { return staged_layer{*staging_}; }
  /// Finishes what needs the layers below (`parents`, base first: hard links into them, attributes of directories that
  /// the tar did not name). Must precede the sync that precedes publish().
  /// A parent that is not published yet is taken from the same place in `staged`, where that is longer and not null.
  void settle(staged_layer& layer, std::span<const oci::digest> parents,
              std::span<const staged_layer* const> staged = {}) const;
  /// Makes it visible under `chain_id`. When somebody else was faster theirs stays: the same chain_id is the same
  /// files. Durable under the same terms as content_store::publish.
  void publish(staged_layer layer, const oci::digest& chain_id);
  /// fsync(2) of the directory: the renames survive a power cut.
  void sync() const;
  /// syncfs(2): everything written to the store's file system so far does.
  void sync_all() const;
  /// One layer by itself: `produce` fills the tree unless the layer is here already; then settled, synced and
  /// published. One producer at a time over all processes; the others wait and find it done.
  void ensure(const oci::digest& chain_id, const std::vector<oci::digest>& parents,
              const std::function<void(staged_layer&)>& produce, const std::stop_token& stop = {});
  /// Held by who is about to produce `chain_id`; see ensure.
  [[nodiscard]] file_lock claim(const oci::digest& chain_id, const std::stop_token& stop) const;

  /// The store's directory of lock files, borrowed.
  [[nodiscard]] int locks() const noexcept { return locks_.get(); }

  /// Out of sight at once, then deleted. False when it was not here.
  bool remove(const oci::digest& chain_id);
  [[nodiscard]] std::vector<oci::digest> walk() const;

 private:
  storage::staging* staging_;
  sys::unique_fd layers_, locks_;
};

}  // namespace contain::storage
