#include "engine/wait.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/sys/fd.hpp"
#include "contain/sys/result.hpp"

namespace contain {

deadline::deadline(std::optional<std::chrono::nanoseconds> after) noexcept {
  const auto now = std::chrono::steady_clock::now();
  // A wait of centuries is a wait without an end, and must not overflow.
  if (after && *after < std::chrono::hours{24 * 365 * 10}) at_ = now + *after;
}

std::optional<std::chrono::nanoseconds> deadline::left() const noexcept {
  if (!at_) return std::nullopt;
  return std::max(std::chrono::nanoseconds{0}, *at_ - std::chrono::steady_clock::now());
}

void wait_for_event(std::span<pollfd> fds, const std::stop_token& stop, const deadline& until,
                    std::string_view operation, std::string_view subject) {
  const auto interrupted = [&] { return error{errc::interrupted, std::string{operation}, std::string{subject}}; };
  if (stop.stop_requested()) throw interrupted();
  std::vector<pollfd> watched(fds.begin(), fds.end());
  sys::unique_fd wake;
  if (stop.stop_possible()) {
    wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) throw error::from_errno(errno, "eventfd");
    watched.push_back({.fd = wake.get(), .events = POLLIN, .revents = 0});
  }
  const std::stop_callback on_stop{stop, [fd = wake.get()] {
                                     const std::uint64_t one = 1;
                                     (void)::write(fd, &one, sizeof one);
                                   }};
  for (;;) {
    timespec limit{};
    const auto left = until.left();
    if (left) {
      limit.tv_sec = static_cast<time_t>(left->count() / 1'000'000'000);
      limit.tv_nsec = static_cast<long>(left->count() % 1'000'000'000);
    }
    const int ready = ::ppoll(watched.data(), watched.size(), left ? &limit : nullptr, nullptr);
    if (ready < 0 && errno != EINTR) throw error::from_errno(errno, "poll");
    if (stop.stop_requested()) throw interrupted();
    if (ready == 0) throw error{errc::timeout, std::string{operation}, std::string{subject}};
    if (ready > 0) break;
  }
  std::copy_n(watched.begin(), fds.size(), fds.begin());
}

bool is_readable(int fd) noexcept {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return sys::retry([&] { return ::poll(&one, 1, 0); }) > 0;
}

}  // namespace contain
