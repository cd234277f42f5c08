// The store's blobs by digest: blobs/sha256/<hex>, as an OCI layout has them (image-spec image-layout.md).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contain/core/hash.hpp"
#include "contain/oci/digest.hpp"
#include "contain/storage/staging.hpp"
#include "contain/storage/stream.hpp"
#include "contain/sys/fd.hpp"

namespace contain::storage {

struct blob_info {
  oci::digest digest;
  std::uint64_t size = 0;  ///< bytes
};

/// A whole, hashed blob that is not in the store yet; gone with this object unless published.
struct staged_blob {
  oci::digest digest;
  std::uint64_t size = 0;
  staged_path path;
};

/// The same bytes under a second staged name (a hard link).
staged_blob copy_of(const staged_blob& blob, staging& in);

/// Writes one blob to the staging directory and hashes it on the way. One owner at a time.
class blob_writer final : public byte_sink {
 public:
  explicit blob_writer(staging& in);
  blob_writer(blob_writer&&) noexcept = default;
  blob_writer& operator=(blob_writer&&) noexcept = default;

  void write(std::span<const std::byte> bytes) override;
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Throws error{digest_mismatch} unless the bytes have the digest `expected`; an empty one accepts any.
  staged_blob finish(const oci::digest& expected = {});

 private:
  staged_path path_;
  sys::unique_fd file_;
  sha256 hash_;
  std::uint64_t size_ = 0;
};

/// Thread safe; several processes may use one store. Only whole blobs with the right bytes are ever visible.
class content_store {
 public:
  /// `root` is the store's directory and `staging` its staging area; both borrowed.
  content_store(int root, storage::staging& staging);

  [[nodiscard]] bool has(const oci::digest& digest) const { return size(digest).has_value(); }
  [[nodiscard]] std::optional<std::uint64_t> size(const oci::digest& digest) const;
  /// Read-only; nothing when it is not here.
  [[nodiscard]] std::optional<sys::unique_fd> open(const oci::digest& digest) const;
  /// The bytes of a document, verified. Throws error{store_corrupt} when it is missing, longer than `limit` or changed.
  [[nodiscard]] std::string read(const oci::digest& digest, std::size_t limit) const;

  [[nodiscard]] blob_writer begin() const { return blob_writer{*staging_}; }
  /// A small document. Published and durable at return (fsync of file and directory). Idempotent.
  oci::digest put(std::string_view bytes);
  /// Makes a blob visible. Idempotent: the same digest is the same bytes. Durable only if the file system was synced
  /// between the last write and this call, and sync() is called after; image_writer does that once for all its blobs.
  void publish(staged_blob blob);
  /// fsync(2) of the directory: the renames survive a power cut.
  void sync() const;

  /// False when it was not here.
  bool remove(const oci::digest& digest);
  [[nodiscard]] std::vector<blob_info> walk() const;
  [[nodiscard]] storage::staging& staging_area() const noexcept { return *staging_; }

 private:
  storage::staging* staging_;
  sys::unique_fd blobs_;  ///< blobs/sha256
};

}  // namespace contain::storage
