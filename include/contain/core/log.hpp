// The log hook: silent unless the owner of an engine sets a sink. The library never writes to stdout or stderr.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace contain {

enum class log_level : unsigned char { debug, info, warn };

/// One line. `component` is the layer that speaks ("storage", "runtime").
struct log_record {
  log_level level = log_level::info;
  std::string_view component;
  std::string message;
};

/// Called on the acting thread. There is no error level: errors are thrown.
using log_sink = std::function<void(const log_record&)>;

/// Hands a record to `sink` if there is one; an exception from the sink is swallowed.
inline void emit(const log_sink& sink, log_level level, std::string_view component, std::string message) noexcept {
  if (!sink) return;
  try {
    sink({level, component, std::move(message)});
  } catch (...) {  // a logger must not break what it watches
  }
}

}  // namespace contain
