#include "storage/layer_path.hpp"

#include <climits>

#include "contain/core/error.hpp"

namespace contain::storage {

std::string layer_path(std::string_view name, std::size_t max_bytes) {
  const auto hostile = [&](std::string why) -> error {
    return {errc::corrupt, "unpack", std::string{name.substr(0, 256)}, std::move(why)};
  };
  if (name.size() > max_bytes) throw hostile("its name is too long");
  std::string path;
  path.reserve(name.size());
  while (!name.empty()) {
    const auto slash = name.find('/');
    const auto part = name.substr(0, slash);
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") throw hostile("its name leaves the layer by \"..\"");
    if (part.size() > NAME_MAX) throw hostile("a part of its name is too long");
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

}  // namespace contain::storage
