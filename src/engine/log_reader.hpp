// A container's log file, read in both directions. Layout: runtime/protocol.hpp, log_header.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contain/container.hpp"
#include "contain/sys/fd.hpp"

namespace contain {

/// Reads whole records only: one that is being appended this moment is not there yet. One owner at a time.
class log_reader {
 public:
  /// Which records are wanted.
  struct selection {
    bool out = true, err = true;
    std::optional<time_point> since, until;
  };
  /// Empty when the container has never written anything: such a log has no records.
  explicit log_reader(sys::unique_fd file, selection what);

  /// Moves to where the last `lines` lines of the selected streams begin. A record in which that is not at a record's
  /// beginning gives only its end. Reads backwards, O(bytes of these lines).
  void seek_tail(std::uint64_t lines);
  /// Moves to the first record of `selection::since`. Reads backwards, as logs are mostly asked for what is recent.
  void seek_since();
  /// The next selected record. Nothing at the end of what is there now, or after `until`.
  std::optional<log_entry> next();
  /// Whether `until` has been passed: nothing that is still to be written can be wanted.
  [[nodiscard]] bool finished() const noexcept { return finished_; }

 private:
  struct record {
    std::uint64_t at = 0;  ///< of its header
    std::uint64_t time_ns = 0;
    std::uint32_t size = 0;
    std::uint8_t stream = 0;
    [[nodiscard]] std::uint64_t end() const noexcept;
  };
  [[nodiscard]] std::uint64_t file_size() const;
  /// `size` bytes at `at`, valid until the next call; nothing when the file is shorter.
  [[nodiscard]] std::optional<std::string_view> bytes(std::uint64_t at, std::size_t size);
  [[nodiscard]] std::optional<record> record_at(std::uint64_t at);
  [[nodiscard]] std::optional<record> record_before(std::uint64_t end);
  /// Where the last whole record ends.
  [[nodiscard]] std::uint64_t whole_end();
  [[nodiscard]] bool selects(const record& r) const noexcept;

  sys::unique_fd file_;
  selection what_;
  std::uint64_t position_ = 0;
  std::uint32_t skip_ = 0;  ///< bytes of the next record that come before the tail
  bool finished_ = false;
  std::vector<char> window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace contain
