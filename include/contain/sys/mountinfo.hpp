// The mounts of this process's mount namespace: /proc/self/mountinfo as values. proc_pid_mountinfo(5).
#pragma once
#include <fcntl.h>

#include <string>
#include <string_view>
#include <vector>

#include "contain/sys/control_file.hpp"
#include "contain/sys/result.hpp"

namespace contain::sys {

struct mount_entry {
  std::string root;  ///< what of the file system is mounted
  std::string mountpoint;
  std::string options;  ///< of the mount
  std::string type;     ///< "ext4"
  std::string source;
  std::string super_options;  ///< of the file system
};

namespace detail {
/// The kernel writes blank, tab, newline and backslash as three octal digits.
inline std::string unescape_mount(std::string_view field) {
  std::string plain;
  const auto digit = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && digit(field[i + 1]) && digit(field[i + 2]) && digit(field[i + 3])) {
      plain += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      plain += field[i];
    }
  }
  return plain;
}
}  // namespace detail

/// Lines that do not have the documented form are left out.
inline std::vector<mount_entry> parse_mountinfo(std::string_view text) {
  std::vector<mount_entry> entries;
  while (!text.empty()) {
    const auto line_end = text.find('\n');
    auto line = text.substr(0, line_end);
    text.remove_prefix(line_end == std::string_view::npos ? text.size() : line_end + 1);
    std::vector<std::string_view> fields;
    while (!line.empty()) {
      const auto blank = line.find(' ');
      fields.push_back(line.substr(0, blank));
      line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
    }
    // id parent major:minor root mountpoint options [optional…] - type source super-options
    std::size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 3 >= fields.size()) continue;
    entries.push_back({detail::unescape_mount(fields[3]), detail::unescape_mount(fields[4]), std::string(fields[5]),
                       std::string(fields[dash + 1]), detail::unescape_mount(fields[dash + 2]),
                       std::string(fields[dash + 3])});
  }
  return entries;
}

/// Of the calling process, in mount order: the last entry for a mountpoint is the one in sight.
inline result<std::vector<mount_entry>> mounts() noexcept {
  constexpr std::size_t largest = std::size_t{64} << 20U;  // hosts with thousands of containers have long ones
  auto text = read_text(AT_FDCWD, "/proc/self/mountinfo", largest);
  if (!text) return result<std::vector<mount_entry>>::failed(text.error());
  try {
    return parse_mountinfo(*text);
  } catch (...) {
    return result<std::vector<mount_entry>>::failed(ENOMEM);
  }
}

}  // namespace contain::sys
