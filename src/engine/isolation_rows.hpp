// A container's isolation rows: as its spec was built, and as its last start found them.
#pragma once
#include <string>
#include <vector>

#include "contain/isolation.hpp"
#include "engine/container_state.hpp"

namespace contain {

/// `weakened` holds "row: reason". Throws error{isolation_missing} when the container asked to be strict.
std::vector<isolation_row> isolation_of(const blueprint& made_of, const std::vector<std::string>& weakened);
/// One line in the log for each weakened row, once per engine.
void warn_of_weakened(engine::impl& in, const std::vector<isolation_row>& rows);

}  // namespace contain
