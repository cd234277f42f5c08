// The part of Go's text/template that `--format` of docker is used with: fields, variables, pipelines, if, range, with,
// and docker's functions. Source: pkg.go.dev/text/template; docker's documentation on formatting output.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contain::cli {

/// Calls `name` with its arguments on the top value: `.Label "key"`. Nothing when there is no such method.
using template_methods =
    std::function<std::optional<std::string>(std::string_view name, const std::vector<std::string>& arguments)>;

/// Parsed once, rendered for each row. Immutable.
class go_template {
 public:
  /// Throws contain::error{invalid} with the place of what cannot be parsed.
  explicit go_template(std::string_view source);
  go_template(go_template&&) noexcept;
  go_template& operator=(go_template&&) noexcept;
  ~go_template();

  /// Throws contain::error{invalid} for a field that `dot` does not have.
  [[nodiscard]] std::string render(const nlohmann::ordered_json& dot, const template_methods& methods = {}) const;

  struct node;

 private:
  std::vector<node> nodes_;
};

}  // namespace contain::cli
