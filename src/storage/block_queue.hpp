// A bounded pipe of memory blocks between two threads of one operation.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "contain/storage/stream.hpp"

namespace contain::storage {

/// What a writer gets when nobody reads any more. Carries no text: the reader's own failure is the news.
struct reader_gone {};

/// One thread pushes, one reads. Reading gives the pusher's failure after what came before it.
class block_queue final : public byte_source {
 public:
  explicit block_queue(std::size_t limit_bytes) noexcept : limit_(limit_bytes) {}

  /// Blocks while the queue is full. Throws reader_gone.
  void push(std::vector<std::byte> block) {
    if (block.empty()) return;  // would read as the end
    std::unique_lock lock{mutex_};
    room_.wait(lock, [&] { return held_ < limit_ || abandoned_; });
    if (abandoned_) throw reader_gone{};
    held_ += block.size();
    blocks_.push_back(std::move(block));
    filled_.notify_one();
  }
  /// Nothing more will come; `failure` if that is not the end but an error.
  void close(std::exception_ptr failure = {}) noexcept {
    const std::lock_guard lock{mutex_};
    if (!closed_) failure_ = std::move(failure);
    closed_ = true;
    filled_.notify_one();
  }
  /// The reader gives up: whoever pushes is woken and stopped.
  void abandon() noexcept {
    const std::lock_guard lock{mutex_};
    abandoned_ = true;
    room_.notify_one();
  }

  std::size_t read(std::span<std::byte> into) override {
    if (at_ == current_.size() && !next()) return 0;
    const auto n = std::min(into.size(), current_.size() - at_);
    std::memcpy(into.data(), current_.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  bool next() {
    std::unique_lock lock{mutex_};
    filled_.wait(lock, [&] { return !blocks_.empty() || closed_; });
    if (blocks_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return false;
    }
    current_ = std::move(blocks_.front());
    blocks_.pop_front();
    at_ = 0;
    held_ -= current_.size();
    room_.notify_one();
    return true;
  }

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable filled_, room_;
  std::deque<std::vector<std::byte>> blocks_;
  std::size_t held_ = 0;
  bool closed_ = false, abandoned_ = false;
  std::exception_ptr failure_;
  std::vector<std::byte> current_;  // the reader's own
  std::size_t at_ = 0;
};

}  // namespace contain::storage
