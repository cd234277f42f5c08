// What a container wrote, and what it writes.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/supervisor.hpp"
#include "contain/sys/file.hpp"
#include "engine/attachment_state.hpp"
#include "engine/container_state.hpp"
#include "engine/lifecycle.hpp"
#include "engine/log_reader.hpp"
#include "engine/wait.hpp"

namespace contain {
namespace {

sys::unique_fd open_log(const container::impl& c) {
  auto file = sys::open_at(c.directory.get(), "log", O_RDONLY | O_NOFOLLOW);
  if (file) return std::move(*file);
  if (file.error() == ENOENT) return {};  // never started
  throw error::from_errno(file.error(), "open", "log");
}

/// Says when the log has grown. inotify(7) by way of the descriptor: the store's path may be anything.
class growth_watch {
 public:
  explicit growth_watch(int directory) : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (!fd_) throw error::from_errno(errno, "inotify_init1").with_hint("sysctl fs.inotify.max_user_instances");
    const auto path = text::cat("/proc/self/fd/", directory, "/log");
    if (::inotify_add_watch(fd_.get(), path.c_str(), IN_MODIFY) < 0 && errno != ENOENT) {
      throw error::from_errno(errno, "inotify_add_watch", "log").with_hint("sysctl fs.inotify.max_user_watches");
    }
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  void clear() const noexcept {
    std::array<char, 4096> events{};
    while (sys::retry([&] { return ::read(fd_.get(), events.data(), events.size()); }) > 0) {
    }
  }

 private:
  sys::unique_fd fd_;
};

enum class pass : unsigned char { all, stopped };

/// Hands over what is there.
pass drain(log_reader& log, const std::function<bool(const log_entry&)>& sink) {
  while (const auto entry = log.next()) {
    if (!sink(*entry)) return pass::stopped;
  }
  return log.finished() ? pass::stopped : pass::all;
}

}  // namespace

void container::logs(const log_options& options, const std::function<bool(const log_entry&)>& sink) const {
  const auto c = impl_->current();
  // Watch and connection come before the first read, so that nothing falls between it and the first wait.
  const bool follow = options.follow && c.state == storage::run_state::running;
  std::optional<growth_watch> growth;
  std::optional<sys::unique_fd> end;
  if (follow) {
    growth.emplace(impl_->directory.get());
    end = runtime::connect_client(impl_->directory.get(), {});
  }
  log_reader log{open_log(*impl_),
                 {.out = options.out, .err = options.err, .since = options.since, .until = options.until}};
  if (options.tail) {
    log.seek_tail(*options.tail);
  } else {
    log.seek_since();
  }
  if (drain(log, sink) == pass::stopped || !end) return;
  // After `until` nothing more can be wanted, even if nothing more is written.
  deadline limit;
  if (options.until) limit = deadline{*options.until - now()};
  for (bool running = true; running;) {
    std::array<pollfd, 2> fds{
        {{.fd = growth->fd(), .events = POLLIN, .revents = 0}, {.fd = end->get(), .events = POLLIN, .revents = 0}}};
    try {
      wait_for_event(fds, options.stop, limit, "follow the log of", c.name);
    } catch (const error& e) {
      if (e.code() != errc::timeout) throw;
      return;
    }
    growth->clear();
    // The supervisor writes the last record before it says that the container has ended.
    if (fds[1].revents != 0) {
      running = false;
      const auto event = runtime::next_event(end->get());
      if (event.what == runtime::client_event::kind::exited) impl_->ended->set(event.exit);
    }
    if (drain(log, sink) == pass::stopped) return;
  }
}

std::string container::log_text(stream from) const {
  std::string all;
  log_options options;
  options.out = from == stream::out;
  options.err = from == stream::err;
  logs(options, [&](const log_entry& entry) {
    all += entry.data;
    return true;
  });
  return all;
}

attachment container::attach() const {
  const auto c = impl_->current();
  auto client = c.state == storage::run_state::running
                    ? runtime::connect_client(impl_->directory.get(), {.input = true, .output = true})
                    : std::nullopt;
  if (!client) throw error{errc::not_running, "attach to container", c.name};
  impl_->report(c, "attach");
  return attachment{std::make_unique<attachment::state>(
      attachment::state{.client = std::move(*client), .ended = false, .exit = impl_->ended})};
}

}  // namespace contain
