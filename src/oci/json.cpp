// The one place below the fronts that includes the full json.hpp, which costs seconds in every file that does.
#include <nlohmann/json.hpp>

#include <set>
#include <utility>

#include "contain/core/text.hpp"
#include "oci/json_reader.hpp"
#include "oci/json_writer.hpp"

namespace contain::oci::detail {
namespace {

using json = nlohmann::json;
using ordered = nlohmann::ordered_json;
constexpr int max_depth = 64;

/// Keys of the objects that are open while the parser runs.
class strictness {
 public:
  explicit strictness(const std::string& what) : what_(what) {}
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        open_.emplace_back();
        [[fallthrough]];
      case json::parse_event_t::array_start:
        if (depth >= max_depth) throw error{errc::corrupt, "read " + what_, "", "nested deeper than 64 levels"};
        break;
      case json::parse_event_t::key:
        if (!open_.back().insert(parsed.get_ref<const std::string&>()).second)
          throw error{errc::corrupt, "read " + what_, parsed.get_ref<const std::string&>(), "the key is there twice"};
        break;
      case json::parse_event_t::object_end:
        open_.pop_back();
        break;
      default:
        break;
    }
    return true;
  }

 private:
  const std::string& what_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

struct document::tree {
  json root;
};

struct node::place {
  const json* value;
  std::shared_ptr<const place> parent;
  std::string key;  ///< unescaped; empty at the root
};

document::document(std::string_view text, std::string_view what, std::size_t max_bytes)
    : what_(what), tree_(std::make_unique<tree>()) {
  if (text.size() > max_bytes)
    throw error{errc::corrupt, "read " + what_, "", text::cat("longer than ", max_bytes, " bytes")};
  try {
    tree_->root = json::parse(text, strictness{what_});
  } catch (const json::parse_error& e) {
    // Its text quotes the document, which may be a credentials file.
    throw error{errc::corrupt, "read " + what_, "", text::cat("no JSON at byte ", e.byte)};
  }
}

document::~document() = default;

node document::root() const {
  return {*this, std::make_shared<const node::place>(node::place{&tree_->root, nullptr, {}})};
}

node node::child(std::string key, const void* value) const {
  return {*in_, std::make_shared<const place>(place{static_cast<const json*>(value), where_, std::move(key)})};
}

std::string node::pointer() const {
  std::vector<const place*> path;
  for (const place* p = where_.get(); p->parent != nullptr; p = p->parent.get()) path.push_back(p);
  std::string out;
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    out += '/';
    for (const char c : (*it)->key) {  // RFC 6901 §3
      if (c == '~')
        out += "~0";
      else if (c == '/')
        out += "~1";
      else
        out += c;
    }
  }
  return out.empty() ? "/" : out;
}

error node::wrong(std::string_view what) const {
  return error{errc::corrupt, "read " + in_->what(), pointer(), std::string{what}};
}

void node::require_object() const {
  if (!where_->value->is_object()) throw wrong(text::cat("expected an object, found ", where_->value->type_name()));
}

bool node::is_array() const noexcept { return where_->value->is_array(); }

bool node::has_key(std::string_view key) const {
  require_object();
  return where_->value->contains(key);
}

std::optional<node> node::find(std::string_view key) const {
  require_object();
  const auto found = where_->value->find(key);
  if (found == where_->value->end() || found->is_null()) return std::nullopt;
  return child(std::string{key}, &*found);
}

node node::at(std::string_view key) const {
  auto found = find(key);
  if (!found) throw wrong(text::cat("the member \"", key, "\" is missing"));
  return *std::move(found);
}

std::string node::free_text() const {
  if (!where_->value->is_string()) throw wrong(text::cat("expected a string, found ", where_->value->type_name()));
  return where_->value->get<std::string>();
}

std::string node::string() const {
  auto text = free_text();
  if (text.find('\0') != std::string::npos) throw wrong("the string has a NUL in it");
  return text;
}

bool node::boolean() const {
  if (!where_->value->is_boolean())
    throw wrong(text::cat("expected true or false, found ", where_->value->type_name()));
  return where_->value->get<bool>();
}

std::int64_t node::integer(std::int64_t least, std::int64_t most) const {
  const json& value = *where_->value;
  if (!value.is_number_integer()) throw wrong(text::cat("expected a whole number, found ", value.type_name()));
  // Above INT64_MAX the library holds an unsigned number, which get<int64_t> would wrap.
  const bool fits = !value.is_number_unsigned() || std::in_range<std::int64_t>(value.get<std::uint64_t>());
  if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most)
    throw wrong(text::cat("the number is not between ", least, " and ", most));
  return value.get<std::int64_t>();
}

std::vector<node> node::items(std::size_t most) const {
  const json& value = *where_->value;
  if (!value.is_array()) throw wrong(text::cat("expected an array, found ", value.type_name()));
  if (value.size() > most) throw wrong(text::cat("more than ", most, " elements"));
  std::vector<node> out;
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) out.push_back(child(std::to_string(i), &value[i]));
  return out;
}

std::vector<std::string> node::strings() const {
  std::vector<std::string> out;
  for (const node& item : items(SIZE_MAX)) out.push_back(item.string());
  return out;
}

std::vector<std::string> node::keys() const {
  require_object();
  std::vector<std::string> out;
  for (const auto& [key, value] : where_->value->items()) {
    if (key.find('\0') != std::string::npos) throw wrong("a key has a NUL in it");
    out.push_back(key);
  }
  return out;
}

std::map<std::string, std::string> node::string_map() const {
  std::map<std::string, std::string> out;
  for (const std::string& key : keys()) {
    const auto value = find(key);
    out.emplace(key, value ? value->string() : std::string{});
  }
  return out;
}

std::string node::string_or_empty(std::string_view key) const {
  const auto value = find(key);
  return value ? value->string() : std::string{};
}

std::vector<std::string> node::strings_or_empty(std::string_view key) const {
  const auto value = find(key);
  return value ? value->strings() : std::vector<std::string>{};
}

std::map<std::string, std::string> node::string_map_or_empty(std::string_view key) const {
  const auto value = find(key);
  return value ? value->string_map() : std::map<std::string, std::string>{};
}

// --- writing

struct json_value::tree {
  ordered root;
};

json_value::json_value(std::unique_ptr<tree> t) noexcept : tree_(std::move(t)) {}
json_value::json_value(json_value&&) noexcept = default;
json_value& json_value::operator=(json_value&&) noexcept = default;
json_value::~json_value() = default;

json_value json_value::object() { return json_value{std::make_unique<tree>(tree{ordered::object()})}; }
json_value json_value::array() { return json_value{std::make_unique<tree>(tree{ordered::array()})}; }
json_value json_value::number(std::uint64_t value) { return json_value{std::make_unique<tree>(tree{ordered(value)})}; }
json_value json_value::of(const std::vector<std::string>& strings) {
  return json_value{std::make_unique<tree>(tree{ordered(strings)})};
}
json_value json_value::of(const std::map<std::string, std::string>& members) {
  auto out = object();
  for (const auto& [key, value] : members) out.set(key, value);
  return out;
}

json_value& json_value::set(std::string_view key, std::string_view text) {
  tree_->root[std::string{key}] = text;
  return *this;
}
json_value& json_value::set(std::string_view key, std::int64_t number) {
  tree_->root[std::string{key}] = number;
  return *this;
}
json_value& json_value::set(std::string_view key, std::uint64_t number) {
  tree_->root[std::string{key}] = number;
  return *this;
}
json_value& json_value::set(std::string_view key, bool flag) {
  tree_->root[std::string{key}] = flag;
  return *this;
}
json_value& json_value::set(std::string_view key, json_value value) {
  tree_->root[std::string{key}] = std::move(value.tree_->root);
  return *this;
}
json_value& json_value::set_unless_empty(std::string_view key, std::string_view text) {
  return text.empty() ? *this : set(key, text);
}
json_value& json_value::set_unless_empty(std::string_view key, const std::vector<std::string>& strings) {
  return strings.empty() ? *this : set(key, of(strings));
}
json_value& json_value::set_unless_empty(std::string_view key, const std::map<std::string, std::string>& members) {
  return members.empty() ? *this : set(key, of(members));
}
json_value& json_value::push(json_value value) {
  tree_->root.push_back(std::move(value.tree_->root));
  return *this;
}
json_value& json_value::push(std::string_view text) {
  tree_->root.push_back(text);
  return *this;
}

std::string json_value::dump(int indent) const {
  return tree_->root.dump(indent, ' ', false, ordered::error_handler_t::replace);
}

}  // namespace contain::oci::detail
