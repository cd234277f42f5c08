#include "contain/version.hpp"

namespace contain {

std::string_view version() noexcept { return version_string; }

}  // namespace contain
