#include "engine/log_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/runtime/protocol.hpp"

namespace contain {
namespace {

using runtime::log_header;
constexpr std::size_t trailer_size = sizeof(std::uint32_t);
constexpr std::size_t window_size_bytes = 256 * 1024;  ///< holds any record: the supervisor reads 64 KiB at a time
constexpr std::uint32_t largest_record = 128 * 1024;

std::uint64_t nanoseconds(time_point when) { return static_cast<std::uint64_t>(when.time_since_epoch().count()); }

}  // namespace

std::uint64_t log_reader::record::end() const noexcept { return at + sizeof(log_header) + size + trailer_size; }

log_reader::log_reader(sys::unique_fd file, selection what) : file_(std::move(file)), what_(what) {}

std::uint64_t log_reader::file_size() const {
  struct stat st {};
  if (!file_ || ::fstat(file_.get(), &st) != 0) return 0;
  return static_cast<std::uint64_t>(st.st_size);
}

std::optional<std::string_view> log_reader::bytes(std::uint64_t at, std::size_t size) {
  if (!file_) return std::nullopt;
  const auto inside = [&] { return at >= window_at_ && at + size <= window_at_ + window_.size(); };
  if (!inside()) {
    // A jump back to before the window means a walk backwards: what lies before is wanted next, and the record itself.
    std::uint64_t from = at;
    if (at < window_at_) {
      const std::uint64_t to = at + size + largest_record;
      from = to > window_size_bytes ? to - window_size_bytes : 0;
    }
    window_.resize(window_size_bytes);
    const auto n =
        sys::retry([&] { return ::pread(file_.get(), window_.data(), window_.size(), static_cast<off_t>(from)); });
    if (n < 0) throw error::from_errno(errno, "read", "log");
    window_.resize(static_cast<std::size_t>(n));
    window_at_ = from;
    if (!inside()) return std::nullopt;
  }
  return std::string_view{window_.data() + (at - window_at_), size};
}

std::optional<log_reader::record> log_reader::record_at(std::uint64_t at) {
  const auto head = bytes(at, sizeof(log_header));
  if (!head) return std::nullopt;
  log_header header;
  std::memcpy(&header, head->data(), sizeof header);
  if (header.size > largest_record || (header.stream != 1 && header.stream != 2)) return std::nullopt;
  const record found{.at = at, .time_ns = header.time_ns, .size = header.size, .stream = header.stream};
  // The trailer is written last: without it the record is not whole.
  const auto tail = bytes(found.end() - trailer_size, trailer_size);
  if (!tail || std::memcmp(tail->data(), &header.size, trailer_size) != 0) return std::nullopt;
  return found;
}

std::optional<log_reader::record> log_reader::record_before(std::uint64_t end) {
  constexpr std::size_t least = sizeof(log_header) + trailer_size;
  if (end < least) return std::nullopt;
  const auto tail = bytes(end - trailer_size, trailer_size);
  if (!tail) return std::nullopt;
  std::uint32_t size = 0;
  std::memcpy(&size, tail->data(), sizeof size);
  if (size > largest_record || end < least + size) return std::nullopt;
  return record_at(end - least - size);
}

std::uint64_t log_reader::whole_end() {
  // Usually the file ends with a record. While one is being appended it does not: then all are counted from the front.
  const auto size = file_size();
  if (size == 0 || record_before(size)) return size;
  std::uint64_t at = 0;
  while (const auto r = record_at(at)) at = r->end();
  return at;
}

bool log_reader::selects(const record& r) const noexcept {
  if (!(r.stream == 1 ? what_.out : what_.err)) return false;
  return !what_.since || r.time_ns >= nanoseconds(*what_.since);
}

void log_reader::seek_tail(std::uint64_t lines) {
  std::uint64_t at = whole_end();
  position_ = at;
  if (lines == 0) return;
  // The newline that ends the last line opens no new one.
  bool last = true;
  std::uint64_t newlines = 0;
  while (const auto r = record_before(at)) {
    at = r->at;
    if (what_.since && r->time_ns < nanoseconds(*what_.since)) return;
    if (!selects(*r) || (what_.until && r->time_ns > nanoseconds(*what_.until))) continue;
    const auto text = bytes(r->at + sizeof(log_header), r->size).value_or("");
    for (std::size_t i = text.size(); i-- > 0;) {
      if (text[i] == '\n' && !(last && i + 1 == text.size()) && ++newlines == lines) {
        position_ = r->at;
        skip_ = static_cast<std::uint32_t>(i + 1);
        return;
      }
    }
    last = last && text.empty();
    position_ = r->at;
  }
}

void log_reader::seek_since() {
  if (!what_.since) return;
  position_ = whole_end();
  while (const auto r = record_before(position_)) {
    if (r->time_ns < nanoseconds(*what_.since)) return;
    position_ = r->at;
  }
}

std::optional<log_entry> log_reader::next() {
  for (;;) {
    const auto r = record_at(position_);
    if (!r) {
      // What is in the window may have been the beginning of a record that is whole by now.
      window_.clear();
      return std::nullopt;
    }
    if (what_.until && r->time_ns > nanoseconds(*what_.until)) {
      finished_ = true;
      return std::nullopt;
    }
    const auto skipped = std::exchange(skip_, 0);
    const auto text = bytes(r->at + sizeof(log_header), r->size).value_or("");
    position_ = r->end();
    if (!selects(*r) || skipped >= r->size) continue;
    return log_entry{.when = time_point{std::chrono::nanoseconds{r->time_ns}},
                     .from = r->stream == 1 ? stream::out : stream::err,
                     .data = std::string{text.substr(skipped)}};
  }
}

}  // namespace contain
