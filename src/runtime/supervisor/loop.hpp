// The supervisor's event loop: one thread, epoll, and sources that know what to do when they are ready.
#pragma once
#include <sys/epoll.h>

#include <cstdint>

namespace contain::runtime::sv {

/// Something with a descriptor in the loop. Owned by whoever embeds it; remove() before the memory goes.
struct source {
  int fd = -1;
  std::uint32_t events = 0;
  void (*ready)(source& self, std::uint32_t events) = nullptr;
  void* owner = nullptr;
};

class loop {
 public:
  bool open() noexcept;
  /// Adds or changes; `events` 0 keeps it registered for errors only.
  bool watch(source& s, std::uint32_t events) noexcept;
  /// Takes it out but leaves it open: a hang-up would be reported for ever.
  void unwatch(source& s) noexcept;
  /// Takes it out and closes its descriptor.
  void close(source& s) noexcept;
  /// Waits and dispatches until stop().
  void run() noexcept;
  void stop() noexcept { running_ = false; }
  /// After a fork: forgets the shared instance without touching its registrations, and opens one of its own.
  void leave() noexcept;

 private:
  void forget(const source& s) noexcept;
  static constexpr int batch = 32;
  epoll_event ready_[batch];
  int count_ = 0;
  int epoll_ = -1;
  bool running_ = true;
};

}  // namespace contain::runtime::sv
