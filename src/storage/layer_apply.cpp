#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <ranges>
#include <string_view>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/storage/layer.hpp"
#include "contain/storage/tar.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/fd.hpp"
#include "contain/sys/file.hpp"
#include "storage/layer_path.hpp"

namespace contain::storage {
namespace {

// One layer on its way into one directory. Names are resolved in two steps: the parent by openat2 beneath the
// directory and through no symbolic link, then one component in it, created exclusively and never followed. So no
// entry can steer another one.
class unpacking {
 public:
  unpacking(int dir, const apply_limits& limits, privilege as) noexcept : dir_(dir), limits_(limits), as_(as) {}

  void take(tar_reader& tar);
  applied_layer finish();

 private:
  struct place {
    int parent;
    std::string name;  // one component
  };
  struct directory {
    unsigned mode = 0755;
    timespec mtime{};
    bool implied = true;
  };

  int parent_of(std::string_view path);
  void make_parents(std::string_view parent);
  place locate(const std::string& path);
  void clear(const place& at, const std::string& path);
  void forget(std::string_view path);
  void mark_opaque(int parent, const char* name) const;

  void whiteout(const std::string& path, std::string_view name);
  void make_directory(const tar_entry& e, const std::string& path);
  void make_file(tar_reader& tar, const std::string& path);
  void make_symlink(const tar_entry& e, const std::string& path);
  void make_hardlink(const tar_entry& e, const std::string& path);
  void make_fifo(const tar_entry& e, const std::string& path);
  void attributes(int fd, const tar_entry& e) const;
  void attributes(const place& at, const tar_entry& e) const;
  void count_bytes(std::uint64_t size, const std::string& path);

  int dir_;
  const apply_limits& limits_;
  privilege as_;
  applied_layer made_;
  std::map<std::string, directory, std::less<>> directories_;  // attributes that are set last, outer before inner
  std::string cached_path_;                                    // of cached_: entries come directory by directory
  sys::unique_fd cached_;
};

[[noreturn]] void hostile(const std::string& path, std::string_view why) {
  throw error{errc::corrupt, "unpack", path, std::string{why}};
}

// What a name can be blamed for is the archive's fault, the rest the host's.
[[noreturn]] void failed(int sys_errno, std::string_view operation, const std::string& path) {
  if (sys_errno == ENAMETOOLONG || sys_errno == EINVAL || sys_errno == ELOOP || sys_errno == EXDEV ||
      sys_errno == EILSEQ)
    throw error::from_errno(errc::corrupt, sys_errno, std::string{operation}, path);
  throw error::from_errno(sys_errno, std::string{operation}, path);
}

void unpacking::take(tar_reader& tar) {
  const auto& e = tar.entry();
  if (++made_.entries > limits_.max_entries) hostile(e.path, text::cat("more than ", limits_.max_entries, " entries"));
  if (e.uid >= UINT32_MAX || e.gid >= UINT32_MAX) hostile(e.path, "its owner is no user or group id");
  if (e.mtime.tv_nsec < 0 || e.mtime.tv_nsec > 999'999'999) hostile(e.path, "its time is not valid");
  const std::string path = layer_path(e.path, limits_.max_path_bytes);
  if (path.empty()) {
    if (e.kind != tar_kind::directory) hostile(e.path, "the root of a layer must be a directory");
    return make_directory(e, path);
  }
  const auto name = std::string_view{path}.substr(path.rfind('/') + 1);
  if (name.starts_with(whiteout_prefix)) return whiteout(path, name.substr(whiteout_prefix.size()));
  switch (e.kind) {
    case tar_kind::directory:
      return make_directory(e, path);
    case tar_kind::file:
      return make_file(tar, path);
    case tar_kind::symlink:
      return make_symlink(e, path);
    case tar_kind::hardlink:
      return make_hardlink(e, path);
    case tar_kind::fifo:
      return make_fifo(e, path);
    case tar_kind::character_device:  // devices come from the runtime's list, never from an image
    case tar_kind::block_device:
    case tar_kind::other:
      return;
  }
}

int unpacking::parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return dir_;
  const auto parent = path.substr(0, slash);
  if (cached_ && cached_path_ == parent) return cached_.get();
  const std::string name{parent};
  auto fd = sys::open_beneath(dir_, name.c_str(), O_PATH | O_DIRECTORY);
  if (!fd) {
    if (fd.error() != ENOENT && fd.error() != ENOTDIR && fd.error() != ELOOP) failed(fd.error(), "open", name);
    make_parents(parent);
    fd = sys::open_beneath(dir_, name.c_str(), O_PATH | O_DIRECTORY);
    if (!fd) failed(fd.error(), "open", name);
  }
  cached_path_ = name;
  cached_ = std::move(*fd);
  return cached_.get();
}

// Parents that no entry named. A symbolic link or file in the way is replaced, as a later layer would replace it.
void unpacking::make_parents(std::string_view parent) {
  sys::unique_fd at;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = parent.find('/', end + 1);
    const std::string path{parent.substr(0, end)};
    const std::string name = path.substr(path.rfind('/') + 1);
    const place here{at ? at.get() : dir_, name};
    auto next = sys::open_at(here.parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!next) {
      const bool replaces = next.error() == ENOTDIR || next.error() == ELOOP;
      if (!replaces && next.error() != ENOENT) failed(next.error(), "open", path);
      if (replaces) clear(here, path);
      if (::mkdirat(here.parent, name.c_str(), 0700) != 0) failed(errno, "mkdir", path);
      if (replaces) mark_opaque(here.parent, name.c_str());
      directories_.insert_or_assign(path, directory{});
      next = sys::open_at(here.parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
      if (!next) failed(next.error(), "open", path);
    }
    at = std::move(*next);
  }
}

unpacking::place unpacking::locate(const std::string& path) {
  return {parent_of(path), path.substr(path.rfind('/') + 1)};
}

// A later entry of the same name wins. Never written through: the old inode may be a hard link of another file.
void unpacking::clear(const place& at, const std::string& path) {
  if (::unlinkat(at.parent, at.name.c_str(), 0) != 0) {
    if (errno == ENOENT) return;
    if (const auto gone = sys::remove_tree(at.parent, at.name.c_str()); !gone) failed(gone.error(), "replace", path);
  }
  forget(path);
}

// What was noted of `path` and of everything below it.
void unpacking::forget(std::string_view path) {
  const auto below = text::cat(path, "/");
  std::erase_if(made_.links_below, [&](const auto& l) { return l.path == path || l.path.starts_with(below); });
  if (const auto self = directories_.find(path); self != directories_.end()) {
    directories_.erase(self);
    for (auto it = directories_.lower_bound(below); it != directories_.end() && it->first.starts_with(below);)
      it = directories_.erase(it);
  }
  if (cached_path_ == path || cached_path_.starts_with(below)) cached_.reset();
}

void unpacking::mark_opaque(int parent, const char* name) const {
  const auto fd = sys::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) failed(fd.error(), "open", name);
  if (::fsetxattr(fd->get(), opaque_xattr(as_), "y", 1, 0) != 0) failed(errno, "setxattr", opaque_xattr(as_));
}

// `.wh.` hides what lies below this layer only: an entry of the layer itself stays, and hides it by itself unless it is
// a directory, which has to be opaque for that.
void unpacking::whiteout(const std::string& path, std::string_view name) {
  const int parent = parent_of(path);
  if (name == opaque_suffix) {
    if (path.find('/') == std::string::npos) {
      made_.opaque_root = true;
    } else {
      mark_opaque(parent, ".");
    }
    return;
  }
  if (name.starts_with(whiteout_prefix)) return;  // AUFS's own bookkeeping (.wh..wh.plnk)
  if (name.empty() || name == "." || name == "..") hostile(path, "a whiteout of nothing");
  const std::string target{name};
  struct stat st {};
  if (::fstatat(parent, target.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(st.st_mode)) mark_opaque(parent, target.c_str());
    return;
  }
  if (errno != ENOENT) failed(errno, "stat", path);
  if (::mknodat(parent, target.c_str(), S_IFCHR, 0) != 0) failed(errno, "mknod", path);
}

void unpacking::make_directory(const tar_entry& e, const std::string& path) {
  const auto note = [&](int fd) {
    attributes(fd, e);
    directories_.insert_or_assign(path, directory{e.mode, e.mtime, false});
  };
  if (path.empty()) return note(dir_);
  const auto at = locate(path);
  if (::mkdirat(at.parent, at.name.c_str(), 0700) != 0) {
    if (errno != EEXIST) failed(errno, "mkdir", path);
    struct stat st {};
    if (::fstatat(at.parent, at.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) failed(errno, "stat", path);
    if (!S_ISDIR(st.st_mode)) {
      clear(at, path);
      if (::mkdirat(at.parent, at.name.c_str(), 0700) != 0) failed(errno, "mkdir", path);
      mark_opaque(at.parent, at.name.c_str());  // what it replaces here had hidden the directory below
    }
  }
  const auto fd = sys::open_at(at.parent, at.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) failed(fd.error(), "open", path);
  note(fd->get());
}

void unpacking::make_file(tar_reader& tar, const std::string& path) {
  const auto& e = tar.entry();
  count_bytes(e.size, path);
  const auto at = locate(path);
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto fd = sys::open_at(at.parent, at.name.c_str(), flags, 0600);
  if (!fd && fd.error() == EEXIST) {
    clear(at, path);
    fd = sys::open_at(at.parent, at.name.c_str(), flags, 0600);
  }
  if (!fd) failed(fd.error(), "create", path);
  std::uint64_t end = 0;
  tar_block block;
  while (tar.read(block)) {
    if (block.offset < end || block.offset + block.bytes.size() > e.size) hostile(path, "its pieces do not fit it");
    if (block.offset != end && ::lseek(fd->get(), static_cast<off_t>(block.offset), SEEK_SET) < 0)
      failed(errno, "seek", path);
    if (const auto done = sys::write_all(fd->get(), block.bytes.data(), block.bytes.size()); !done)
      failed(done.error(), "write", path);
    end = block.offset + block.bytes.size();
  }
  if (end != e.size && ::ftruncate(fd->get(), static_cast<off_t>(e.size)) != 0) failed(errno, "truncate", path);
  attributes(fd->get(), e);
  if (::fchmod(fd->get(), e.mode) != 0) failed(errno, "chmod", path);  // after chown, which clears setuid
  const timespec times[2] = {e.mtime, e.mtime};
  if (::futimens(fd->get(), times) != 0) failed(errno, "utimens", path);
}

void unpacking::make_symlink(const tar_entry& e, const std::string& path) {
  if (e.link.empty()) hostile(path, "a symbolic link to nothing");
  const auto at = locate(path);
  if (::symlinkat(e.link.c_str(), at.parent, at.name.c_str()) != 0) {
    if (errno != EEXIST) failed(errno, "symlink", path);
    clear(at, path);
    if (::symlinkat(e.link.c_str(), at.parent, at.name.c_str()) != 0) failed(errno, "symlink", path);
  }
  attributes(at, e);
}

void unpacking::make_hardlink(const tar_entry& e, const std::string& path) {
  const std::string target = layer_path(e.link, limits_.max_path_bytes);
  if (target.empty()) hostile(path, "a hard link to the root");
  const auto slash = target.rfind('/');
  auto from = slash == std::string::npos
                  ? sys::duplicate(dir_)
                  : sys::open_beneath(dir_, target.substr(0, slash).c_str(), O_PATH | O_DIRECTORY);
  const std::string name = target.substr(slash == std::string::npos ? 0 : slash + 1);
  struct stat st {};
  const bool here = from && ::fstatat(from->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  if (!here) {
    const int why = from ? errno : from.error();
    if (why != ENOENT && why != ENOTDIR && why != ELOOP) failed(why, "find target of hard link", path);
    clear(locate(path), path);
    made_.links_below.push_back({path, target});
    return;
  }
  if (S_ISDIR(st.st_mode) || S_ISCHR(st.st_mode)) hostile(path, "a hard link to a directory or to a whiteout");
  if (target == path) return;
  const auto at = locate(path);
  if (::linkat(from->get(), name.c_str(), at.parent, at.name.c_str(), 0) == 0) return;
  if (errno == EEXIST) {
    clear(at, path);
    if (::linkat(from->get(), name.c_str(), at.parent, at.name.c_str(), 0) == 0) return;
    if (errno == ENOENT) hostile(path, "a hard link that replaces its own target");
  }
  failed(errno, "link", path);
}

void unpacking::make_fifo(const tar_entry& e, const std::string& path) {
  const auto at = locate(path);
  if (::mknodat(at.parent, at.name.c_str(), S_IFIFO | 0600, 0) != 0) {
    if (errno != EEXIST) failed(errno, "mkfifo", path);
    clear(at, path);
    if (::mknodat(at.parent, at.name.c_str(), S_IFIFO | 0600, 0) != 0) failed(errno, "mkfifo", path);
  }
  attributes(at, e);
}

// Owner first: chown(2) clears setuid and security.capability.
void unpacking::attributes(int fd, const tar_entry& e) const {
  if (as_ == privilege::root && ::fchown(fd, static_cast<uid_t>(e.uid), static_cast<gid_t>(e.gid)) != 0)
    failed(errno, "chown", e.path);
  for (const auto& [name, value] : e.xattrs) {
    if (!is_kept_xattr(name)) continue;
    if (value.size() > limits_.max_xattr_bytes) hostile(e.path, text::cat("its xattr ", name, " is too long"));
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    const bool security = name == capability_xattr;
    // A user may not set capabilities and gets by without; a file system without user.* loses what nothing needs.
    if (security ? (errno == EPERM && as_ == privilege::user) : errno == ENOTSUP) continue;
    failed(errno, text::cat("setxattr ", name), e.path);
  }
}

// Of what cannot be opened without being followed or read: a symbolic link or a fifo.
void unpacking::attributes(const place& at, const tar_entry& e) const {
  const char* const name = at.name.c_str();
  if (as_ == privilege::root &&
      ::fchownat(at.parent, name, static_cast<uid_t>(e.uid), static_cast<gid_t>(e.gid), AT_SYMLINK_NOFOLLOW) != 0)
    failed(errno, "chown", e.path);
  if (e.kind == tar_kind::fifo && ::fchmodat(at.parent, name, e.mode, 0) != 0) failed(errno, "chmod", e.path);
  const timespec times[2] = {e.mtime, e.mtime};
  if (::utimensat(at.parent, name, times, AT_SYMLINK_NOFOLLOW) != 0) failed(errno, "utimens", e.path);
}

void unpacking::count_bytes(std::uint64_t size, const std::string& path) {
  if (size > limits_.max_bytes || made_.file_bytes > limits_.max_bytes - size)
    hostile(path, text::cat("the layer has more than ", limits_.max_bytes, " bytes"));
  made_.file_bytes += size;
}

// Directories get their modes and times last: making entries in them changes the one and may need the other.
applied_layer unpacking::finish() {
  for (const auto& [path, d] : directories_ | std::views::reverse) {
    sys::unique_fd opened;
    if (!path.empty()) {
      auto fd = sys::open_beneath(dir_, path.c_str(), O_RDONLY | O_DIRECTORY);
      if (!fd) failed(fd.error(), "open", path);
      opened = std::move(*fd);
    }
    const int fd = path.empty() ? dir_ : opened.get();
    const timespec times[2] = {d.mtime, d.mtime};
    if (::fchmod(fd, d.mode) != 0) failed(errno, "chmod", path);
    if (::futimens(fd, times) != 0) failed(errno, "utimens", path);
  }
  for (auto& [path, d] : directories_)
    if (d.implied) made_.implied_dirs.push_back(path);
  return std::move(made_);
}

// Nothing more of the source than a layer may have, the end mark and what follows it included.
class bounded_source final : public byte_source {
 public:
  bounded_source(byte_source& from, std::uint64_t limit) noexcept : from_(from), limit_(limit) {}
  std::size_t read(std::span<std::byte> into) override {
    const auto n = from_.read(into);
    if ((total_ += n) > limit_) hostile("layer", text::cat("it has more than ", limit_, " bytes"));
    return n;
  }

 private:
  byte_source& from_;
  std::uint64_t limit_, total_ = 0;
};

}  // namespace

privilege current_privilege() noexcept { return ::geteuid() == 0 ? privilege::root : privilege::user; }

applied_layer apply(byte_source& tar, int dir, const apply_limits& limits, privilege as) {
  bounded_source bounded{tar, limits.max_bytes};
  tar_reader reader{bounded, limits.max_header_bytes};
  unpacking work{dir, limits, as};
  while (reader.next()) work.take(reader);
  reader.drain();
  return work.finish();
}

}  // namespace contain::storage
