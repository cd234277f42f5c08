// Layers as changes to a directory: apply(tar -> directory) and diff(directory -> tar). Image-spec layer.md.
#pragma once
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "contain/storage/stream.hpp"

namespace contain::storage {

/// Beyond these a layer is refused with error{corrupt}.
struct apply_limits {
  std::uint64_t max_bytes = std::uint64_t{256} << 30U;  ///< of the uncompressed tar, and of its files with their holes
  std::uint64_t max_entries = 4'000'000;
  std::size_t max_path_bytes = 4096;                     ///< PATH_MAX
  std::size_t max_header_bytes = std::size_t{4} << 20U;  ///< of all extension headers of one entry
  std::size_t max_xattr_bytes = 64 * 1024;               ///< of one value, XATTR_SIZE_MAX
};

/// Root gives files their owners and marks opaque directories with trusted.overlay.opaque; a user can do neither, owns
/// everything, and marks with user.overlay.opaque (mount option userxattr).
enum class privilege : unsigned char { root, user };
/// By the effective uid.
privilege current_privilege() noexcept;

/// What apply() made, and what it could not finish without the layers below.
struct applied_layer {
  std::uint64_t file_bytes = 0;  ///< sum of the sizes of regular files, as docker counts a layer
  std::uint64_t entries = 0;
  struct hardlink {
    std::string path, target;  ///< relative
  };
  std::vector<hardlink> links_below;      ///< whose target is not in this layer
  std::vector<std::string> implied_dirs;  ///< parents that the tar did not name, outer before inner
  bool opaque_root = false;               ///< nothing of the layers below shows: `.wh..wh..opq` at the root

  /// Whether settle() has to look at the layers below.
  [[nodiscard]] bool needs_below() const noexcept {
    return opaque_root || !links_below.empty() || !implied_dirs.empty();
  }
};

/// Unpacks the layer `tar` (uncompressed) into the empty directory `dir`, in overlayfs form: `.wh.x` becomes a
/// character device 0:0, `.wh..wh..opq` an xattr of its directory. Every path is resolved beneath `dir` and through no
/// symbolic link: a parent that is one is replaced by a directory. Device nodes and xattrs other than
/// security.capability and user.* are left out. Reads `tar` to its end. O(entries).
///
/// Throws error{corrupt} for a tar that is damaged or that leaves the directory (`..`, absolute links of hard links, a
/// non-directory at `/`); whatever was written then is inside `dir`, for the caller to discard.
applied_layer apply(byte_source& tar, int dir, const apply_limits& limits = {}, privilege as = current_privilege());

/// Finishes `layer` in `dir` with the trees below it, nearest first: hard links into them become copies, implied
/// directories get the attributes of the ones they stand for. Throws error{corrupt} when a target is nowhere.
void settle(int dir, const applied_layer& layer, std::span<const int> below, privilege as = current_privilege());

/// What a character device 0:0 and trusted.overlay.opaque mean in a directory.
enum class tree_form : unsigned char {
  plain,    ///< nothing: files of any origin
  overlay,  ///< whiteouts: a layer, or the upper directory of a container
};

/// What diff() packed.
struct packed_layer {
  std::uint64_t entries = 0;
  timespec newest{};  ///< the latest modification time
};

/// Packs everything below `dir`, but not its own attributes, as a layer's tar. The same files (names, bytes, owners,
/// modes, times to the nanosecond, xattrs, links among them) give the same bytes. Sockets are left out. Throws
/// error{busy} when a file changes meanwhile. O(bytes).
packed_layer diff(int dir, byte_sink& to, tree_form form, privilege as = current_privilege());

}  // namespace contain::storage
