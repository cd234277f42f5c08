#include "engine/isolation_rows.hpp"

#include "contain/core/text.hpp"
#include "contain/runtime/profile.hpp"

namespace contain {

std::vector<isolation_row> isolation_of(const blueprint& made_of, const std::vector<std::string>& weakened) {
  auto rows = made_of.built.isolation;
  for (const std::string_view entry : weakened) {
    const auto colon = entry.find(": ");
    if (colon == std::string_view::npos) continue;
    runtime::weaken(rows, entry.substr(0, colon), std::string{entry.substr(colon + 2)}, made_of.options.security);
  }
  return rows;
}

void warn_of_weakened(engine::impl& in, const std::vector<isolation_row>& rows) {
  for (const auto& row : rows) {
    if (row.result != isolation_row::grade::weakened) continue;
    in.warn_once("runtime", text::cat("isolation weakened: ", row.name, ": ", row.detail));
  }
}

}  // namespace contain
