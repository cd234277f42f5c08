#include "cli/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

constexpr std::size_t flush_at = 32 * 1024;

}  // namespace

void write_all(int fd, std::string_view bytes, std::string_view name) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {  // a shell or a parent may have left the terminal non-blocking
      pollfd ready{fd, POLLOUT, 0};
      (void)::poll(&ready, 1, -1);
      continue;
    }
    if (errno == EPIPE) throw closed_output{};
    throw error::from_errno(errno, "write", std::string{name});
  }
}

output::~output() {
  try {
    flush();
  } catch (...) {  // the error that brought us here is the one to report
  }
}

output& output::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= flush_at) flush();
  return *this;
}

void output::flush() {
  if (buffer_.empty()) return;
  const auto bytes = std::move(buffer_);
  buffer_.clear();
  write_all(fd_, bytes, name_);
}

bool output::is_terminal() const noexcept { return ::isatty(fd_) == 1; }

bool wants_colour(const output& to) noexcept {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (refused == nullptr || *refused == '\0') && (terminal == nullptr || std::string_view{terminal} != "dumb") &&
         to.is_terminal();
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += contain::text::hex(&byte, 1);
    }
  }
  return out;
}

}  // namespace contain::cli
