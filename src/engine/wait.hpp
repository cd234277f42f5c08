// poll(2) with a deadline and a stop token.
#pragma once
#include <poll.h>

#include <chrono>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

namespace contain {

/// When a wait gives up; never, by default.
class deadline {
 public:
  deadline() noexcept = default;
  explicit deadline(std::optional<std::chrono::nanoseconds> after) noexcept;
  /// What is left, not below zero; nothing without an end.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> left() const noexcept;

 private:
  std::optional<std::chrono::steady_clock::time_point> at_;
};

/// Waits until one of `fds` has an event. Entries with fd -1 are skipped. Throws error{timeout} or error{interrupted}
/// with `operation` and `subject`.
void wait_for_event(std::span<pollfd> fds, const std::stop_token& stop, const deadline& until,
                    std::string_view operation, std::string_view subject = {});
/// True when `fd` is readable now.
bool is_readable(int fd) noexcept;

}  // namespace contain
