// The one-liner: create, start, wait, collect, remove.
#pragma once
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "contain/container.hpp"
#include "contain/process.hpp"

namespace contain {

struct run_options {
  std::string input;                                ///< bytes for stdin; empty = /dev/null
  std::optional<std::chrono::nanoseconds> timeout;  ///< kills the container, throws error{timeout}
  std::stop_token stop;
};

/// Runs `command` in a fresh container of `image` (pulled when absent) and removes it.
/// Does not throw for a nonzero exit: call .check() on the result.
completed run(engine& in, container_options options, const run_options& how = {});
/// The same in the default engine.
completed run(std::string image = "hello-world", std::vector<std::string> command = {});

}  // namespace contain
