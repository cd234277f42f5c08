// File locks between processes and between handles of one process: open file description locks (fcntl(2) F_OFD_SETLK).
#pragma once
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "contain/sys/fd.hpp"

namespace contain::storage {

enum class lock_mode : unsigned char { shared, exclusive };

/// Held until the end of the object or of the process. The file stays: removing it while others wait would split them.
class file_lock {
 public:
  file_lock() noexcept = default;
  /// Waits; throws error{interrupted} when `stop` fires. `name` is made in `dir` when missing.
  static file_lock acquire(int dir, const std::string& name, lock_mode mode, const std::stop_token& stop = {});
  /// Nothing when somebody else holds it.
  static std::optional<file_lock> try_acquire(int dir, const std::string& name, lock_mode mode);

  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

 private:
  explicit file_lock(sys::unique_fd fd) noexcept : fd_(std::move(fd)) {}
  sys::unique_fd fd_;
};

}  // namespace contain::storage
