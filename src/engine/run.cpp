#include "contain/run.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/engine.hpp"
#include "contain/runtime/protocol.hpp"
#include "contain/runtime/supervisor.hpp"
#include "engine/container_state.hpp"
#include "engine/lifecycle.hpp"
#include "engine/wait.hpp"

namespace contain {
namespace {

enum class sent : unsigned char { yes, no_room, nobody_reads };

/// Without waiting: while a command does not read, its output must still be taken, or both would wait for each other.
sent offer(int client, runtime::client_frame::kind what, std::string_view payload) {
  runtime::client_frame header{what, 0};
  std::array<iovec, 2> parts{{{&header, sizeof header}, {const_cast<char*>(payload.data()), payload.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (sys::retry([&] { return ::sendmsg(client, &message, MSG_NOSIGNAL | MSG_DONTWAIT); }) >= 0) return sent::yes;
  return errno == EAGAIN || errno == ENOBUFS ? sent::no_room : sent::nobody_reads;
}

/// Feeds `input` and collects both streams until the container has ended. Nothing when its supervisor was lost.
std::optional<exit_status> converse(int client, std::string_view input, completed& result, const std::stop_token& stop,
                                    const deadline& until) {
  using frame = runtime::client_frame::kind;
  using event = runtime::client_event::kind;
  constexpr std::size_t largest = runtime::frame_payload - sizeof(runtime::client_frame);
  for (bool feeding = true;;) {
    pollfd ready{.fd = client, .events = static_cast<short>(feeding ? POLLIN | POLLOUT : POLLIN), .revents = 0};
    wait_for_event({&ready, 1}, stop, until, "run", result.command.front());
    if (feeding && (ready.revents & POLLOUT) != 0) {
      const auto piece = input.substr(0, largest);
      const auto outcome = offer(client, piece.empty() ? frame::input_end : frame::input, piece);
      if (outcome == sent::yes) input.remove_prefix(piece.size());
      feeding = outcome == sent::no_room || (outcome == sent::yes && !piece.empty());
    }
    if ((ready.revents & ~POLLOUT) == 0) continue;
    auto next = runtime::next_event(client);
    if (next.what == event::exited) return next.exit;
    if (next.what == event::closed) return std::nullopt;
    (next.from == stream::out ? result.out : result.err) += next.data;
  }
}

}  // namespace

completed run(engine& in, container_options options, const run_options& how) {
  const auto began = std::chrono::steady_clock::now();
  const deadline until{how.timeout};
  options.life = lifetime::owner;
  options.auto_remove = true;
  options.open_stdin = options.open_stdin || !how.input.empty();
  // Its end kills and removes the container, whatever happens below.
  const auto c = container::impl::create(in, std::move(options));
  auto link = runtime::make_client({.input = true, .output = true});
  const auto record = c->start(std::move(link.theirs));
  completed result;
  result.command = record.command;
  try {
    if (const auto ended = converse(link.ours.get(), how.input, result, how.stop, until)) {
      lifecycle::record_end(*c->in, record, *ended, lifecycle::then::remove);
      c->owns = false;
      result.status = *ended;
    } else {
      result.status = c->wait(how.stop, until.left());
    }
  } catch (error& failure) {
    failure.during("running " + record.name);
    throw;
  }
  result.duration = std::chrono::steady_clock::now() - began;
  return result;
}

completed run(std::string image, std::vector<std::string> command) {
  container_options options;
  options.image = std::move(image);
  options.command = std::move(command);
  return run(default_engine(), std::move(options));
}

}  // namespace contain
