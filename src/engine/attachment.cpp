#include "contain/core/error.hpp"
#include "contain/runtime/supervisor.hpp"
#include "engine/attachment_state.hpp"

namespace contain {

attachment::attachment(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
attachment::attachment(attachment&&) noexcept = default;
attachment& attachment::operator=(attachment&&) noexcept = default;
attachment::~attachment() = default;

int attachment::fd() const noexcept { return state_->client.get(); }

process::chunk attachment::read(std::stop_token stop, std::optional<std::chrono::nanoseconds> timeout) {
  using kind = runtime::client_event::kind;
  if (state_->ended) return {};
  auto event = runtime::next_event(state_->client.get(), std::move(stop), timeout);
  if (event.what == kind::output) return {.from = event.from, .data = std::move(event.data)};
  if (event.what == kind::exited) state_->exit->set(event.exit);
  state_->ended = true;
  return {};
}

void attachment::write(std::string_view data) { runtime::send_input(state_->client.get(), data); }
void attachment::close_stdin() { runtime::send_input_end(state_->client.get()); }
void attachment::resize(window_size size) { runtime::send_resize(state_->client.get(), size); }

}  // namespace contain
