#include "handles.hpp"

#include "values.hpp"

namespace contain::python {

void log_queue::push(const log_record& record) {
  const std::lock_guard lock{guard_};
  lines_.push_back({record.level, std::string{record.component}, record.message});
}

std::vector<log_queue::line> log_queue::take() {
  const std::lock_guard lock{guard_};
  return std::exchange(lines_, {});
}

shared_object share(py::object object) {
  return {new py::object(std::move(object)), [](py::object* held) {
            // After Python's end there is no GIL to take; the memory goes with the process.
            if (Py_IsInitialized() == 0) return;
            const with_gil gil;
            delete held;
          }};
}

engine_handle::engine_handle(engine_options options, shared_object logger)
    : logger_(std::move(logger)),
      engine_([&] {
        options.log = [queue = log_](const log_record& record) { queue->push(record); };
        return engine{std::move(options)};
      }()),
      root_(engine_.get().root().string()) {}

void engine_handle::deliver_log() noexcept {
  try {
    for (const auto& line : log_->take()) (*logger_)(to_python(line));
  } catch (py::error_already_set& failure) {
    failure.discard_as_unraisable("the log function of contain.Engine");
  } catch (...) {  // no memory for a log line: the call it belongs to matters more
  }
}

}  // namespace contain::python
