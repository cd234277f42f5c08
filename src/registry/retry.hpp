// Tries again what may well succeed a moment later.
#pragma once
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/core/time.hpp"
#include "contain/registry/client.hpp"

namespace contain::registry {

/// One run of attempts. Waits with full jitter, so that many clients that failed together do not come back together.
class backoff {
 public:
  explicit backoff(const retry_policy& policy) : policy_(policy), dice_(std::random_device{}()) {}

  /// After progress: the next failure is the first again.
  void reset() noexcept { failures_ = 0; }

  /// Whether `answer` is worth another attempt; then it has waited. False also when the attempts are used up or the
  /// registry asks for more patience than the policy has. Throws error{interrupted}.
  bool again(const http_response& answer, const std::stop_token& stop) {
    const bool passing = answer.failure ? answer.failure->transient() : is_passing(answer.status);
    if (!passing || ++failures_ >= policy_.attempts) return false;
    auto pause = jittered();
    if (const auto asked = retry_after(answer)) {
      if (*asked > policy_.longest_retry_after) return false;
      pause = std::max<std::chrono::milliseconds>(pause, *asked);
    }
    sleep(pause, stop);
    return true;
  }

 private:
  static bool is_passing(int status) noexcept {
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
  }
  /// Seconds; the form with a date is rare and means the same.
  static std::optional<std::chrono::seconds> retry_after(const http_response& answer) {
    const auto header = answer.header("retry-after");
    if (!header) return std::nullopt;
    const auto seconds = text::parse_unsigned<unsigned>(*header);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds{*seconds};
  }
  std::chrono::milliseconds jittered() {
    const auto shift = std::min(failures_ - 1, 16U);
    const auto bound = std::min(policy_.first_delay * (1U << shift), policy_.longest_delay);
    return std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>{0, bound.count()}(dice_)};
  }
  static void sleep(std::chrono::milliseconds pause, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any condition;
    std::unique_lock lock{mutex};
    (void)condition.wait_for(lock, stop, pause, [] { return false; });
    if (stop.stop_requested()) throw error{errc::interrupted, "wait before another attempt"};
  }

  retry_policy policy_;
  unsigned failures_ = 0;
  std::minstd_rand dice_;
};

}  // namespace contain::registry
