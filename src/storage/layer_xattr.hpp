// The xattrs of a file that belong into a layer.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace contain::storage {

/// Those that is_kept_xattr() keeps, by name. `path` is for the error. None on a file system without xattrs.
std::vector<std::pair<std::string, std::string>> read_xattrs(int fd, const std::string& path);

}  // namespace contain::storage
