// Builds a JSON text with the members in the order they are set, so that the same value gives the same bytes and a
// person finds them where the specification has them.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace contain::oci::detail {

/// An object, array or number under construction. Movable.
class json_value {
 public:
  static json_value object();
  static json_value array();
  static json_value number(std::uint64_t value);
  static json_value of(const std::vector<std::string>& strings);
  static json_value of(const std::map<std::string, std::string>& members);

  json_value(json_value&&) noexcept;
  json_value& operator=(json_value&&) noexcept;
  ~json_value();

  json_value& set(std::string_view key, std::string_view text);
  json_value& set(std::string_view key, const char* text) { return set(key, std::string_view{text}); }
  json_value& set(std::string_view key, const std::string& text) { return set(key, std::string_view{text}); }
  json_value& set(std::string_view key, std::int64_t number);
  json_value& set(std::string_view key, std::uint64_t number);
  json_value& set(std::string_view key, int number) { return set(key, std::int64_t{number}); }
  json_value& set(std::string_view key, unsigned number) { return set(key, std::uint64_t{number}); }
  json_value& set(std::string_view key, bool flag);
  json_value& set(std::string_view key, json_value value);
  /// Sets only what is not empty.
  json_value& set_unless_empty(std::string_view key, std::string_view text);
  json_value& set_unless_empty(std::string_view key, const std::vector<std::string>& strings);
  json_value& set_unless_empty(std::string_view key, const std::map<std::string, std::string>& members);
  json_value& push(json_value value);
  json_value& push(std::string_view text);

  /// Bytes that are no UTF-8 become U+FFFD. `indent` < 0 gives one line.
  [[nodiscard]] std::string dump(int indent = -1) const;

 private:
  struct tree;
  explicit json_value(std::unique_ptr<tree> t) noexcept;
  std::unique_ptr<tree> tree_;
};

}  // namespace contain::oci::detail
