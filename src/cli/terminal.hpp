// The user's terminal: raw mode that is always undone, its size, and the keys that detach.
#pragma once
#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "contain/process.hpp"

namespace contain::cli {

/// Keys go to the container as they are typed while one of these lives. The destructor gives the terminal back as it
/// was.
class raw_mode {
 public:
  /// Throws contain::error when `fd` is no terminal.
  explicit raw_mode(int fd);
  ~raw_mode();
  raw_mode(const raw_mode&) = delete;
  raw_mode& operator=(const raw_mode&) = delete;
  /// Again, after the process was stopped and the shell had the terminal in between (SIGCONT).
  void enter() noexcept;

 private:
  int fd_;
  termios saved_{};
};

/// Nothing when `fd` is no terminal or does not know its size.
std::optional<window_size> terminal_size(int fd) noexcept;

/// Finds the detach sequence in what is typed, in docker's notation: "ctrl-p,ctrl-q", "a,b", "ctrl-[".
class detach_keys {
 public:
  /// Throws contain::error{invalid}. An empty text never detaches.
  explicit detach_keys(std::string_view notation);
  struct result {
    std::string forward;    ///< what the container gets; keys that may begin the sequence are held back
    bool detached = false;  ///< what was typed behind the sequence is dropped
  };
  result feed(std::string_view typed);

  static constexpr std::string_view standard = "ctrl-p,ctrl-q";

 private:
  std::string sequence_;
  std::size_t matched_ = 0;
};

}  // namespace contain::cli
