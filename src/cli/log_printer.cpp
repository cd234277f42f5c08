#include "cli/log_printer.hpp"

#include <algorithm>

#include "contain/core/time.hpp"

namespace contain::cli {

void log_printer::print(const log_entry& entry) {
  // The two streams often end in one terminal or file: what was written first is also shown first.
  if (entry.from != last_) flush();
  last_ = entry.from;
  auto& to = entry.from == stream::err ? to_.err : to_.out;
  if (!timestamps_) {
    to.write(entry.data);
    return;
  }
  // A line that was written in pieces is stamped once, with the time of its first piece.
  auto& at_line_start = entry.from == stream::err ? err_at_line_start_ : out_at_line_start_;
  const auto stamp = to_rfc3339(entry.when);
  std::string_view rest = entry.data;
  while (!rest.empty()) {
    if (at_line_start) to.write(stamp).write(" ");
    const auto end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    to.write(rest.substr(0, end));
    at_line_start = rest[end - 1] == '\n';
    rest.remove_prefix(end);
  }
}

void log_printer::flush() {
  to_.out.flush();
  to_.err.flush();
}

}  // namespace contain::cli
