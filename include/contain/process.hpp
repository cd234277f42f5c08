// A command in a container: its streams, its exit code, its signals. Shaped like subprocess.Popen.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "contain/core/time.hpp"
#include "contain/fwd.hpp"

namespace contain {

/// Which of the two output streams.
enum class stream : unsigned char { out = 1, err = 2 };

struct window_size {
  unsigned short rows = 0, columns = 0;
};

/// How a process ended. A signal n gives code 128 + n, as a shell and docker say it.
struct exit_status {
  int code = 0;    ///< 0 to 255
  int signal = 0;  ///< the signal that ended it, or 0
  bool oom_killed = false;
  time_point finished{};
};

struct exec_options {
  std::vector<std::string> command;        ///< argv; argv[0] is looked up in the container's PATH
  std::map<std::string, std::string> env;  ///< added to the container's
  std::string workdir;                     ///< empty = the container's
  std::string user;                        ///< uid, uid:gid, name or name:group; empty = the container's
  bool tty = false;                        ///< one pty instead of three pipes
  bool open_stdin = false;                 ///< else stdin is /dev/null
  window_size size{};
  bool privileged = false;
  bool detached = false;  ///< goes on when this process ends, with /dev/null for streams; excludes tty and open_stdin
};

/// The streams are pipes (or one pty) between this process and the command: nothing is copied on the way.
/// Descriptors are owned by the object. Movable; one owner at a time; the container must outlive it.
/// The destructor kills the process if it still runs, unless detach() was called.
class process {
 public:
  process(process&&) noexcept;
  process& operator=(process&&) noexcept;
  ~process();

  /// In the host's pid namespace; for display. 0 before it runs.
  [[nodiscard]] int pid() const noexcept;
  /// Readable when the process has ended; borrowed. For poll, epoll, asio, asyncio.
  [[nodiscard]] int wait_fd() const noexcept;
  /// Borrowed descriptors, -1 where absent. With a tty stdin_fd() and stdout_fd() are the pty's master.
  [[nodiscard]] int stdin_fd() const noexcept;
  [[nodiscard]] int stdout_fd() const noexcept;
  [[nodiscard]] int stderr_fd() const noexcept;

  /// Writes all of `data`; throws error{kernel} with EPIPE when the command closed its end. Never raises SIGPIPE.
  void write(std::string_view data);
  void close_stdin() noexcept;
  /// What is there, at most 64 KiB; waits for the first byte. Empty = end of both streams.
  struct chunk {
    stream from = stream::out;
    std::string data;
  };
  [[nodiscard]] chunk read(std::stop_token stop = {}, std::optional<std::chrono::nanoseconds> timeout = {});

  /// Nothing while it runs.
  [[nodiscard]] std::optional<exit_status> poll() const;
  /// Throws error{timeout} or error{interrupted}; the process runs on then.
  exit_status wait(std::stop_token stop = {}, std::optional<std::chrono::nanoseconds> timeout = {});
  /// Throws error{not_running} when it has ended.
  void signal(int number);
  void resize(window_size size);
  /// Leaves the process running when this object ends.
  void detach() noexcept;

  struct state;
  explicit process(std::unique_ptr<state> s) noexcept;

 private:
  std::unique_ptr<state> state_;
};

/// A finished command with everything it wrote.
struct completed {
  std::vector<std::string> command;
  exit_status status;
  std::string out, err;  ///< exact bytes
  std::chrono::nanoseconds duration{};

  /// Throws error{nonzero_exit} unless the code is 0; returns *this.
  const completed& check() const;
};

}  // namespace contain
