#include "contain/storage/content_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/file.hpp"

namespace contain::storage {
namespace {

// Names of blobs are those of SHA-256 only: what this library computes itself.
std::string file_name(const oci::digest& digest) {
  if (digest.algorithm() != oci::digest_algorithm::sha256 || digest.empty())
    throw error{errc::unsupported, "find blob", digest.text(), "the store keeps sha256 blobs"};
  return std::string{digest.hex()};
}

}  // namespace

blob_writer::blob_writer(staging& in) : path_(in, in.fresh_name("blob")) {
  auto file = sys::open_at(path_.directory(), path_.name().c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file) throw error::from_errno(file.error(), "create", path_.name());
  file_ = std::move(*file);
}

void blob_writer::write(std::span<const std::byte> bytes) {
  hash_.update(bytes.data(), bytes.size());
  if (const auto done = sys::write_all(file_.get(), bytes.data(), bytes.size()); !done)
    throw error::from_errno(done.error(), "write", "blob");
  size_ += bytes.size();
}

staged_blob blob_writer::finish(const oci::digest& expected) {
  auto got = oci::digest::from_sha256_hex(hash_.finish_hex());
  file_.reset();
  if (!expected.empty() && got != expected)
    throw error{errc::digest_mismatch, "verify blob", expected.text(), text::cat("its bytes are ", got.text())};
  return {std::move(got), size_, std::move(path_)};
}

staged_blob copy_of(const staged_blob& blob, staging& in) {
  staged_path path{in, in.fresh_name("blob")};
  if (::linkat(blob.path.directory(), blob.path.name().c_str(), path.directory(), path.name().c_str(), 0) != 0)
    throw error::from_errno(errno, "link", blob.digest.text());
  return {blob.digest, blob.size, std::move(path)};
}

content_store::content_store(int root, storage::staging& staging) : staging_(&staging) {
  if (const auto made = sys::ensure_dir(root, "blobs", 0700); !made)
    throw error::from_errno(made.error(), "mkdir", "blobs");
  if (const auto made = sys::ensure_dir(root, "blobs/sha256", 0700); !made)
    throw error::from_errno(made.error(), "mkdir", "blobs/sha256");
  auto dir = sys::open_at(root, "blobs/sha256", O_RDONLY | O_DIRECTORY);
  if (!dir) throw error::from_errno(dir.error(), "open", "blobs/sha256");
  blobs_ = std::move(*dir);
}

std::optional<std::uint64_t> content_store::size(const oci::digest& digest) const {
  struct stat st {};
  if (::fstatat(blobs_.get(), file_name(digest).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
    return static_cast<std::uint64_t>(st.st_size);
  if (errno == ENOENT) return std::nullopt;
  throw error::from_errno(errno, "stat", digest.text());
}

std::optional<sys::unique_fd> content_store::open(const oci::digest& digest) const {
  auto fd = sys::open_at(blobs_.get(), file_name(digest).c_str(), O_RDONLY | O_NOFOLLOW);
  if (fd) return std::move(*fd);
  if (fd.error() == ENOENT) return std::nullopt;
  throw error::from_errno(fd.error(), "open", digest.text());
}

std::string content_store::read(const oci::digest& digest, std::size_t limit) const {
  const auto fd = open(digest);
  const auto bytes = size(digest);
  if (!fd || !bytes) throw error{errc::store_corrupt, "read blob", digest.text(), "it is missing"};
  if (*bytes > limit) throw error{errc::store_corrupt, "read blob", digest.text(), "it is too long for a document"};
  std::string out(*bytes, '\0');
  const auto got = sys::read_full(fd->get(), out.data(), out.size());
  if (!got) throw error::from_errno(got.error(), "read", digest.text());
  if (*got != out.size() || oci::digest::of(out) != digest)
    throw error{errc::store_corrupt, "read blob", digest.text(), "its bytes have changed"};
  return out;
}

oci::digest content_store::put(std::string_view bytes) {
  auto writer = begin();
  writer.write(std::as_bytes(std::span{bytes}));
  auto staged = writer.finish();
  auto digest = staged.digest;
  if (has(digest)) return digest;
  const auto file = sys::open_at(staged.path.directory(), staged.path.name().c_str(), O_RDONLY);
  if (!file || ::fsync(file->get()) != 0) throw error::from_errno(file ? errno : file.error(), "fsync", digest.text());
  publish(std::move(staged));
  sync();
  return digest;
}

void content_store::publish(staged_blob blob) { (void)blob.path.publish(blobs_.get(), file_name(blob.digest).c_str()); }

void content_store::sync() const {
  if (::fsync(blobs_.get()) != 0) throw error::from_errno(errno, "fsync", "blobs");
}

bool content_store::remove(const oci::digest& digest) {
  if (::unlinkat(blobs_.get(), file_name(digest).c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw error::from_errno(errno, "unlink", digest.text());
}

std::vector<blob_info> content_store::walk() const {
  const auto entries = sys::list_dir(blobs_.get());
  if (!entries) throw error::from_errno(entries.error(), "list", "blobs");
  std::vector<blob_info> found;
  for (const auto& e : *entries) {
    auto digest = oci::digest::parse(text::cat("sha256:", e.name));
    if (!digest) continue;
    if (const auto bytes = size(*digest)) found.push_back({std::move(*digest), *bytes});
  }
  return found;
}

}  // namespace contain::storage
