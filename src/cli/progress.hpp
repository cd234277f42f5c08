// The lines of a pull: one a layer, in docker's words.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.hpp"
#include "contain/image.hpp"

namespace contain::cli {

/// "3f4a90…: Downloading [====>    ]  12.5MB/30.4MB". Shortened to `width` code points.
std::string progress_line(const transfer_progress& at, std::size_t width);

class progress_display {
 public:
  /// Rewrites its lines when `to` is a terminal, else prints a line when a layer's phase changes.
  explicit progress_display(output& to);
  void show(const transfer_progress& at);

 private:
  struct layer {
    std::string digest;
    transfer_progress::phase phase;
  };
  output& to_;
  bool rewrite_;
  std::vector<layer> layers_;
};

}  // namespace contain::cli
