// Things under construction: a directory of this store handle below `staging/`, gone with it or swept after its crash.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "contain/sys/fd.hpp"

namespace contain::storage {

/// Everything in the store appears by a rename out of here, so a crash leaves the old state or the new one. The
/// directory is made on first use and held with flock(2); the lock goes with the process, however it ends, and tells
/// the others that the leftovers are nobody's. Thread safe.
class staging {
 public:
  /// `root` is the store's directory, borrowed for the lifetime. Removes what dead processes left behind: one
  /// getdents(2) when there is nothing to do.
  explicit staging(int root);
  staging(const staging&) = delete;
  staging& operator=(const staging&) = delete;
  ~staging();

  /// The directory. Throws contain::error when it cannot be made.
  [[nodiscard]] int directory();
  /// A name not yet used in it: "blob-7".
  [[nodiscard]] std::string fresh_name(std::string_view kind);

 private:
  void sweep() const;
  int root_;
  std::mutex mutex_;
  sys::unique_fd own_;
  std::string own_name_;
  std::atomic<std::uint64_t> counter_{0};
};

/// A name in the staging directory that is removed, with everything below, unless it was published.
class staged_path {
 public:
  staged_path() noexcept = default;
  staged_path(staging& in, std::string name) noexcept : in_(&in), name_(std::move(name)) {}
  staged_path(staged_path&& other) noexcept : in_(std::exchange(other.in_, nullptr)), name_(std::move(other.name_)) {}
  staged_path& operator=(staged_path&& other) noexcept;
  ~staged_path() { discard(); }

  explicit operator bool() const noexcept { return in_ != nullptr; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] int directory() const { return in_->directory(); }
  /// Moves it to `to_name` in `to_dir`; false when something is there already (renameat2(2) RENAME_NOREPLACE), and
  /// then it is discarded.
  bool publish(int to_dir, const char* to_name);
  void discard() noexcept;

 private:
  staging* in_ = nullptr;
  std::string name_;
};

}  // namespace contain::storage
