// The log as something to pull from: the library pushes entries from a thread, Python takes them one by one.
#include <condition_variable>

#include "bind.hpp"
#include "contain/container.hpp"
#include "handles.hpp"
#include "interruptible.hpp"
#include "values.hpp"

namespace contain::python {

using namespace py::literals;

namespace {

/// Entries between the two threads, at most `capacity` bytes of them (and one more).
class log_channel {
 public:
  /// Waits for space; false when the reader has gone.
  bool push(const log_entry& entry, const std::stop_token& stop) {
    {
      std::unique_lock lock{guard_};
      if (!space_.wait(lock, stop, [&] { return bytes_ < capacity; })) return false;
      bytes_ += entry.data.size();
      entries_.push_back(entry);
    }
    bell_.ring();
    return true;
  }
  void end(std::exception_ptr failure) {
    {
      const std::lock_guard lock{guard_};
      ended_ = true;
      failure_ = std::move(failure);
    }
    bell_.ring();
  }
  /// An entry, or nothing: then more may come unless `ended`.
  std::optional<log_entry> take(bool& ended) {
    const std::lock_guard lock{guard_};
    if (entries_.empty()) {
      ended = ended_;
      if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
      bell_.deliver();  // nothing to deliver: silences the bell until the next entry
      return std::nullopt;
    }
    auto entry = std::move(entries_.front());
    entries_.pop_front();
    bytes_ -= entry.data.size();
    space_.notify_one();
    return entry;
  }
  [[nodiscard]] int fd() const noexcept { return bell_.fd(); }

 private:
  static constexpr std::size_t capacity = 1 << 20;
  mailbox bell_;
  std::mutex guard_;
  std::condition_variable_any space_;
  std::deque<log_entry> entries_;
  std::size_t bytes_ = 0;
  bool ended_ = false;
  std::exception_ptr failure_;
};

class log_reader {
 public:
  log_reader(container_ptr of, log_options options) : container_(std::move(of)) {
    options.stop = stop_.get_token();
    thread_ = helper_thread([channel = channel_, of = container_, options = std::move(options)] {
      std::exception_ptr failure;
      try {
        of->get().logs(options, [&](const log_entry& entry) { return channel->push(entry, options.stop); });
      } catch (const error& stopped) {
        if (stopped.code() != errc::interrupted) failure = std::current_exception();
      } catch (...) {
        failure = std::current_exception();
      }
      channel->end(failure);
    });
  }
  log_reader(const log_reader&) = delete;
  log_reader& operator=(const log_reader&) = delete;
  ~log_reader() { close(); }

  std::optional<log_entry> next() {
    const log_delivery log{container_->in()};
    const std::array fds{channel_->fd()};
    for (bool ended = false;;) {
      if (auto entry = channel_->take(ended)) return entry;
      if (ended) return std::nullopt;
      (void)wait_readable(fds, std::nullopt);
    }
  }

  void close() {
    stop_.request_stop();
    if (!thread_.joinable()) return;
    // A forked child has no such thread: there is nothing to wait for.
    if (::getpid() != made_in_) return thread_.detach();
    const without_gil released;
    thread_.join();
  }

 private:
  container_ptr container_;
  std::shared_ptr<log_channel> channel_ = std::make_shared<log_channel>();
  std::stop_source stop_;
  std::thread thread_;
  pid_t made_in_ = ::getpid();
};

std::unique_ptr<log_reader> read_logs(const container_ptr& of, bool follow, std::optional<std::uint64_t> tail,
                                      std::optional<std::int64_t> since, std::optional<std::int64_t> until, bool out,
                                      bool err) {
  log_options options;
  options.follow = follow;
  options.tail = tail;
  if (since) options.since = time_point{std::chrono::nanoseconds{*since}};
  if (until) options.until = time_point{std::chrono::nanoseconds{*until}};
  options.out = out;
  options.err = err;
  (void)of->get();  // refuses a forked child's copy here rather than on the thread
  return std::make_unique<log_reader>(of, std::move(options));
}

bytes_result log_text(const container_ptr& of, bool err) {
  const log_delivery log{of->in()};
  return interruptible(
      [of, err](const std::stop_token&) { return bytes_result{of->get().log_text(err ? stream::err : stream::out)}; });
}

}  // namespace

void bind_logs(py::module_& m) {
  py::class_<log_reader>(m, "LogReader", "Entries of a container's log, one by one.")
      .def("next", &log_reader::next, "The next entry; None at the end.")
      .def("close", &log_reader::close);
  m.def("read_logs", &read_logs, "container"_a, "follow"_a, "tail"_a, "since"_a, "until"_a, "out"_a, "err"_a,
        "`since` and `until` are nanoseconds since 1970.");
  m.def("log_text", &log_text, "container"_a, "err"_a);
}

}  // namespace contain::python
