// Writes log entries byte for byte, with a timestamp before each line when asked to.
#pragma once
#include "cli/output.hpp"
#include "contain/container.hpp"

namespace contain::cli {

class log_printer {
 public:
  log_printer(console& to, bool timestamps) : to_(to), timestamps_(timestamps) {}
  void print(const log_entry& entry);
  void flush();

 private:
  console& to_;
  bool timestamps_;
  bool out_at_line_start_ = true, err_at_line_start_ = true;
  stream last_ = stream::out;
};

}  // namespace contain::cli
