// A container as an object: create, start, exec, logs, stop, remove. Its end stops and removes it.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contain/core/time.hpp"
#include "contain/fwd.hpp"
#include "contain/isolation.hpp"
#include "contain/process.hpp"

namespace contain {

/// Bounds of the resources. Absent = the profile's default (pids 2048, memory 80 % of what the host process may
/// use, no cpu limit); 0 = no limit.
struct limits {
  std::optional<std::uint64_t> memory_bytes;  ///< hard limit, at least 6 MiB; swap stays off
  std::optional<double> cpus;                 ///< 1.5 = one and a half cpus' time in each 100 ms
  std::optional<std::uint64_t> cpu_shares;    ///< weight, 2 to 262144; 1024 is normal
  std::optional<std::int64_t> pids;
  /// RLIMIT_x by docker's ulimit names ("nofile" -> soft, hard).
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> rlimits;
};

/// Something mounted over the root file system.
struct mount_option {
  enum class kind : unsigned char { bind, tmpfs };
  kind type = kind::bind;
  std::string source;       ///< host path of a bind
  std::string destination;  ///< absolute path inside
  bool read_only = false;
  std::uint64_t size_bytes = 0;  ///< tmpfs; 0 = half of memory
  unsigned mode = 01777;         ///< tmpfs
};

enum class network_mode : unsigned char {
  isolated,  ///< an own network namespace with loopback only
  host,
  none,  ///< as isolated, and loopback stays down
};

/// What ends the container's life.
enum class lifetime : unsigned char {
  owner,     ///< this object: stopped and removed with it, also when the process is killed
  detached,  ///< nobody: it goes on after the process, until stopped
};

/// How a container is made. Every member has docker's default where docker has one.
struct container_options {
  std::string image = "hello-world";
  std::vector<std::string> command;                    ///< replaces the image's CMD when not empty
  std::optional<std::vector<std::string>> entrypoint;  ///< {} clears the image's ENTRYPOINT
  std::string name;                                    ///< empty = adjective_surname
  std::map<std::string, std::string> env, labels;
  std::string workdir, user, hostname;
  contain::limits limits;
  security_options security;
  std::vector<mount_option> mounts;
  network_mode network = network_mode::isolated;
  bool tty = false;
  bool open_stdin = false;
  bool read_only_root = false;
  std::string stop_signal;  ///< "SIGTERM" unless the image says otherwise
  std::chrono::seconds stop_timeout{10};
  window_size size{};        ///< of the tty
  bool auto_remove = false;  ///< removed when it exits, docker's --rm
  lifetime life = lifetime::owner;
  std::string platform;  ///< for a pull; empty = this machine's
};

enum class container_state : unsigned char { created, running, exited, dead };
/// "created", "running", "exited", "dead".
std::string_view to_string(container_state state) noexcept;

/// What the store and the kernel know of a container at one moment.
struct container_info {
  std::string id, name;
  std::string image, image_id;       ///< as given; digest
  std::vector<std::string> command;  ///< entrypoint and cmd together
  container_state state = container_state::created;
  int pid = 0;  ///< host pid of the first process while running
  std::optional<exit_status> exit;
  time_point created{}, started{};
  std::map<std::string, std::string> labels;
  bool tty = false, auto_remove = false, detached = false;
  int owner_pid = 0;  ///< the process whose end ends it; 0 when detached
  std::string error;  ///< why the last start failed
};

/// One write of the container, in order over both streams.
struct log_entry {
  time_point when{};
  stream from = stream::out;
  std::string data;  ///< exact bytes; a line is split over entries only where the container wrote it in pieces
};

struct log_options {
  bool follow = false;
  std::optional<std::uint64_t> tail;  ///< the last n lines
  std::optional<time_point> since, until;
  bool out = true, err = true;
  std::stop_token stop;
};

/// A live connection to the first process's streams. Closing it leaves the container running.
class attachment {
 public:
  attachment(attachment&&) noexcept;
  attachment& operator=(attachment&&) noexcept;
  ~attachment();
  /// Readable when read() would not block; borrowed.
  [[nodiscard]] int fd() const noexcept;
  /// The next piece of output; empty data = the container has ended (or closed both streams).
  [[nodiscard]] process::chunk read(std::stop_token stop = {}, std::optional<std::chrono::nanoseconds> timeout = {});
  void write(std::string_view data);
  /// EOF for the process once everything written has arrived.
  void close_stdin();
  void resize(window_size size);

  struct state;
  explicit attachment(std::unique_ptr<state> s) noexcept;

 private:
  std::unique_ptr<state> state_;
};

/// Movable, not copyable. const members from any thread; others need one owner at a time. The engine must outlive it.
/// With lifetime::owner the destructor stops (SIGKILL after a refused grace of 0) and removes it; a killed process
/// leaves that to the supervisor. Handles from open() never own.
class container {
 public:
  /// Makes it, starts nothing. Pulls the image when absent.
  static container create(engine& in, container_options options);
  /// By name, full id or unique id prefix. Throws error{container_not_found}.
  static container open(engine& in, std::string_view name);

  container(container&&) noexcept;
  container& operator=(container&&) noexcept;
  ~container();

  [[nodiscard]] const std::string& id() const noexcept;
  [[nodiscard]] std::string name() const;
  /// Read from kernel and store at each call.
  [[nodiscard]] container_info info() const;
  [[nodiscard]] container_state state() const;
  /// docker's `inspect` object, plus "Isolation": every row of the profile as got, weakened or opted out.
  [[nodiscard]] std::string inspect_json() const;
  [[nodiscard]] std::vector<isolation_row> isolation() const;

  /// Returns once the command has been executed. A stopped container keeps its files.
  /// Throws error{already_running, command_not_found, command_not_executable, isolation_missing, …}.
  void start();
  /// start() with a connection that misses no byte.
  [[nodiscard]] attachment start_attached();
  /// stop_signal, then SIGKILL after `grace` (default: the container's stop_timeout). Returns how it ended.
  /// A container that does not run is left as it is.
  exit_status stop(std::optional<std::chrono::nanoseconds> grace = {}, std::stop_token stop = {});
  /// Throws error{not_running}.
  void kill(int signal = 9);
  void restart(std::optional<std::chrono::nanoseconds> grace = {});
  /// Until it does not run. Throws error{timeout} or error{interrupted} and leaves it running.
  exit_status wait(std::stop_token stop = {}, std::optional<std::chrono::nanoseconds> timeout = {}) const;
  /// Readable when the first process has ended; -1 when it does not run. The caller owns it.
  [[nodiscard]] int open_wait_fd() const;
  void rename(std::string_view name);
  /// Throws error{already_running} for a running container unless `force`, which kills it. Idempotent.
  void remove(bool force = false);
  /// Leaves the container to itself: this object no longer owns it. Only before start(), or when already detached.
  void detach();

  /// A new process in the running container. Throws error{not_running, command_not_found, unknown_user, …}.
  [[nodiscard]] process exec(const exec_options& options) const;
  /// exec, wait, collect both streams.
  [[nodiscard]] completed exec_run(const exec_options& options, std::string_view input = {}, std::stop_token stop = {},
                                   std::optional<std::chrono::nanoseconds> timeout = {}) const;
  /// Calls `sink` for each entry until the end (or, following, until the container ends) or until it returns false.
  void logs(const log_options& options, const std::function<bool(const log_entry&)>& sink) const;
  /// Everything it wrote to one stream so far.
  [[nodiscard]] std::string log_text(stream from) const;
  [[nodiscard]] attachment attach() const;

  struct impl;
  explicit container(std::unique_ptr<impl> i) noexcept;

 private:
  std::unique_ptr<impl> impl_;
};

}  // namespace contain
