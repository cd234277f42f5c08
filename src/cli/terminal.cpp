#include "cli/terminal.hpp"

#include <sys/ioctl.h>

#include <cerrno>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {

raw_mode::raw_mode(int fd) : fd_(fd) {
  if (::tcgetattr(fd_, &saved_) != 0) throw error::from_errno(errno, "tcgetattr", "standard input");
  enter();
}

raw_mode::~raw_mode() { (void)::tcsetattr(fd_, TCSADRAIN, &saved_); }

void raw_mode::enter() noexcept {
  auto raw = saved_;
  ::cfmakeraw(&raw);
  (void)::tcsetattr(fd_, TCSADRAIN, &raw);
}

std::optional<window_size> terminal_size(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return window_size{size.ws_row, size.ws_col};
}

detach_keys::detach_keys(std::string_view notation) {
  if (notation.empty()) return;
  for (const auto key : text::split(notation, ',')) {
    constexpr std::string_view control = "ctrl-";
    constexpr std::string_view controlled = "@abcdefghijklmnopqrstuvwxyz[\\]^_";  // codes 0 to 31
    if (key.size() == 1) {
      sequence_ += key;
      continue;
    }
    const auto code = key.size() == control.size() + 1 && key.starts_with(control) ? controlled.find(key.back())
                                                                                   : std::string_view::npos;
    if (code == std::string_view::npos)
      throw error{errc::invalid, "--detach-keys", std::string{notation},
                  text::cat("\"", key, "\" is no key: write a letter or ctrl-<letter>")};
    sequence_ += static_cast<char>(code);
  }
}

detach_keys::result detach_keys::feed(std::string_view typed) {
  if (sequence_.empty()) return {std::string{typed}};
  result out;
  for (const char key : typed) {
    // The sequences in use do not overlap themselves, so a mismatch starts over with the key at hand.
    if (key != sequence_[matched_]) {
      out.forward.append(sequence_, 0, matched_);
      matched_ = 0;
    }
    if (key != sequence_[matched_]) {
      out.forward += key;
      continue;
    }
    if (++matched_ < sequence_.size()) continue;
    matched_ = 0;
    out.detached = true;
    return out;
  }
  return out;
}

}  // namespace contain::cli
