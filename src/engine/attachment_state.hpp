// What an attachment holds. Internal.
#pragma once
#include <memory>

#include "contain/container.hpp"
#include "contain/sys/fd.hpp"
#include "engine/container_state.hpp"

namespace contain {

struct attachment::state {
  sys::unique_fd client;
  bool ended = false;
  std::shared_ptr<exit_slot> exit;
};

}  // namespace contain
