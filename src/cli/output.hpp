// What the command writes: collected, written in few calls, and every failure noticed (a full disk is not success).
#pragma once
#include <string>
#include <string_view>

namespace contain::cli {

/// The reader of standard output went away (`contain ps | head -1`): not worth a message, see main.cpp.
struct closed_output {};

/// Writes all of `bytes` to a descriptor. Throws closed_output for EPIPE, else contain::error.
void write_all(int fd, std::string_view bytes, std::string_view name);

/// A buffered stream. flush() throws; the destructor flushes and drops what cannot be written, for error paths.
class output {
 public:
  output(int fd, std::string_view name) noexcept : fd_(fd), name_(name) {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;
  ~output();

  output& write(std::string_view text);
  output& line(std::string_view text) { return write(text).write("\n"); }
  void flush();
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool is_terminal() const noexcept;

 private:
  int fd_;
  std::string_view name_;
  std::string buffer_;
};

/// Standard output and standard error of this process.
struct console {
  output out{1, "standard output"};
  output err{2, "standard error"};
};

/// ANSI colours belong on a terminal, and nowhere when NO_COLOR is set (no-color.org).
[[nodiscard]] bool wants_colour(const output& to) noexcept;

/// `text` with control characters made visible, for names that come from an archive or a registry: what they say must
/// not drive the terminal.
std::string printable(std::string_view text);

}  // namespace contain::cli
