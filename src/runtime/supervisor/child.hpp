// The child's side of a launch: the only code that runs between clone3 and execve. System calls in a fixed order on a
// plan that is complete; no allocation, no locks, no stdio. tests/checks compares this object's undefined symbols with
// an allow-list.
#pragma once
#include <cstdint>

#include "contain/runtime/launch_plan.hpp"

namespace contain::runtime::sv {

/// What the child sends on its socket: a failure, or "ready" with the pty's master, or where an exec's process is.
struct child_report {
  std::uint32_t failed_step = 0;  ///< runtime::step
  std::int32_t sys_errno = 0;
  std::uint32_t weakened = 0;  ///< weakened_row
  std::int32_t pid = 0;        ///< exec: the process behind the namespaces
};

/// What the supervisor sends: nothing but the moment and, the second time, two descriptors.
enum class signal_to_child : std::uint8_t { mapped = 1, root = 2 };

struct child_context {
  launch_plan* plan;
  const int* fds;  ///< the message's descriptors, by plan_fds index
  int sync;        ///< the child's end of the socketpair
  int stdio[3];    ///< -1 with a terminal
  char** argv;
  char** envp;
  std::uint32_t weakened = 0;
  std::uint32_t groups[64] = {};  ///< found by find_user, the primary group first
  unsigned group_count = 0;
};

extern "C" {
/// Returns only on failure, after reporting it.
int contain_launch_child(child_context* c) noexcept;
/// The intermediate process of an exec: joins the namespaces, clones the real one, reports its pid.
int contain_exec_child(child_context* c) noexcept;
}

// --- shared between the files of the child's side ---
step wait_for(child_context& c, signal_to_child moment, int* fds, int count) noexcept;
step build_mounts(child_context& c) noexcept;  // child_mounts.cpp
step attach_mounts(child_context& c, int root, int dev) noexcept;
step open_terminal(child_context& c, int* master, int* slave) noexcept;
step find_user(child_context& c, char* home, unsigned home_size) noexcept;  // child_user.cpp
step confine(child_context& c) noexcept;                                    // child_confine.cpp
bool send_report(child_context& c, const child_report& report, int fd) noexcept;

}  // namespace contain::runtime::sv
