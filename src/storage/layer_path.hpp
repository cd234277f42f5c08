// Names in a layer: image-spec layer.md §Whiteouts, and the forms overlayfs has for the same.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "contain/storage/layer.hpp"

namespace contain::storage {

inline constexpr std::string_view whiteout_prefix = ".wh.";
/// Of the whole name `.wh..wh..opq`, without the prefix.
inline constexpr std::string_view opaque_suffix = ".wh..opq";
inline constexpr std::string_view capability_xattr = "security.capability";

/// The xattr that hides what a directory covers (overlayfs.rst; user.* with mount option userxattr).
inline const char* opaque_xattr(privilege as) noexcept {
  return as == privilege::root ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

/// Those of an image that mean something in a container. Never trusted.overlay.* and user.overlay.*: a redirect or
/// metacopy mark would make overlayfs open other files than the layer's.
inline bool is_kept_xattr(std::string_view name) noexcept {
  return name == capability_xattr || (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

/// A tar's name as a path below the layer's root: "/./a//b/" is "a/b", the root itself is "". Absolute names count from
/// the root, as every engine reads them. Throws error{corrupt} for ".." and for names longer than the kernel takes.
std::string layer_path(std::string_view name, std::size_t max_bytes);

}  // namespace contain::storage
