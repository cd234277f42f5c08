// A task: the first process of a container or an exec, with its streams, its clients and what to do at its end.
#pragma once
#include <cstddef>
#include <cstdint>

#include "contain/runtime/launch_plan.hpp"
#include "contain/runtime/protocol.hpp"
#include "loop.hpp"

namespace contain::runtime::sv {

struct task;

/// A frame that a slow client has not taken yet.
struct pending_frame {
  pending_frame* next = nullptr;
  std::size_t size = 0;
  unsigned char bytes[1];
};

struct client {
  source s;
  client* next = nullptr;
  task* of = nullptr;
  std::uint32_t wants = 0;
  bool stdin_once = false;  ///< its end is the process's end of file
  pending_frame* first = nullptr;
  pending_frame* last = nullptr;
};

struct task {
  task* next = nullptr;
  std::uint32_t flags = 0;  ///< plan_flag
  char id[72] = {};
  int pid = 0;
  std::uint64_t start_ticks = 0;
  std::uint32_t weakened = 0;
  source process;   ///< pidfd
  source sync;      ///< the child's socket until it has executed
  source out, err;  ///< pipes, or the pty's master in `out`
  source in;        ///< the process's stdin; with a terminal a copy of the master
  source listener;
  int reply = -1;
  int pty_for_reply = -1;
  int state_dir = -1, log = -1, oom_events = -1;
  int parents[8];
  unsigned parent_count = 0;
  client* clients = nullptr;
  client* input_waiter = nullptr;  ///< its input is on hold until `in` takes more
  bool input_end_wanted = false;
  unsigned char* input = nullptr;
  std::size_t input_size = 0, input_done = 0;
  bool executed = false, exited = false;
  exit_record exit;
};

/// Ids whose directories are removed when the engine goes without having done it.
struct forgotten_ids {
  char (*ids)[72] = nullptr;
  unsigned count = 0, capacity = 0;
  int containers = -1;  ///< the directory that holds them
};

/// Everything the process holds; one per supervisor.
struct supervisor_state {
  loop events;
  forgotten_ids ended;  ///< containers of the engine that have ended and may still have files
  source host;          ///< the engine's socket; fd -1 in the supervisor of a detached container
  source host_process;  ///< its pidfd
  int reaper = -1;      ///< the queue of the process that deletes
  task* tasks = nullptr;
  bool host_gone = false;
  unsigned char* buffer = nullptr;  ///< of a request, kept between requests
};

// launch.cpp
void launch(supervisor_state& sv, launch_plan& plan, int* fds, int count) noexcept;
// pump.cpp
void start_pumping(supervisor_state& sv, task& t) noexcept;
enum class first_client : bool { no, yes };
/// The first client has said what it wants already, and its end is the end of the process's stdin.
void add_client(supervisor_state& sv, task& t, int fd, first_client first) noexcept;
void drain_output(supervisor_state& sv, task& t) noexcept;
void send_exit(supervisor_state& sv, task& t) noexcept;
void drop_client(supervisor_state& sv, client& c) noexcept;
void close_input(supervisor_state& sv, task& t) noexcept;
// end.cpp
void watch_process(supervisor_state& sv, task& t) noexcept;
void release_if_done(supervisor_state& sv, task& t) noexcept;
void host_closed(supervisor_state& sv) noexcept;
void destroy_task(supervisor_state& sv, task& t) noexcept;
void remove_tree(int parent, const char* name) noexcept;
void remember_ended(supervisor_state& sv, const task& t) noexcept;

// reaper.cpp
/// Deletes `name` in `dir` (borrowed), a single component, some time soon.
void reap(supervisor_state& sv, int dir, const char* name, std::size_t size) noexcept;

supervisor_state& state_of() noexcept;

}  // namespace contain::runtime::sv
