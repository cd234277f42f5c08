#include "loop.hpp"

#include <unistd.h>

#include <cerrno>

namespace contain::runtime::sv {

bool loop::open() noexcept {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  return epoll_ >= 0;
}

void loop::leave() noexcept {
  ::close(epoll_);
  count_ = 0;
  (void)open();
}

bool loop::watch(source& s, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &s;
  s.events = events;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, s.fd, &event) == 0) return true;
  return errno == ENOENT && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, s.fd, &event) == 0;
}

void loop::unwatch(source& s) noexcept {
  (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, s.fd, nullptr);
  forget(s);
}

void loop::close(source& s) noexcept {
  if (s.fd < 0) return;
  (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, s.fd, nullptr);
  ::close(s.fd);
  s.fd = -1;
  forget(s);
}

void loop::forget(const source& s) noexcept {
  // The same wake-up may already hold an event of this source; its memory can be gone by then.
  for (int i = 0; i < count_; ++i) {
    if (ready_[i].data.ptr == &s) ready_[i].data.ptr = nullptr;
  }
}

void loop::run() noexcept {
  while (running_) {
    count_ = ::epoll_wait(epoll_, ready_, batch, -1);
    for (int i = 0; i < count_ && running_; ++i) {
      auto* s = static_cast<source*>(ready_[i].data.ptr);
      if (s != nullptr) s->ready(*s, ready_[i].events);
    }
    if (count_ < 0) count_ = 0;
  }
}

}  // namespace contain::runtime::sv
