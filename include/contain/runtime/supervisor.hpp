// The supervisor as the engine sees it: a helper process that is the parent of containers and execs. The host process
// itself never clones for a container, waits, or sees a signal. What travels is in protocol.hpp; the log file, too.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "contain/oci/runtime_spec.hpp"
#include "contain/process.hpp"
#include "contain/sys/fd.hpp"

namespace contain::runtime {

/// Where a container's files are: paths relative to the store's root, so that one idmapped mount covers them all.
struct rootfs_source {
  int store_fd = -1;               ///< borrowed; the store's root directory (O_PATH or O_RDONLY)
  std::vector<std::string> lower;  ///< layer directories, base first
  std::string upper, work;         ///< overlay's writable pair
};

/// Cgroup directories made for the container, limits already written; see runtime/cgroup.hpp.
struct cgroup_fds {
  std::vector<sys::unique_fd> procs;     ///< v1: an open "tasks" for each hierarchy the container joins
  std::vector<std::string> controllers;  ///< parallel to procs: "memory", "cpu,cpuacct"; mounted inside, read-only
  sys::unique_fd unified;                ///< v2: the container's directory for CLONE_INTO_CGROUP; empty if not joined
  /// The directories that hold the container's own (".../contain"), one a joined hierarchy, v2 last: the supervisor
  /// removes `id` from them when the host is gone.
  std::vector<sys::unique_fd> parents;
  sys::unique_fd oom_events;  ///< memory.oom_control (v1) or memory.events (v2), read at the end
};

struct launch_request {
  std::string id;
  const oci::runtime_spec* spec = nullptr;
  rootfs_source rootfs;
  cgroup_fds* cgroups = nullptr;  ///< may be null: the supervisor's own cgroups
  bool open_stdin = false;
  bool detached = false;        ///< gets a supervisor of its own that outlives this process
  bool auto_remove = false;     ///< detached: its supervisor deletes the directory at the end
  int state_fd = -1;            ///< borrowed; the container's directory: "log" is appended and "exit" written there
  int listen_fd = -1;           ///< borrowed; a listening SOCK_SEQPACKET socket for attach and wait clients
  sys::unique_fd first_client;  ///< optional: one end of a socketpair, attached before the first byte
};

struct launched {
  int pid = 0;                    ///< host pid of the container's first process
  std::uint64_t start_ticks = 0;  ///< /proc/PID/stat field 22: makes the pid unambiguous
  int supervisor_pid = 0;
  std::vector<std::string> weakened;  ///< hardening rows the kernel did not give: "landlock", "time_namespace"
};

struct exec_request {
  const oci::spec_process* process = nullptr;    ///< args, env, cwd, user, caps, rlimits
  const oci::runtime_spec* container = nullptr;  ///< for namespaces, seccomp, landlock, ids
  int target_pidfd = -1;                         ///< borrowed; the container's first process
  cgroup_fds* cgroups = nullptr;
  sys::unique_fd stdio[3];  ///< the child's ends; with a tty they are ignored
  bool detached = false;    ///< goes on when its owner dies
};

/// A started exec. `status` is a SOCK_SEQPACKET connection on which one exit frame arrives; see wait_exit().
struct exec_started {
  int pid = 0;
  sys::unique_fd status;
  sys::unique_fd pty_master;  ///< only with a tty
};

/// One per engine, started on first use. Thread safe: a request is one message.
class supervisor {
 public:
  /// Starts the helper: the only clone this library does in the host, invisible to its SIGCHLD and waitpid(-1).
  static supervisor spawn();
  supervisor(supervisor&&) noexcept;
  supervisor& operator=(supervisor&&) noexcept;
  /// Closes the socket: the helper kills its containers, cleans up and ends.
  ~supervisor();
  [[nodiscard]] int pid() const noexcept;

  /// Returns when the command has been executed; throws error with the failed step otherwise, nothing is left then.
  launched launch(launch_request request);
  exec_started exec(exec_request request);
  /// Deletes `name`, with everything below, in the directory `dir_fd` (borrowed) some time soon, also after this
  /// process. False when the helper is gone: then it is the caller's to do.
  [[nodiscard]] bool reap(int dir_fd, std::string_view name) noexcept;

  struct state;
  explicit supervisor(std::unique_ptr<state> s) noexcept;

 private:
  std::unique_ptr<state> state_;
};

/// --- the client side of a container's socket (attach, wait) ---

struct client_options {
  bool input = false;   ///< may send stdin
  bool output = false;  ///< receives output frames from now on
};
/// Connects to `state_fd`/attach.sock. Nothing when nobody listens: the container does not run.
std::optional<sys::unique_fd> connect_client(int state_fd, const client_options& options);
/// Makes the listening socket `state_fd`/attach.sock, mode 0600.
sys::unique_fd make_listener(int state_fd);
/// A socketpair whose second end goes into launch_request::first_client.
struct client_pair {
  sys::unique_fd ours, theirs;
};
client_pair make_client(const client_options& options);

struct client_event {
  enum class kind : std::uint8_t { output, exited, closed } what = kind::closed;
  stream from = stream::out;
  std::string data;
  exit_status exit;
};
/// Waits for the next frame. Throws error{timeout, interrupted}.
client_event next_event(int client_fd, std::stop_token stop = {}, std::optional<std::chrono::nanoseconds> timeout = {});
void send_input(int client_fd, std::string_view data);
void send_input_end(int client_fd);
void send_resize(int client_fd, window_size size);

/// How the container of that directory ended last; nothing while it runs or when it never ran.
std::optional<exit_status> read_exit(int state_fd);
/// Before another start: else the last end would be taken for the next one's.
void forget_exit(int state_fd) noexcept;

}  // namespace contain::runtime
