// A list as docker shows it: a table, ids alone, a template for each row, or JSON.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace contain::cli {

/// One column of a view: the field's name in templates and the heading of the table.
struct column {
  std::string_view name, heading;
};

/// One row. Texts stand in the order of the view's columns and are what people read ("5 minutes ago", "13.3kB").
struct record {
  std::vector<std::string> texts;
  /// By column name: the exact value as JSON text (bytes, RFC 3339), where that differs from the words.
  std::map<std::string_view, std::string> exact;
  std::map<std::string, std::string> labels;  ///< for {{.Label "key"}}
};

/// Cells padded as Go's text/tabwriter does it for docker: at least 10 wide, 3 blanks between columns, the last cell
/// bare. Widths count code points.
std::string lay_out(const std::vector<std::vector<std::string>>& rows);

/// At most `width` code points; a cut shows as "…".
std::string ellipsis(std::string_view text, std::size_t width);
/// In double quotes with Go's escapes, as docker shows a command.
std::string go_quoted(std::string_view text);
std::string json_string(std::string_view text);

/// What --format asks for.
class listing {
 public:
  /// `format`: "" or "table" = `shown` as a table; "table TEMPLATE"; "json" = one array; "ndjson" = an object a line;
  /// else a template for each row. Throws contain::error{invalid}.
  listing(std::span<const column> columns, std::string_view format, std::vector<std::string_view> shown);
  ~listing();
  listing(const listing&) = delete;
  listing& operator=(const listing&) = delete;

  [[nodiscard]] std::string render(const std::vector<record>& rows) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain::cli
