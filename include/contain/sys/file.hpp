// Opening files beneath a directory, and whole reads and writes. openat2(2), Linux >= 5.6.
#pragma once
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "contain/sys/fd.hpp"
#include "contain/sys/result.hpp"

namespace contain::sys {

/// What a path below a directory may go through. Neither leaves the directory, follows /proc links, or needs `..`.
enum class resolve : std::uint64_t {
  no_symlinks = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,  ///< ELOOP at the first symbolic link
  beneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,                            ///< EXDEV when a link points outside
  in_root = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,                            ///< links mean what they mean inside
};

/// Opens `path` below `dir`, close-on-exec. EAGAIN (a rename raced with "..") is retried; ENOSYS: Linux < 5.6.
inline result<unique_fd> open_beneath(int dir, const char* path, int flags, mode_t mode = 0,
                                      resolve how = resolve::no_symlinks) noexcept {
  open_how request{};
  request.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  request.mode = mode;
  request.resolve = static_cast<std::uint64_t>(how);
  for (;;) {
    unique_fd fd{static_cast<int>(::syscall(SYS_openat2, dir, path, &request, sizeof request))};
    if (fd) return fd;
    if (errno != EINTR && errno != EAGAIN) return result<unique_fd>::failed(errno);
  }
}

/// openat(2), close-on-exec, for names that the library made itself.
inline result<unique_fd> open_at(int dir, const char* path, int flags, mode_t mode = 0) noexcept {
  unique_fd fd{retry([&] { return ::openat(dir, path, flags | O_CLOEXEC, mode); })};
  if (!fd) return result<unique_fd>::failed(errno);
  return fd;
}

/// Writes everything or fails (write(2) may stop early).
inline status write_all(int fd, const void* data, std::size_t size) noexcept {
  auto at = static_cast<const char*>(data);
  while (size != 0) {
    const auto n = retry([&] { return ::write(fd, at, size); });
    if (n < 0) return {errno};
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

/// Reads until `size` bytes or the end; how many there were.
inline result<std::size_t> read_full(int fd, void* data, std::size_t size) noexcept {
  std::size_t done = 0;
  while (done != size) {
    const auto n = retry([&] { return ::read(fd, static_cast<char*>(data) + done, size - done); });
    if (n < 0) return result<std::size_t>::failed(errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

}  // namespace contain::sys
