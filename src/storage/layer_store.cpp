#include "contain/storage/layer_store.hpp"

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

constexpr const char* tree_name = "diff";
// One decimal number: a database row would be gone with the image, while a container may still hold the layer.
constexpr const char* size_name = "size";

std::string file_name(const oci::digest& chain_id) {
  if (chain_id.empty()) throw error{errc::invalid, "find layer", "", "an empty chain id names no layer"};
  return std::string{chain_id.hex()};
}

sys::unique_fd open_dir(int root, const char* name) {
  if (const auto made = sys::ensure_dir(root, name, 0700); !made) throw error::from_errno(made.error(), "mkdir", name);
  auto dir = sys::open_at(root, name, O_RDONLY | O_DIRECTORY);
  if (!dir) throw error::from_errno(dir.error(), "open", name);
  return std::move(*dir);
}

}  // namespace

staged_layer::staged_layer(staging& in) : path_(in, in.fresh_name("layer")) {
  const std::string tree = text::cat(path_.name(), "/", tree_name);
  if (::mkdirat(path_.directory(), path_.name().c_str(), 0700) != 0)
    throw error::from_errno(errno, "mkdir", path_.name());
  // What `/` of the image gets unless the tar says otherwise.
  if (::mkdirat(path_.directory(), tree.c_str(), 0755) != 0) throw error::from_errno(errno, "mkdir", tree);
  auto fd = sys::open_at(path_.directory(), tree.c_str(), O_RDONLY | O_DIRECTORY);
  if (!fd) throw error::from_errno(fd.error(), "open", tree);
  tree_ = std::move(*fd);
  if (::fchmod(tree_.get(), 0755) != 0) throw error::from_errno(errno, "chmod", tree);  // whatever the host's umask is
}

layer_store::layer_store(int root, storage::staging& staging)
    : staging_(&staging), layers_(open_dir(root, "layers")), locks_(open_dir(root, "locks")) {}

bool layer_store::has(const oci::digest& chain_id) const {
  struct stat st {};
  if (::fstatat(layers_.get(), file_name(chain_id).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  throw error::from_errno(errno, "stat", chain_id.text());
}

sys::unique_fd layer_store::open(const oci::digest& chain_id) const {
  const std::string tree = text::cat(file_name(chain_id), "/", tree_name);
  auto fd = sys::open_at(layers_.get(), tree.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (fd) return std::move(*fd);
  if (fd.error() != ENOENT) throw error::from_errno(fd.error(), "open", chain_id.text());
  throw error{errc::store_corrupt, "open layer", chain_id.text(), "it is missing"};
}

std::string layer_store::relative_path(const oci::digest& chain_id) {
  return text::cat("layers/", file_name(chain_id), "/", tree_name);
}

std::uint64_t layer_store::size(const oci::digest& chain_id) const {
  const auto fd = sys::open_at(layers_.get(), text::cat(file_name(chain_id), "/", size_name).c_str(), O_RDONLY);
  char digits[24];
  const auto n = fd ? sys::read_full(fd->get(), digits, sizeof digits) : sys::result<std::size_t>::failed(fd.error());
  const auto bytes = n ? text::parse_unsigned<std::uint64_t>({digits, *n}) : std::nullopt;
  if (!bytes) throw error{errc::store_corrupt, "read size of layer", chain_id.text()};
  return *bytes;
}

void layer_store::settle(staged_layer& layer, std::span<const oci::digest> parents,
                         std::span<const staged_layer* const> staged) const {
  std::vector<sys::unique_fd> trees;
  std::vector<int> below;
  if (layer.applied.needs_below()) {
    for (std::size_t i = parents.size(); i-- != 0;) {
      if (i < staged.size() && staged[i] != nullptr) {
        below.push_back(staged[i]->tree());
      } else {
        trees.push_back(open(parents[i]));
        below.push_back(trees.back().get());
      }
    }
  }
  storage::settle(layer.tree(), layer.applied, below);
  const std::string name = text::cat(layer.path_.name(), "/", size_name);
  const auto fd = sys::open_at(layer.path_.directory(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!fd) throw error::from_errno(fd.error(), "create", name);
  const std::string digits = std::to_string(layer.applied.file_bytes);
  if (const auto done = sys::write_all(fd->get(), digits.data(), digits.size()); !done)
    throw error::from_errno(done.error(), "write", name);
}

void layer_store::publish(staged_layer layer, const oci::digest& chain_id) {
  (void)layer.path_.publish(layers_.get(), file_name(chain_id).c_str());
}

void layer_store::sync() const {
  if (::fsync(layers_.get()) != 0) throw error::from_errno(errno, "fsync", "layers");
}

void layer_store::sync_all() const {
  if (::syncfs(layers_.get()) != 0) throw error::from_errno(errno, "syncfs", "layers");
}

void layer_store::ensure(const oci::digest& chain_id, const std::vector<oci::digest>& parents,
                         const std::function<void(staged_layer&)>& produce, const std::stop_token& stop) {
  if (has(chain_id)) return;
  const auto claimed = claim(chain_id, stop);
  if (has(chain_id)) return;
  auto layer = begin();
  produce(layer);
  settle(layer, parents);
  sync_all();
  publish(std::move(layer), chain_id);
  sync();
}

file_lock layer_store::claim(const oci::digest& chain_id, const std::stop_token& stop) const {
  // 256 files for all layers there will ever be: a file of its own for each would have to be removed, and a lock on a
  // removed file excludes nobody. Two layers that share one wait for each other needlessly, no more.
  return file_lock::acquire(locks_.get(), text::cat("layer-", chain_id.hex().substr(0, 2)), lock_mode::exclusive, stop);
}

bool layer_store::remove(const oci::digest& chain_id) {
  // Renamed first: half a layer must never be seen.
  const std::string trash = staging_->fresh_name("trash");
  if (::renameat(layers_.get(), file_name(chain_id).c_str(), staging_->directory(), trash.c_str()) != 0) {
    if (errno == ENOENT) return false;
    throw error::from_errno(errno, "rename", chain_id.text());
  }
  staged_path{*staging_, trash}.discard();
  return true;
}

std::vector<oci::digest> layer_store::walk() const {
  const auto entries = sys::list_dir(layers_.get());
  if (!entries) throw error::from_errno(entries.error(), "list", "layers");
  std::vector<oci::digest> found;
  for (const auto& e : *entries)
    if (auto id = oci::digest::parse(text::cat("sha256:", e.name))) found.push_back(std::move(*id));
  return found;
}

}  // namespace contain::storage
