// Blocking calls under Python: the GIL is released and Ctrl-C is answered at once, whatever the library is doing.
//
// Python runs signal handlers on its main thread only, and only when that thread asks (PyErr_CheckSignals). So:
//   main thread    the library call runs on a helper thread with every signal blocked; the main thread polls. A signal
//                  interrupts the poll, its handler runs, and if it raises, the call's stop token is requested and the
//                  call gets `rollback_time` to undo itself. One that cannot stop that fast goes on in the background
//                  and its result is dropped, which for every handle of the library means: undone.
//   other threads  the call runs where it is; only callbacks into Python need the helper.
#pragma once
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>

#include "contain/core/scope.hpp"
#include "descriptor.hpp"
#include "gil.hpp"

namespace contain::python {

/// How long an interrupted call may take to stop and undo itself before it is left to the background. The promise is
/// KeyboardInterrupt within 100 ms; this leaves a margin for noticing the signal.
inline constexpr std::chrono::milliseconds rollback_time{70};

/// Functions that the library's thread wants run on the calling thread, with the GIL.
class mailbox {
 public:
  mailbox();
  /// From any thread, without the GIL.
  void post(std::function<void()> message);
  /// With the GIL, on the calling thread. What a message throws passes through.
  void deliver();
  /// Wakes the poll of the calling thread.
  void ring() const noexcept;
  [[nodiscard]] int fd() const noexcept { return bell_.get(); }

 private:
  descriptor bell_;  ///< eventfd
  std::mutex guard_;
  std::deque<std::function<void()>> messages_;
};

/// One call on a helper thread. Shared by both threads, because the caller may leave first.
class background_call {
 public:
  explicit background_call(std::shared_ptr<mailbox> box) : box_(std::move(box)) {}
  background_call(const background_call&) = delete;
  background_call& operator=(const background_call&) = delete;
  virtual ~background_call() = default;

  /// Starts `self` and returns when it is done; throws what it threw, or what a signal handler or message raised.
  static void run(const std::shared_ptr<background_call>& self);

 protected:
  virtual void perform(std::stop_token stop) = 0;

 private:
  void finish() noexcept;
  [[nodiscard]] bool finished() const noexcept;
  bool wait_for(std::chrono::milliseconds time) const noexcept;

  std::shared_ptr<mailbox> box_;
  std::stop_source stop_;
  mutable std::mutex guard_;
  bool done_ = false;
  std::exception_ptr failure_;
};

/// A thread that takes no signal: those are the host's, for the threads the host knows.
std::thread helper_thread(std::function<void()> body);

/// True on the thread that runs Python's signal handlers. Needs the GIL.
bool on_main_thread();

/// Calls `work(stop_token)` as described above and returns its result. `work` owns all it uses: it may outlive the
/// caller's frame. Call with the GIL.
template <class Work>
auto interruptible(Work work, std::shared_ptr<mailbox> box = nullptr) {
  using result = std::invoke_result_t<Work&, std::stop_token>;
  if (!box && !on_main_thread()) {
    const without_gil released;
    return work(std::stop_token{});
  }
  if (!box) box = std::make_shared<mailbox>();
  struct call final : background_call {
    call(Work w, std::shared_ptr<mailbox> b) : background_call(std::move(b)), work(std::move(w)) {}
    void perform(std::stop_token stop) override {
      // What it holds goes before the caller is told: an engine that is closed then is closed, not closed soon.
      const scope_exit let_go{[this] { work.reset(); }};
      if constexpr (std::is_void_v<result>)
        (*work)(std::move(stop));
      else
        value.emplace((*work)(std::move(stop)));
    }
    std::optional<Work> work;
    std::optional<std::conditional_t<std::is_void_v<result>, char, result>> value;
  };
  const auto state = std::make_shared<call>(std::move(work), std::move(box));
  background_call::run(state);
  if constexpr (!std::is_void_v<result>) return result(std::move(*state->value));
}

using deadline = std::optional<std::chrono::steady_clock::time_point>;
/// From "seconds from now"; nothing = never. Negative counts as 0.
deadline deadline_after(std::optional<double> seconds);
/// The same as a duration for the library.
std::optional<std::chrono::nanoseconds> duration_of(std::optional<double> seconds);

/// Waits until one of `fds` is readable (or hung up) or `until` passes; false then. Signals are answered. With the GIL.
bool wait_readable(std::span<const int> fds, deadline until);

}  // namespace contain::python
