// The members of an image archive by name: a tar that has streamed by, or a directory.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "contain/storage/content_store.hpp"
#include "contain/storage/stream.hpp"
#include "engine/state.hpp"

namespace contain {

/// Names are relative, without "." and "..", and stay inside. A tar's members wait in the staging directory, because
/// the document that says what they are may come last.
class image_archive {
 public:
  /// Reads the tar, packed with gzip or zstd or not, to its end. Links among members are followed, others refused.
  static image_archive from_tar(engine::impl& in, storage::byte_source& tar);
  static image_archive from_directory(engine::impl& in, const std::filesystem::path& dir);

  [[nodiscard]] bool has(const std::string& name) const;
  /// A document. Throws error{corrupt} when it is missing or longer than `limit`.
  [[nodiscard]] std::string text(const std::string& name, std::size_t limit) const;
  /// The member as a blob of the staging directory. Throws error{corrupt} when it is missing.
  [[nodiscard]] storage::staged_blob stage(const std::string& name) const;

 private:
  explicit image_archive(engine::impl& in) noexcept : in_(&in) {}
  [[nodiscard]] const std::string& resolve(const std::string& name) const;
  [[nodiscard]] std::optional<sys::unique_fd> open(const std::string& name) const;

  engine::impl* in_;
  std::map<std::string, storage::staged_blob> members_;
  std::map<std::string, std::string> links_;
  sys::unique_fd directory_;
};

}  // namespace contain
