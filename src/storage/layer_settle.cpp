#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/storage/layer.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/fd.hpp"
#include "contain/sys/file.hpp"
#include "storage/layer_path.hpp"
#include "storage/layer_xattr.hpp"

namespace contain::storage {
namespace {

struct found {
  sys::unique_fd parent;
  std::string name;
  struct stat st {};
};

struct place {
  sys::unique_fd parent;
  std::string name;
};

bool is_whiteout(const struct stat& st) noexcept { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

// Where `path` is in one tree; nothing when its parents are not all directories there.
std::optional<place> locate(int tree, const std::string& path) {
  const auto slash = path.rfind('/');
  auto parent = slash == std::string::npos
                    ? sys::duplicate(tree)
                    : sys::open_beneath(tree, path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY);
  if (parent) return place{std::move(*parent), path.substr(slash == std::string::npos ? 0 : slash + 1)};
  if (parent.error() == ENOENT || parent.error() == ENOTDIR || parent.error() == ELOOP) return std::nullopt;
  throw error::from_errno(parent.error(), "open", path);
}

enum class outlook : unsigned char { through, blocked };

// Whether the trees below show at `path`, as overlayfs decides it: not when this tree has something other than a
// directory on the way there, nor an opaque directory.
outlook below_shows(int tree, const std::string& path, privilege as) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const auto at = locate(tree, path.substr(0, end));
    struct stat st {};
    if (!at || ::fstatat(at->parent.get(), at->name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return outlook::through;
    if (!S_ISDIR(st.st_mode)) return outlook::blocked;
    const auto dir = sys::open_at(at->parent.get(), at->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!dir) throw error::from_errno(dir.error(), "open", path);
    char mark = 0;
    if (::fgetxattr(dir->get(), opaque_xattr(as), &mark, 1) == 1 && mark == 'y') return outlook::blocked;
  }
  return outlook::through;
}

// What `path` is in the union of `below`, nearest first.
std::optional<found> look_up(std::span<const int> below, const std::string& path, privilege as) {
  for (const int tree : below) {
    if (auto at = locate(tree, path)) {
      struct stat st {};
      if (::fstatat(at->parent.get(), at->name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (is_whiteout(st)) return std::nullopt;
        return found{std::move(at->parent), std::move(at->name), st};
      }
      if (errno != ENOENT) throw error::from_errno(errno, "stat", path);
    }
    if (below_shows(tree, path, as) == outlook::blocked) return std::nullopt;
  }
  return std::nullopt;
}

void copy_bytes(int from, int to, const std::string& path) {
  // Shares the blocks where the file system can (reflink), and stays in the kernel elsewhere.
  for (;;) {
    const auto n = ::copy_file_range(from, nullptr, to, nullptr, std::size_t{1} << 30U, 0);
    if (n > 0) continue;
    if (n == 0) return;
    if (errno != EINVAL && errno != EXDEV && errno != ENOSYS && errno != EOPNOTSUPP)
      throw error::from_errno(errno, "copy", path);
    break;
  }
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const auto got = sys::read_full(from, buffer.data(), buffer.size());
    if (!got) throw error::from_errno(got.error(), "read", path);
    if (*got == 0) return;
    if (const auto done = sys::write_all(to, buffer.data(), *got); !done)
      throw error::from_errno(done.error(), "write", path);
  }
}

void copy_attributes(int from, int to, const struct stat& st, privilege as, const std::string& path) {
  if (as == privilege::root && ::fchown(to, st.st_uid, st.st_gid) != 0) throw error::from_errno(errno, "chown", path);
  for (const auto& [name, value] : read_xattrs(from, path))
    if (::fsetxattr(to, name.c_str(), value.data(), value.size(), 0) != 0)
      throw error::from_errno(errno, text::cat("setxattr ", name), path);
  if (::fchmod(to, st.st_mode & 07777U) != 0) throw error::from_errno(errno, "chmod", path);
  const timespec times[2] = {st.st_mtim, st.st_mtim};
  if (::futimens(to, times) != 0) throw error::from_errno(errno, "utimens", path);
}

// The "copy up" that a writable overlay would have done before linking.
void materialise(const found& from, const place& to, privilege as, const std::string& path) {
  const auto failed = [&](const char* what) { throw error::from_errno(errno, what, path); };
  if (S_ISREG(from.st.st_mode)) {
    const auto source = sys::open_at(from.parent.get(), from.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!source) throw error::from_errno(source.error(), "open", path);
    const auto copy = sys::open_at(to.parent.get(), to.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!copy) throw error::from_errno(copy.error(), "create", path);
    copy_bytes(source->get(), copy->get(), path);
    return copy_attributes(source->get(), copy->get(), from.st, as, path);
  }
  if (S_ISLNK(from.st.st_mode)) {
    std::array<char, 4097> target{};
    const auto n = ::readlinkat(from.parent.get(), from.name.c_str(), target.data(), target.size() - 1);
    if (n < 0) failed("readlink");
    if (::symlinkat(target.data(), to.parent.get(), to.name.c_str()) != 0) failed("symlink");
  } else if (S_ISFIFO(from.st.st_mode)) {
    if (::mknodat(to.parent.get(), to.name.c_str(), S_IFIFO | 0600, 0) != 0) failed("mkfifo");
    if (::fchmodat(to.parent.get(), to.name.c_str(), from.st.st_mode & 07777U, 0) != 0) failed("chmod");
  } else {
    throw error{errc::corrupt, "unpack", path, "a hard link to a directory of a layer below"};
  }
  if (as == privilege::root &&
      ::fchownat(to.parent.get(), to.name.c_str(), from.st.st_uid, from.st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
    failed("chown");
  const timespec times[2] = {from.st.st_mtim, from.st.st_mtim};
  if (::utimensat(to.parent.get(), to.name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) failed("utimens");
}

void settle_links(int dir, const applied_layer& layer, std::span<const int> below, privilege as) {
  std::map<std::string, std::string> copies;  // target -> the first name it got here: the others are links of that
  for (const auto& link : layer.links_below) {
    const auto to = locate(dir, link.path);
    struct stat st {};
    if (!to || ::fstatat(to->parent.get(), to->name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) continue;  // replaced
    struct stat parent {};
    if (::fstatat(to->parent.get(), ".", &parent, 0) != 0) throw error::from_errno(errno, "stat", link.path);
    const auto [copy, first] = copies.emplace(link.target, link.path);
    const auto earlier = first ? std::nullopt : locate(dir, copy->second);
    if (!earlier ||
        ::linkat(earlier->parent.get(), earlier->name.c_str(), to->parent.get(), to->name.c_str(), 0) != 0) {
      const auto from = look_up(below, link.target, as);
      if (!from)
        throw error{errc::corrupt, "unpack", link.path,
                    text::cat("a hard link to ", link.target, ", which is nowhere")};
      materialise(*from, *to, as, link.path);
    }
    const timespec times[2] = {{0, UTIME_OMIT}, parent.st_mtim};
    if (::utimensat(to->parent.get(), ".", times, 0) != 0) throw error::from_errno(errno, "utimens", link.path);
  }
}

void settle_directories(int dir, const applied_layer& layer, std::span<const int> below, privilege as) {
  for (const auto& path : layer.implied_dirs) {
    const auto from = look_up(below, path, as);
    if (!from || !S_ISDIR(from->st.st_mode)) continue;
    const auto source = sys::open_at(from->parent.get(), from->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const auto copy = sys::open_beneath(dir, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (!source || !copy) throw error::from_errno(source ? copy.error() : source.error(), "open", path);
    copy_attributes(source->get(), copy->get(), from->st, as, path);
  }
}

// overlayfs ignores an opaque mark on a layer's root, so every name that shows there is hidden by itself.
void hide_below(int dir, std::span<const int> below, privilege as) {
  for (const int tree : below) {
    const auto entries = sys::list_dir(tree);
    if (!entries) throw error::from_errno(entries.error(), "list", "layer");
    for (const auto& e : *entries) {
      struct stat st {};
      if (::fstatat(dir, e.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) throw error::from_errno(errno, "stat", e.name);
        if (::mknodat(dir, e.name.c_str(), S_IFCHR, 0) != 0) throw error::from_errno(errno, "mknod", e.name);
        continue;
      }
      if (!S_ISDIR(st.st_mode)) continue;
      const auto own = sys::open_at(dir, e.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!own || ::fsetxattr(own->get(), opaque_xattr(as), "y", 1, 0) != 0)
        throw error::from_errno(own ? errno : own.error(), "setxattr", e.name);
    }
  }
}

}  // namespace

void settle(int dir, const applied_layer& layer, std::span<const int> below, privilege as) {
  if (layer.opaque_root) {
    struct stat root {};
    if (::fstat(dir, &root) != 0) throw error::from_errno(errno, "stat", "layer");
    hide_below(dir, below, as);
    const timespec times[2] = {{0, UTIME_OMIT}, root.st_mtim};
    if (::futimens(dir, times) != 0) throw error::from_errno(errno, "utimens", "layer");
    below = {};
  }
  settle_links(dir, layer, below, as);
  settle_directories(dir, layer, below, as);
}

}  // namespace contain::storage
