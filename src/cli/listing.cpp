#include "cli/listing.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/output.hpp"
#include "cli/template.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

using json = nlohmann::ordered_json;

bool starts_code_point(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

std::string unescape(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const auto two = format.substr(i, 2);
    if (two == "\\t" || two == "\\n") {
      out += two[1] == 't' ? '\t' : '\n';
      ++i;
    } else {
      out += format[i];
    }
  }
  return out;
}

json to_json(std::span<const column> columns, const record& row, bool exact) {
  json object = json::object();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto found = row.exact.find(columns[i].name);
    object[std::string{columns[i].name}] =
        exact && found != row.exact.end() ? json::parse(found->second) : json(row.texts[i]);
  }
  return object;
}

std::string dump(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

template_methods methods_of(const record& row) {
  return [&row](std::string_view name, const std::vector<std::string>& arguments) -> std::optional<std::string> {
    if (name != "Label" || arguments.size() != 1) return std::nullopt;
    const auto found = row.labels.find(arguments.front());
    return found == row.labels.end() ? std::string{} : found->second;
  };
}

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  for (const auto cell : contain::text::split(line, '\t')) cells.push_back(printable(cell));
  return cells;
}

}  // namespace

std::string lay_out(const std::vector<std::vector<std::string>>& rows) {
  constexpr std::size_t least = 10, gap = 3;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      if (widths.size() <= i) widths.resize(i + 1, least);
      widths[i] = std::max(widths[i], width_of(row[i]) + gap);
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width_of(row[i]), ' ');
    }
    out += '\n';
  }
  return out;
}

std::string ellipsis(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string{text};
  if (width == 0) return {};
  std::size_t bytes = 0, points = 0;
  for (; bytes < text.size(); ++bytes)
    if (starts_code_point(text[bytes]) && ++points == width) break;
  return std::string{text.substr(0, bytes)} + "…";
}

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += printable({&c, 1});
    }
  }
  return out + '"';
}

std::string json_string(std::string_view text) { return dump(json(text)); }

struct listing::state {
  enum class kind : unsigned char { columns, table, rows, array, lines } what = kind::columns;
  std::span<const column> columns;
  std::vector<std::string_view> shown;
  std::optional<go_template> form;
};

listing::listing(std::span<const column> columns, std::string_view format, std::vector<std::string_view> shown)
    : state_(std::make_unique<state>()) {
  auto& s = *state_;
  s.columns = columns;
  s.shown = std::move(shown);
  using kind = state::kind;
  if (format.empty() || format == "table") {
    s.what = kind::columns;
  } else if (format == "json") {
    s.what = kind::array;
  } else if (format == "ndjson") {
    s.what = kind::lines;
  } else if (format.starts_with("table ") || format.starts_with("table\t")) {
    s.what = kind::table;
    s.form.emplace(unescape(contain::text::trim(format.substr(5))));
  } else {
    s.what = kind::rows;
    s.form.emplace(unescape(format));
  }
}
listing::~listing() = default;

std::string listing::render(const std::vector<record>& rows) const {
  const auto& s = *state_;
  using kind = state::kind;
  std::string out;
  switch (s.what) {
    case kind::array: {
      json all = json::array();
      for (const auto& row : rows) all.push_back(to_json(s.columns, row, true));
      return dump(all) + "\n";
    }
    case kind::lines:
      for (const auto& row : rows) out += dump(to_json(s.columns, row, true)) + "\n";
      return out;
    case kind::rows:
      for (const auto& row : rows) out += s.form->render(to_json(s.columns, row, false), methods_of(row)) + "\n";
      return out;
    case kind::table: {
      record headings;
      for (const auto& c : s.columns) headings.texts.emplace_back(c.heading);
      const template_methods key_as_heading = [](std::string_view, const std::vector<std::string>& arguments) {
        return std::optional{arguments.empty() ? std::string{} : arguments.front()};
      };
      std::vector<std::vector<std::string>> table;
      table.push_back(cells_of(s.form->render(to_json(s.columns, headings, false), key_as_heading)));
      for (const auto& row : rows)
        table.push_back(cells_of(s.form->render(to_json(s.columns, row, false), methods_of(row))));
      return lay_out(table);
    }
    case kind::columns:
      break;
  }
  std::vector<std::size_t> places;
  for (const auto name : s.shown) {
    const auto found =
        std::find_if(s.columns.begin(), s.columns.end(), [&](const column& c) { return c.name == name; });
    places.push_back(static_cast<std::size_t>(found - s.columns.begin()));
  }
  std::vector<std::vector<std::string>> table;
  auto& headings = table.emplace_back();
  for (const auto at : places) headings.emplace_back(s.columns[at].heading);
  for (const auto& row : rows) {
    auto& cells = table.emplace_back();
    for (const auto at : places) cells.push_back(printable(row.texts[at]));
  }
  return lay_out(table);
}

}  // namespace contain::cli
