// A whole file that a user named: credentials, certificates.
#pragma once
#include <filesystem>
#include <string>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/file.hpp"

namespace contain::registry {

/// Throws error{invalid} when it cannot be read or is longer than `limit` bytes.
inline std::string read_small_file(const std::filesystem::path& file, std::size_t limit) {
  const std::string operation = "read file";
  const auto opened = sys::open_at(AT_FDCWD, file.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened) throw error::from_errno(errc::invalid, opened.error(), operation, file.string());
  std::string out(limit + 1, '\0');
  const auto size = sys::read_full(opened->get(), out.data(), out.size());
  if (!size) throw error::from_errno(errc::invalid, size.error(), operation, file.string());
  if (*size > limit) throw error{errc::invalid, operation, file.string(), text::cat("longer than ", limit, " bytes")};
  out.resize(*size);
  return out;
}

}  // namespace contain::registry
