// The conversation between this terminal (or these pipes) and a process in a container: run, start -a, attach, exec.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "contain/container.hpp"
#include "contain/process.hpp"

namespace contain::cli {

/// The far side: a container's first process, or an exec.
class peer {
 public:
  peer() = default;
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  virtual ~peer() = default;

  /// Descriptors to wait on for output and for the end; -1 where there is none (any more).
  [[nodiscard]] virtual std::array<int, 3> output_fds() const = 0;
  /// Called when one of them is readable. Empty data: that was an end, or nothing after all.
  virtual process::chunk read(int fd) = 0;
  /// The process has ended and nothing more will come.
  [[nodiscard]] virtual bool finished() const = 0;
  /// Waited on until a write of input_piece bytes cannot block; -1 when there is no input (any more).
  [[nodiscard]] virtual int input_fd() const = 0;
  /// False when the process no longer reads.
  virtual bool write(std::string_view data) = 0;
  virtual void close_input() = 0;
  virtual void resize(window_size size) = 0;
  virtual void signal(int number) = 0;
};

/// What one turn of the loop passes on at most: PIPE_BUF, which poll(2) promises room for.
inline constexpr std::size_t input_piece = 4096;

struct session_options {
  bool input = false;  ///< standard input goes to the process
  bool out = true, err = true;
  bool tty = false;
  bool proxy_signals = true;
  std::string keys{detach_keys::standard};
};

enum class session_end : unsigned char {
  finished,  ///< the process has ended
  detached,  ///< the detach keys were typed
  forsaken,  ///< signals piled up and the process does not care: give up, it goes on
};

/// docker's message when -t and -i are asked for and standard input is no terminal. Call before anything is created.
void require_terminal(bool tty, bool input, std::string verb);
/// Of standard output or standard input.
window_size current_size() noexcept;

/// Until the process ends or the user leaves. Throws closed_output when nobody reads any more. A SIGTERM or SIGHUP in
/// tty mode gives the terminal back and ends this process by that same signal.
session_end converse(peer& with, const session_options& options, console& io);

}  // namespace contain::cli
