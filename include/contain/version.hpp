// The version, at compile time (macros, constexpr) and of the library actually loaded.
#pragma once
#include <string_view>

#define CONTAIN_VERSION_MAJOR 0
#define CONTAIN_VERSION_MINOR 1
#define CONTAIN_VERSION_PATCH 0

namespace contain {
inline constexpr std::string_view version_string = "0.1.0";
/// The version of the library that is linked, which can be newer than the headers.
std::string_view version() noexcept;
}  // namespace contain
