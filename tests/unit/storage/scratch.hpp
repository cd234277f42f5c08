// A directory that a test may fill, and a description of a tree that two moments can be compared by.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "contain/sys/dir.hpp"
#include "contain/sys/fd.hpp"

namespace contain::testing {

class scratch {
 public:
  scratch() {
    std::string name = std::filesystem::temp_directory_path() / "contain-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::filesystem::filesystem_error{"mkdtemp", {}};
    path_ = name;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { (void)sys::remove_tree(AT_FDCWD, path_.c_str()); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  /// A new directory in it, opened.
  [[nodiscard]] sys::unique_fd directory(std::string_view name) const {
    std::filesystem::create_directories(path_ / name);
    return open(name);
  }
  [[nodiscard]] sys::unique_fd open(std::string_view name) const {
    return sys::unique_fd{::open((path_ / name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream{path, std::ios::binary} << text;
}

inline struct stat stat_of(const std::filesystem::path& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) st.st_nlink = 0;
  return st;
}

inline bool is_whiteout(const std::filesystem::path& path) {
  const auto st = stat_of(path);
  return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

inline bool is_opaque(const std::filesystem::path& path) {
  char mark = 0;
  const char* const name = ::geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
  return ::lgetxattr(path.c_str(), name, &mark, 1) == 1 && mark == 'y';
}

/// Path -> everything about it that a write could change.
inline std::map<std::string, std::string> describe(const std::filesystem::path& root) {
  std::map<std::string, std::string> tree;
  for (const auto& e : std::filesystem::recursive_directory_iterator{root}) {
    const auto st = stat_of(e.path());
    std::ostringstream text;
    text << std::oct << st.st_mode << ' ' << std::dec << st.st_uid << ':' << st.st_gid << ' ' << st.st_nlink << ' '
         << st.st_rdev << ' ';
    if (!S_ISCHR(st.st_mode)) text << st.st_mtim.tv_sec << '.' << st.st_mtim.tv_nsec << ' ';
    if (e.is_symlink()) {
      text << std::filesystem::read_symlink(e.path()).string();
    } else if (e.is_regular_file()) {
      text << read_file(e.path());
    }
    tree.emplace(std::filesystem::relative(e.path(), root).string(), text.str());
  }
  return tree;
}

}  // namespace contain::testing
