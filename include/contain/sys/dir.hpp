// Directories by descriptor: listing, and removing a tree.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contain/sys/fd.hpp"
#include "contain/sys/file.hpp"
#include "contain/sys/result.hpp"

namespace contain::sys {

struct dir_entry {
  std::string name;
  unsigned char type = DT_UNKNOWN;  ///< DT_x of readdir(3)
};

/// Everything in the directory behind `dir` but "." and "..", in the file system's order. `dir` may be O_PATH.
inline result<std::vector<dir_entry>> list_dir(int dir) noexcept {
  using listing = result<std::vector<dir_entry>>;
  auto own = open_at(dir, ".", O_RDONLY | O_DIRECTORY);  // an own offset: `dir` may be listed by others too
  if (!own) return listing::failed(own.error());
  struct closer {
    void operator()(DIR* d) const noexcept { (void)::closedir(d); }
  };
  std::unique_ptr<DIR, closer> stream{::fdopendir(own->get())};
  if (!stream) return listing::failed(errno);
  (void)own->release();
  try {
    std::vector<dir_entry> entries;
    for (;;) {
      errno = 0;
      const dirent* const e = ::readdir(stream.get());
      if (e == nullptr) break;
      const std::string_view name{e->d_name};
      if (name != "." && name != "..") entries.push_back({std::string{name}, e->d_type});
    }
    if (errno != 0) return listing::failed(errno);
    return entries;
  } catch (const std::bad_alloc&) {
    return listing::failed(ENOMEM);
  }
}

/// mkdirat(2), an existing directory is fine.
inline status ensure_dir(int dir, const char* name, mode_t mode) noexcept {
  if (::mkdirat(dir, name, mode) == 0 || errno == EEXIST) return {};
  return {errno};
}

/// Removes `name` in `dir`, with everything below it when it is a directory. A missing one is fine. Symbolic links
/// are removed, not followed. One descriptor is open at a time, so depth has no limit; the tree must be ours alone
/// (it climbs by "..").
inline status remove_tree(int dir, const char* name) noexcept {
  if (::unlinkat(dir, name, 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return {errno};
  if (::unlinkat(dir, name, AT_REMOVEDIR) == 0) return {};
  if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) return {errno};
  try {
    struct level {
      std::string name;
      std::vector<std::string> subdirs;
    };
    // Unlinks the files of `at` and says which directories stayed.
    const auto empty_of_files = [](int at) -> result<std::vector<std::string>> {
      auto entries = list_dir(at);
      if (!entries) return result<std::vector<std::string>>::failed(entries.error());
      std::vector<std::string> subdirs;
      for (auto& e : *entries) {
        if (e.type != DT_DIR && (::unlinkat(at, e.name.c_str(), 0) == 0 || errno == ENOENT)) continue;
        if (e.type != DT_DIR && errno != EISDIR && errno != EPERM)
          return result<std::vector<std::string>>::failed(errno);
        if (::unlinkat(at, e.name.c_str(), AT_REMOVEDIR) != 0) subdirs.push_back(std::move(e.name));
      }
      return subdirs;
    };
    const auto enter = [](int at, const char* child) {
      auto fd = open_at(at, child, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!fd && fd.error() == EACCES && ::fchmodat(at, child, 0700, 0) == 0)  // a mode that bars its owner
        fd = open_at(at, child, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (fd) (void)::fchmod(fd->get(), 0700);
      return fd;
    };
    auto here = enter(dir, name);
    if (!here) return {here.error()};
    auto first = empty_of_files(here->get());
    if (!first) return {first.error()};
    std::vector<level> stack;
    stack.push_back({name, std::move(*first)});
    for (;;) {
      auto& top = stack.back();
      if (!top.subdirs.empty()) {
        std::string child = std::move(top.subdirs.back());
        top.subdirs.pop_back();
        auto below = enter(here->get(), child.c_str());
        if (!below) return {below.error()};
        auto subdirs = empty_of_files(below->get());
        if (!subdirs) return {subdirs.error()};
        here = std::move(below);
        stack.push_back({std::move(child), std::move(*subdirs)});
        continue;
      }
      const std::string done = std::move(top.name);
      stack.pop_back();
      if (stack.empty()) {
        if (::unlinkat(dir, done.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return {errno};
        return {};
      }
      auto up = open_at(here->get(), "..", O_RDONLY | O_DIRECTORY);
      if (!up) return {up.error()};
      here = std::move(up);
      if (::unlinkat(here->get(), done.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return {errno};
    }
  } catch (const std::bad_alloc&) {
    return {ENOMEM};
  }
}

}  // namespace contain::sys
