#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/storage/layer.hpp"
#include "contain/storage/tar.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/fd.hpp"
#include "contain/sys/file.hpp"
#include "storage/layer_path.hpp"
#include "storage/layer_xattr.hpp"

namespace contain::storage {
namespace {

// Depth first, names in byte order, so that the same files always make the same archive.
class packing {
 public:
  packing(tar_writer& to, tree_form form, privilege as) : to_(to), form_(form), as_(as) {}
  packed_layer walk(int root);

 private:
  struct level {
    std::string path;                // with a trailing slash; empty for the root
    std::vector<std::string> names;  // what is left, in reverse order
  };

  level open_level(int dir, std::string path, bool opaque);
  void add(int dir, const level& in, const std::string& name, std::vector<level>& stack, sys::unique_fd& entered);
  void add_file(int dir, const std::string& name, tar_entry e);
  tar_entry entry_of(const struct stat& st, std::string path, tar_kind kind) const;

  tar_writer& to_;
  tree_form form_;
  privilege as_;
  packed_layer packed_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // first name of each file that has several
};

packing::level packing::open_level(int dir, std::string path, bool opaque) {
  const auto entries = sys::list_dir(dir);
  if (!entries) throw error::from_errno(entries.error(), "list", path);
  level made{std::move(path), {}};
  for (const auto& e : *entries) made.names.push_back(e.name);
  std::sort(made.names.begin(), made.names.end(), std::greater<>{});
  if (opaque) to_.add_file(text::cat(made.path, whiteout_prefix, opaque_suffix), "", {}, 0);
  return made;
}

tar_entry packing::entry_of(const struct stat& st, std::string path, tar_kind kind) const {
  tar_entry e;
  e.path = std::move(path);
  e.kind = kind;
  e.mode = st.st_mode & 07777U;
  e.mtime = st.st_mtim;
  // A user's own files are root's in the image: in the container that user is root.
  const bool own = as_ == privilege::user;
  e.uid = own && st.st_uid == ::geteuid() ? 0 : st.st_uid;
  e.gid = own && st.st_gid == ::getegid() ? 0 : st.st_gid;
  return e;
}

void packing::add_file(int dir, const std::string& name, tar_entry e) {
  // O_NONBLOCK: the name may have become a fifo since it was looked at.
  const auto fd = sys::open_at(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) throw error::from_errno(fd.error(), "open", e.path);
  struct stat st {};
  if (::fstat(fd->get(), &st) != 0) throw error::from_errno(errno, "stat", e.path);
  const auto changed = [&]() -> error { return {errc::busy, "read", e.path, "it changed while it was read"}; };
  if (!S_ISREG(st.st_mode)) throw changed();
  e.size = static_cast<std::uint64_t>(st.st_size);
  e.xattrs = read_xattrs(fd->get(), e.path);
  to_.add(e);
  std::vector<std::byte> buffer(std::min<std::uint64_t>(e.size, 256 * 1024));
  for (std::uint64_t left = e.size; left != 0;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    const auto got = sys::read_full(fd->get(), buffer.data(), want);
    if (!got) throw error::from_errno(got.error(), "read", e.path);
    if (*got != want) throw changed();
    to_.write(std::span{buffer}.first(want));
    left -= want;
  }
}

void packing::add(int dir, const level& in, const std::string& name, std::vector<level>& stack,
                  sys::unique_fd& entered) {
  struct stat st {};
  const std::string path = in.path + name;
  if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) throw error::from_errno(errno, "stat", path);
  ++packed_.entries;
  if (std::pair{st.st_mtim.tv_sec, st.st_mtim.tv_nsec} > std::pair{packed_.newest.tv_sec, packed_.newest.tv_nsec})
    packed_.newest = st.st_mtim;
  if (form_ == tree_form::overlay && S_ISCHR(st.st_mode) && st.st_rdev == 0)
    return to_.add_file(text::cat(in.path, whiteout_prefix, name), "", {}, 0);
  if (name.starts_with(whiteout_prefix))
    throw error{errc::unsupported, "pack", path, "names that begin with \".wh.\" cannot be in a layer"};
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    const auto [first, is_first] = linked_.emplace(std::pair{st.st_dev, st.st_ino}, path);
    if (!is_first) {
      auto e = entry_of(st, path, tar_kind::hardlink);
      e.link = first->second;
      return to_.add(e);
    }
  }
  switch (st.st_mode & S_IFMT) {
    case S_IFREG:
      return add_file(dir, name, entry_of(st, path, tar_kind::file));
    case S_IFIFO:
      return to_.add(entry_of(st, path, tar_kind::fifo));
    case S_IFLNK: {
      auto e = entry_of(st, path, tar_kind::symlink);
      std::array<char, 4097> target{};
      if (::readlinkat(dir, name.c_str(), target.data(), target.size() - 1) < 0)
        throw error::from_errno(errno, "readlink", path);
      e.link = target.data();
      e.mode = 0777;
      return to_.add(e);
    }
    case S_IFCHR:
    case S_IFBLK: {
      auto e = entry_of(st, path, S_ISCHR(st.st_mode) ? tar_kind::character_device : tar_kind::block_device);
      e.device_major = major(st.st_rdev);
      e.device_minor = minor(st.st_rdev);
      return to_.add(e);
    }
    case S_IFDIR: {
      auto below = sys::open_at(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!below) throw error::from_errno(below.error(), "open", path);
      auto e = entry_of(st, path + '/', tar_kind::directory);
      e.xattrs = read_xattrs(below->get(), path);
      to_.add(e);
      char mark = 0;
      const bool opaque =
          form_ == tree_form::overlay && ::fgetxattr(below->get(), opaque_xattr(as_), &mark, 1) == 1 && mark == 'y';
      stack.push_back(open_level(below->get(), path + '/', opaque));
      entered = std::move(*below);
      return;
    }
    default:
      return;  // a socket: nothing that an archive could hold
  }
}

packed_layer packing::walk(int root) {
  auto here = sys::open_at(root, ".", O_RDONLY | O_DIRECTORY);
  if (!here) throw error::from_errno(here.error(), "open", "directory");
  std::vector<sys::unique_fd> open;
  open.push_back(std::move(*here));
  std::vector<level> stack;
  stack.push_back(open_level(open.back().get(), "", false));
  while (!stack.empty()) {
    if (stack.back().names.empty()) {
      stack.pop_back();
      open.pop_back();
      continue;
    }
    const std::string name = std::move(stack.back().names.back());
    stack.back().names.pop_back();
    const level in{stack.back().path, {}};
    sys::unique_fd entered;
    add(open.back().get(), in, name, stack, entered);
    if (entered) open.push_back(std::move(entered));
  }
  return packed_;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> read_xattrs(int fd, const std::string& path) {
  std::vector<std::pair<std::string, std::string>> kept;
  // Most files have none: one call then.
  const auto size = ::flistxattr(fd, nullptr, 0);
  if (size == 0 || (size < 0 && errno == ENOTSUP)) return kept;
  if (size < 0) throw error::from_errno(errno, "listxattr", path);
  std::string names(static_cast<std::size_t>(size), '\0');
  const auto listed = ::flistxattr(fd, names.data(), names.size());
  if (listed < 0) throw error::from_errno(errno, "listxattr", path);
  names.resize(static_cast<std::size_t>(listed));
  for (const auto name : text::split(names, '\0')) {
    if (!is_kept_xattr(name)) continue;
    std::string key{name}, value(64 * 1024, '\0');
    const auto n = ::fgetxattr(fd, key.c_str(), value.data(), value.size());
    if (n < 0) throw error::from_errno(errno, text::cat("getxattr ", key), path);
    value.resize(static_cast<std::size_t>(n));
    kept.emplace_back(std::move(key), std::move(value));
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

packed_layer diff(int dir, byte_sink& to, tree_form form, privilege as) {
  tar_writer tar{to};
  const auto packed = packing{tar, form, as}.walk(dir);
  tar.finish();
  return packed;
}

}  // namespace contain::storage
