// Reads documents that strangers wrote: every access checks the type and an error names the place by JSON pointer.
// Only json_reader.cpp pays for the full json.hpp.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contain/core/error.hpp"

namespace contain::oci::detail {

class document;

/// One value inside a document. Borrows from the document. A member that is null counts as absent, as Go's decoder,
/// which most writers are tested against, has it.
class node {
 public:
  /// Nothing when absent or null. Throws error{corrupt} when this is no object.
  [[nodiscard]] std::optional<node> find(std::string_view key) const;
  /// Throws error{corrupt} when absent or null.
  [[nodiscard]] node at(std::string_view key) const;
  /// True also for null.
  [[nodiscard]] bool has_key(std::string_view key) const;

  /// The text of a string without NUL, which would end it early for the kernel.
  [[nodiscard]] std::string string() const;
  /// Any string.
  [[nodiscard]] std::string free_text() const;
  [[nodiscard]] bool boolean() const;
  /// A whole number from `least` to `most`.
  [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const;
  [[nodiscard]] std::vector<std::string> strings() const;
  [[nodiscard]] std::map<std::string, std::string> string_map() const;
  /// The names of an object's members, whatever their values.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// The elements of an array of at most `most`.
  [[nodiscard]] std::vector<node> items(std::size_t most) const;
  void require_object() const;
  [[nodiscard]] bool is_array() const noexcept;

  /// The members most documents need: absent gives an empty value.
  [[nodiscard]] std::string string_or_empty(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> strings_or_empty(std::string_view key) const;
  [[nodiscard]] std::map<std::string, std::string> string_map_or_empty(std::string_view key) const;

  /// error{corrupt, "read <document>", pointer, `what`}.
  [[nodiscard]] error wrong(std::string_view what) const;
  [[nodiscard]] std::string pointer() const;

  struct place;
  node(const document& in, std::shared_ptr<const place> where) noexcept : in_(&in), where_(std::move(where)) {}

 private:
  [[nodiscard]] node child(std::string key, const void* value) const;
  const document* in_;
  std::shared_ptr<const place> where_;
};

/// A parsed text. Refuses one longer than `max_bytes`, deeper than 64 levels, with a repeated key (two readers may
/// choose differently) or that is no UTF-8.
class document {
 public:
  /// `what` is for errors: "image manifest".
  document(std::string_view text, std::string_view what, std::size_t max_bytes);
  ~document();
  document(const document&) = delete;
  document& operator=(const document&) = delete;
  [[nodiscard]] node root() const;
  [[nodiscard]] const std::string& what() const noexcept { return what_; }

 private:
  struct tree;
  std::string what_;
  std::unique_ptr<tree> tree_;
};

}  // namespace contain::oci::detail
