// Signals as something to poll: each arrives as one byte on a pipe.
#pragma once
#include <csignal>
#include <initializer_list>
#include <optional>
#include <vector>

namespace contain::cli {

/// While it lives, the given signals are caught and queued; afterwards their former actions are back. One at a time in
/// a process: a handler has no other way to its pipe than a variable of this file.
class caught_signals {
 public:
  explicit caught_signals(std::initializer_list<int> numbers);
  ~caught_signals();
  caught_signals(const caught_signals&) = delete;
  caught_signals& operator=(const caught_signals&) = delete;

  [[nodiscard]] int fd() const noexcept { return read_end_; }
  /// The next one that came; nothing when the queue is empty.
  [[nodiscard]] std::optional<int> take() const noexcept;

 private:
  struct saved {
    int number;
    struct sigaction action;
  };
  std::vector<saved> former_;
  int read_end_ = -1, write_end_ = -1;
};

}  // namespace contain::cli
