// The small text files by which the kernel is asked and told: procfs, sysfs, cgroupfs.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "contain/sys/fd.hpp"
#include "contain/sys/result.hpp"

namespace contain::sys {

/// The whole file, at most `limit` bytes of it; E2BIG beyond. Symbolic links are not followed in the last component,
/// and a FIFO does not block. `dir` may be AT_FDCWD.
inline result<std::string> read_text(int dir, const char* path, std::size_t limit = std::size_t{1} << 20U) noexcept {
  const unique_fd fd{retry([&] { return ::openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); })};
  if (!fd) return result<std::string>::failed(errno);
  std::string text;
  try {
    char piece[4096];
    for (;;) {
      const auto got = retry([&] { return ::read(fd.get(), piece, sizeof piece); });
      if (got < 0) return result<std::string>::failed(errno);
      if (got == 0) return text;
      if (text.size() + static_cast<std::size_t>(got) > limit) return result<std::string>::failed(E2BIG);
      text.append(piece, static_cast<std::size_t>(got));
    }
  } catch (...) {  // only the string can throw
    return result<std::string>::failed(ENOMEM);
  }
}

/// One write(2) of all of `text`: these files take a value whole or not at all.
inline status write_text(int dir, const char* path, std::string_view text) noexcept {
  const unique_fd fd{retry([&] { return ::openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW); })};
  if (!fd) return {errno};
  const auto put = retry([&] { return ::write(fd.get(), text.data(), text.size()); });
  if (put < 0) return {errno};
  return {static_cast<std::size_t>(put) == text.size() ? 0 : EIO};
}

}  // namespace contain::sys
