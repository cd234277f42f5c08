// What each step of a launch is called in an error, and which reaction it deserves.
#pragma once
#include <string>
#include <string_view>

#include "contain/core/error.hpp"
#include "contain/runtime/launch_plan.hpp"

namespace contain::runtime {

/// "mount overlay", "pivot_root"; never empty.
std::string_view step_name(step at) noexcept;

/// The error for a launch or exec of `command` that stopped at `at`; `user` and `cwd` are named where they are the
/// cause.
error launch_error(step at, int sys_errno, const std::string& command, const std::string& user, const std::string& cwd);

}  // namespace contain::runtime
