#include "contain/storage/lock.hpp"

#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "contain/core/error.hpp"
#include "contain/sys/file.hpp"

namespace contain::storage {
namespace {

sys::unique_fd open_lock(int dir, const std::string& name) {
  auto fd = sys::open_at(dir, name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd) throw error::from_errno(fd.error(), "open", name);
  return std::move(*fd);
}

// Owned by the open file, so two handles of one process exclude each other too, unlike F_SETLK.
bool set_lock(int fd, lock_mode mode, int command, const std::string& name) {
  struct flock whole {};
  whole.l_type = mode == lock_mode::shared ? F_RDLCK : F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (sys::retry([&] { return ::fcntl(fd, command, &whole); }) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw error::from_errno(errno, "lock", name);
}

}  // namespace

file_lock file_lock::acquire(int dir, const std::string& name, lock_mode mode, const std::stop_token& stop) {
  auto fd = open_lock(dir, name);
  if (!stop.stop_possible()) {
    (void)set_lock(fd.get(), mode, F_OFD_SETLKW, name);
    return file_lock{std::move(fd)};
  }
  // A blocking fcntl could be ended by a signal only, and the host's signals are not ours.
  std::mutex m;
  std::condition_variable_any wake;
  std::unique_lock wait{m};
  while (!set_lock(fd.get(), mode, F_OFD_SETLK, name)) {
    (void)wake.wait_for(wait, stop, std::chrono::milliseconds{20}, [] { return false; });
    if (stop.stop_requested()) throw error{errc::interrupted, "lock", name};
  }
  return file_lock{std::move(fd)};
}

std::optional<file_lock> file_lock::try_acquire(int dir, const std::string& name, lock_mode mode) {
  auto fd = open_lock(dir, name);
  if (!set_lock(fd.get(), mode, F_OFD_SETLK, name)) return std::nullopt;
  return file_lock{std::move(fd)};
}

}  // namespace contain::storage
