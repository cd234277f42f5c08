#include "cli/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "contain/core/error.hpp"

namespace contain::cli {
namespace {

// volatile sig_atomic_t is all a handler may share with the program it interrupts (signal-safety(7)).
volatile std::sig_atomic_t handler_pipe = -1;

void enqueue(int number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(number);
  (void)!::write(handler_pipe, &byte, 1);  // a full pipe holds 64 Ki signals: the rest may be lost
  errno = saved;
}

}  // namespace

// Handlers with a pipe and not signalfd: that needs the signals blocked, and a blocked mask is inherited by every
// process started meanwhile, through to the command in the container.
caught_signals::caught_signals(std::initializer_list<int> numbers) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw error::from_errno(errno, "pipe2");
  read_end_ = ends[0];
  write_end_ = ends[1];
  handler_pipe = write_end_;
  for (const int number : numbers) {
    struct sigaction action {};
    action.sa_handler = enqueue;
    action.sa_flags = SA_RESTART;
    ::sigfillset(&action.sa_mask);
    saved former{number, {}};
    if (::sigaction(number, nullptr, &former.action) != 0) continue;
    // nohup and shells without job control ignore signals on purpose; that choice stands.
    if (former.action.sa_handler == SIG_IGN) continue;
    if (::sigaction(number, &action, nullptr) == 0) former_.push_back(former);
  }
}

caught_signals::~caught_signals() {
  for (const auto& former : former_) (void)::sigaction(former.number, &former.action, nullptr);
  handler_pipe = -1;
  (void)::close(read_end_);
  (void)::close(write_end_);
}

std::optional<int> caught_signals::take() const noexcept {
  unsigned char byte = 0;
  if (::read(read_end_, &byte, 1) != 1) return std::nullopt;
  return byte;
}

}  // namespace contain::cli
