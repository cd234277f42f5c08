// What a process object holds. Internal.
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <stop_token>

#include "contain/process.hpp"
#include "contain/runtime/supervisor.hpp"
#include "contain/sys/fd.hpp"

namespace contain {

struct process::state {
  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  /// Kills it unless it has ended or was detached.
  ~state();

  int pid = 0;
  sys::unique_fd pidfd;   ///< empty when it had ended before anybody could look
  sys::unique_fd status;  ///< one exit frame arrives here
  sys::unique_fd in, out, err;
  bool tty = false;
  bool out_ended = false, err_ended = false;
  bool detached = false;
  pid_t made_by = 0;
  std::optional<exit_status> exit;
  std::function<void(const exit_status&)> on_exit;  ///< called once, by whoever learns of the end

  /// Throws error{timeout, interrupted, supervisor_lost}.
  void take_exit(const std::stop_token& stop, std::optional<std::chrono::nanoseconds> timeout);
};

}  // namespace contain
