#include "cli/errors.hpp"

#include <algorithm>

#include "cli/output.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

std::string id_of(errc code) {
  auto digits = std::to_string(static_cast<unsigned>(code));
  return text::cat("CT", std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0'), digits);
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string render(const error& e, bool colour) {
  const std::string_view red = colour ? "\x1b[1;31m" : "";
  const std::string_view dim = colour ? "\x1b[1;34m" : "";
  const std::string_view off = colour ? "\x1b[0m" : "";
  const auto row = [&](std::string_view label, std::string_view text) {
    return text::cat("  ", dim, label, off, std::string(7 - label.size(), ' '), printable(text), "\n");
  };

  const auto& entry = describe(e.code());
  std::string out = text::cat(red, "error[", e.id(), "]", off, ": ");
  // Without a detail the operation and its subject are all there is to say, and a cause line would repeat it.
  out += printable(entry.summary);
  if (!e.subject().empty()) out += ": " + printable(e.subject());
  out += '\n';
  if (!e.context().empty()) {
    std::string frames;
    for (const auto& frame : e.context()) frames += (frames.empty() ? "" : "; ") + frame;
    out += row("while:", frames);
  }
  if (!e.detail().empty()) {
    auto cause = e.operation();
    if (!e.subject().empty()) cause += " \"" + e.subject() + '"';
    out += row("cause:", cause + ": " + e.detail());
  }
  if (const auto hint = e.hint(); !hint.empty()) out += row("help:", hint);
  out += row("more:", "contain explain " + e.id());
  return out;
}

std::string render(const usage_error& e) {
  std::string out = "contain: " + printable(e.message) + "\n";
  if (!e.suggestion.empty()) out += "\nDid you mean this?\n  " + e.suggestion + "\n";
  if (!e.usage.empty()) out += "\nUsage:  " + e.usage + "\n";
  out += "\nSee '" + e.verb + " --help'.\n";
  return out;
}

int exit_code_for(const error& e, exit_style style) noexcept {
  const int from_table = describe(e.code()).exit_code;
  if (from_table == 126 || from_table == 127 || from_table == 130) return from_table;
  return style == exit_style::launching ? 125 : 1;
}

std::optional<error_entry> find_entry(std::string_view name) noexcept {
  auto digits = name;
  if (digits.size() > 2 && lower(digits[0]) == 'c' && lower(digits[1]) == 't') digits.remove_prefix(2);
  const auto number = text::parse_unsigned<std::uint16_t>(digits);
  const auto table = error_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const error_entry& entry) {
    return entry.name == name || (number && static_cast<std::uint16_t>(entry.code) == *number);
  });
  if (found == table.end()) return std::nullopt;
  return *found;
}

std::string explain(const error_entry& entry) {
  std::string out = text::cat(id_of(entry.code), "  ", entry.name, "\n\n  ", entry.summary, "\n\n");
  if (!entry.hint.empty()) out += text::cat("  What helps:     ", entry.hint, "\n");
  out += text::cat("  C++:            contain::errc::", entry.name, "\n");
  out += text::cat("  Python:         contain.", entry.python_class, "\n");
  out += text::cat("  contain run:    exit status ",
                   entry.exit_code == 126 || entry.exit_code == 127 ? entry.exit_code : 125, "\n");
  out += text::cat("  HTTP status:    ", entry.http_status, "\n");
  return out;
}

}  // namespace contain::cli
