#include "cli/progress.hpp"

#include <algorithm>

#include "cli/terminal.hpp"
#include "contain/core/text.hpp"
#include "contain/core/units.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;
using phase = transfer_progress::phase;

std::string_view words_of(phase at) {
  switch (at) {
    case phase::resolving:
      return "Resolving";
    case phase::waiting:
      return "Waiting";
    case phase::downloading:
      return "Downloading";
    case phase::unpacking:
      return "Extracting";
    case phase::verified:
      return "Verifying Checksum";
    case phase::exists:
      return "Already exists";
    case phase::done:
      return "Pull complete";
  }
  return "";
}

/// docker's bar: 50 wide, and only for phases that count bytes.
std::string bar(const transfer_progress& at) {
  if (at.at != phase::downloading && at.at != phase::unpacking) return {};
  const auto current = units::human_size(at.current_bytes);
  if (at.total_bytes == 0) return current;
  constexpr std::uint64_t width = 50;
  const auto filled = static_cast<std::size_t>(std::min(at.current_bytes, at.total_bytes) * width / at.total_bytes);
  auto drawn = std::string(filled, '=') + (filled < width ? ">" : "");
  drawn.resize(width, ' ');
  return cat("[", drawn, "]  ", current, "/", units::human_size(at.total_bytes));
}

std::string_view short_digest(std::string_view digest) {
  const auto colon = digest.find(':');
  if (colon != std::string_view::npos) digest.remove_prefix(colon + 1);
  return digest.substr(0, 12);
}

}  // namespace

std::string progress_line(const transfer_progress& at, std::size_t width) {
  auto line = cat(short_digest(at.digest), ": ", words_of(at.at));
  const auto gauge = bar(at);
  if (gauge.empty() || line.size() + 1 + gauge.size() <= width) {
    if (!gauge.empty()) line += " " + gauge;
  } else {
    line += " " + gauge.substr(gauge.rfind(']') == std::string::npos ? 0 : gauge.rfind(']') + 3);
  }
  if (line.size() > width) line.resize(width);
  return line;
}

progress_display::progress_display(output& to) : to_(to), rewrite_(to.is_terminal()) {}

void progress_display::show(const transfer_progress& at) {
  if (at.digest.empty()) return;
  auto known = std::find_if(layers_.begin(), layers_.end(), [&](const layer& l) { return l.digest == at.digest; });
  const bool fresh = known == layers_.end();
  if (!rewrite_) {
    if (fresh) {
      layers_.push_back({at.digest, at.at});
      const bool over = at.at == phase::exists || at.at == phase::done;
      if (!over) to_.line(cat(short_digest(at.digest), ": Pulling fs layer")).flush();
      if (over) to_.line(progress_line(at, 80)).flush();
      return;
    }
    if (known->phase == at.at) return;
    known->phase = at.at;
    if (at.at == phase::verified) to_.line(cat(short_digest(at.digest), ": Download complete")).flush();
    if (at.at == phase::exists || at.at == phase::done) to_.line(progress_line(at, 80)).flush();
    return;
  }
  const auto size = terminal_size(to_.fd()).value_or(window_size{24, 80});
  const auto line = progress_line(at, size.columns > 1 ? size.columns - 1U : 79U);
  if (fresh) {
    layers_.push_back({at.digest, at.at});
    to_.line(line).flush();
    return;
  }
  known->phase = at.at;
  const auto up = static_cast<std::size_t>(layers_.end() - known);
  // Lines that have scrolled away cannot be reached; writing there would spoil the ones in sight.
  if (up >= size.rows) return;
  to_.write(cat("\x1b[", up, "A\r\x1b[2K", line, "\x1b[", up, "B\r")).flush();
}

}  // namespace contain::cli
