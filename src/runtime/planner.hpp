// From a runtime-spec value to the launch plan and the descriptors that travel with it. Everything is resolved here, in
// the library, once; what comes after only makes system calls.
#pragma once
#include <vector>

#include "contain/runtime/launch_plan.hpp"
#include "contain/runtime/supervisor.hpp"
#include "contain/sys/fd.hpp"

namespace contain::runtime {

/// What one request carries. `fds` borrows; what was opened for this request is owned by `owned`.
struct planned_request {
  std::vector<char> plan;
  std::vector<int> fds;
  std::vector<sys::unique_fd> owned;
};

/// Throws error{invalid} for what a launch cannot express, and the errors of the system calls that open things.
planned_request plan_launch(launch_request& request, int reply_fd);
planned_request plan_exec(exec_request& request, int reply_fd, int status_fd);

}  // namespace contain::runtime
