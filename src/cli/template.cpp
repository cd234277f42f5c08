#include "cli/template.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "cli/template_nodes.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

[[noreturn]] void fail(std::string why) { throw error{errc::invalid, "--format", {}, std::move(why)}; }

/// As Go's fmt prints it with %v.
std::string to_text(const value& v) {
  switch (v.type()) {
    case value::value_t::null:
      return "<no value>";
    case value::value_t::string:
      return v.get<std::string>();
    case value::value_t::array: {
      std::string out = "[";
      for (const auto& item : v) out += (out.size() > 1 ? " " : "") + to_text(item);
      return out + "]";
    }
    case value::value_t::object: {
      // Go sorts the keys of a map it prints.
      std::map<std::string, std::string> sorted;
      for (const auto& [key, item] : v.items()) sorted[key] = to_text(item);
      std::string out = "map[";
      for (const auto& [key, item] : sorted) out += (out.size() > 4 ? " " : "") + key + ":" + item;
      return out + "]";
    }
    default:
      return v.dump();
  }
}

bool is_true(const value& v) {
  if (v.is_null()) return false;
  if (v.is_boolean()) return v.get<bool>();
  if (v.is_number()) return v.get<double>() != 0;
  if (v.is_string()) return !v.get_ref<const std::string&>().empty();
  return !v.empty();
}

std::string dump(const value& v) { return v.dump(-1, ' ', false, value::error_handler_t::replace); }

const value& argument(const std::vector<value>& args, std::size_t at, std::string_view function) {
  if (at >= args.size()) fail(cat(function, ": too few arguments"));
  return args[at];
}

std::int64_t integer(const value& v, std::string_view function) {
  if (!v.is_number_integer()) fail(cat(function, ": expected a number, got ", to_text(v)));
  return v.get<std::int64_t>();
}

value index_of(const std::vector<value>& args) {
  value at = argument(args, 0, "index");
  for (std::size_t i = 1; i < args.size(); ++i) {
    const auto& key = args[i];
    if (at.is_object() && key.is_string()) {
      const auto found = at.find(key.get_ref<const std::string&>());
      value next = found == at.end() ? value(nullptr) : *found;
      at = std::move(next);
    } else if (at.is_array() && key.is_number_integer()) {
      const auto position = key.get<std::int64_t>();
      if (position < 0 || static_cast<std::size_t>(position) >= at.size())
        fail(cat("index: ", position, " is out of range"));
      value next = at[static_cast<std::size_t>(position)];
      at = std::move(next);
    } else {
      fail(cat("index: cannot index ", to_text(at), " with ", to_text(key)));
    }
  }
  return at;
}

/// %s %v %d %x %f %q %t with flags, width and precision.
std::string formatted(const std::vector<value>& args) {
  const auto form = to_text(argument(args, 0, "printf"));
  std::string out;
  std::size_t used = 1;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '%') {
      out += form[i];
      continue;
    }
    const auto end = form.find_first_not_of("+-# 0123456789.", i + 1);
    if (end == std::string::npos) fail("printf: a verb is missing after %");
    auto spec = form.substr(i, end - i);
    const char verb = form[end];
    i = end;
    if (verb == '%') {
      out += '%';
      continue;
    }
    const auto& arg = argument(args, used++, "printf");
    std::array<char, 512> buffer{};
    if (verb == 'd' || verb == 'x') {
      spec += verb == 'd' ? "lld" : "llx";
      (void)std::snprintf(buffer.data(), buffer.size(), spec.c_str(), static_cast<long long>(integer(arg, "printf")));
      out += buffer.data();
    } else if (verb == 'f') {
      if (!arg.is_number()) fail("printf: %f needs a number");
      (void)std::snprintf(buffer.data(), buffer.size(), (spec + verb).c_str(), arg.get<double>());
      out += buffer.data();
    } else if (verb == 's' || verb == 'v' || verb == 't' || verb == 'q') {
      auto text = verb == 'q' ? dump(value(to_text(arg))) : to_text(arg);
      const auto width = static_cast<std::size_t>(std::abs(std::atoi(spec.c_str() + 1)));
      if (text.size() < width && spec.starts_with("%-")) text += std::string(width - text.size(), ' ');
      if (text.size() < width) text.insert(0, width - text.size(), ' ');
      out += text;
    } else {
      fail(cat("printf: unknown verb %", verb));
    }
  }
  return out;
}

bool compare(std::string_view function, const value& a, const value& b) {
  if (function == "eq" || function == "ne") return (a == b) == (function == "eq");
  const bool comparable = (a.is_number() && b.is_number()) || (a.is_string() && b.is_string());
  if (!comparable) fail(cat(function, ": cannot order ", to_text(a), " and ", to_text(b)));
  if (function == "lt") return a < b;
  if (function == "le") return a <= b;
  if (function == "gt") return a > b;
  return a >= b;
}

std::string changed_case(std::string text, std::string_view function) {
  bool word_start = true;
  for (auto& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (function == "upper" || (function == "title" && word_start)) c = static_cast<char>(std::toupper(byte));
    if (function == "lower") c = static_cast<char>(std::tolower(byte));
    word_start = std::isspace(byte) != 0;
  }
  return text;
}

value call(const std::string& name, const std::vector<value>& args) {
  const auto arg = [&](std::size_t at) -> const value& { return argument(args, at, name); };
  if (name == "json") return dump(arg(0));
  if (name == "index") return index_of(args);
  if (name == "len") return arg(0).is_string() ? arg(0).get_ref<const std::string&>().size() : arg(0).size();
  if (name == "upper" || name == "lower" || name == "title") return changed_case(to_text(arg(0)), name);
  if (name == "not") return !is_true(arg(0));
  if (name == "and" || name == "or") {
    for (std::size_t i = 0; i + 1 < args.size(); ++i)
      if (is_true(args[i]) == (name == "or")) return args[i];
    return argument(args, args.empty() ? 0 : args.size() - 1, name);
  }
  if (name == "eq" && args.size() > 2)  // eq a b c: a equals any of the others
    return std::any_of(args.begin() + 1, args.end(), [&](const value& other) { return compare(name, args[0], other); });
  if (name == "eq" || name == "ne" || name == "lt" || name == "le" || name == "gt" || name == "ge")
    return compare(name, arg(0), arg(1));
  if (name == "join") {
    std::vector<std::string> parts;
    for (const auto& item : arg(0)) parts.push_back(to_text(item));
    return contain::text::join(parts, to_text(arg(1)));
  }
  if (name == "split") {
    const auto whole = to_text(arg(0));
    const auto separator = to_text(arg(1));
    value parts = value::array();
    std::size_t from = 0;
    for (;;) {
      const auto at = separator.empty() ? std::string::npos : whole.find(separator, from);
      parts.push_back(whole.substr(from, at == std::string::npos ? at : at - from));
      if (at == std::string::npos) return parts;
      from = at + separator.size();
    }
  }
  if (name == "truncate") return to_text(arg(0)).substr(0, static_cast<std::size_t>(integer(arg(1), name)));
  if (name == "pad") {
    const auto before = static_cast<std::size_t>(std::max<std::int64_t>(0, integer(arg(1), name)));
    const auto after = static_cast<std::size_t>(std::max<std::int64_t>(0, integer(arg(2), name)));
    return cat(std::string(before, ' '), to_text(arg(0)), std::string(after, ' '));
  }
  if (name == "printf") return formatted(args);
  if (name == "print" || name == "println") {
    std::string out;
    for (const auto& item : args) out += (out.empty() || name == "print" ? "" : " ") + to_text(item);
    return name == "print" ? out : out + "\n";
  }
  fail(cat("function \"", name, "\" is not defined"));
}

class evaluator {
 public:
  evaluator(const value& top, const template_methods& methods) : top_(top), methods_(methods) {}

  void run(const std::vector<go_template::node>& nodes, const value& dot) {
    const auto scope = variables_.size();
    for (const auto& n : nodes) run_one(n, dot);
    variables_.resize(scope);
  }
  std::string take() { return std::move(out_); }

 private:
  using node = go_template::node;

  void run_one(const node& n, const value& dot) {
    if (n.what == node::kind::text) {
      out_ += n.text;
    } else if (n.what == node::kind::action) {
      const auto result = evaluate(n.pipe, dot);
      if (n.pipe.variables.empty()) out_ += to_text(result);
    } else if (n.what == node::kind::range) {
      run_range(n, dot);
    } else {
      const auto scope = variables_.size();
      const auto condition = evaluate(n.pipe, dot);
      if (is_true(condition))
        run(n.body, n.what == node::kind::with ? condition : dot);
      else
        run(n.otherwise, dot);
      variables_.resize(scope);
    }
  }

  void run_range(const node& n, const value& dot) {
    auto over = n.pipe;
    const auto names = std::exchange(over.variables, {});
    const auto items = evaluate(over, dot);
    if (!is_true(items)) return run(n.otherwise, dot);
    if (!items.is_structured()) fail(cat("range cannot go over ", to_text(items)));
    // Go visits a map in the order of its keys.
    std::vector<std::pair<value, const value*>> entries;
    if (items.is_object()) {
      for (const auto& [key, item] : items.items()) entries.emplace_back(key, &item);
      std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    } else {
      for (std::size_t i = 0; i < items.size(); ++i) entries.emplace_back(i, &items[i]);
    }
    for (const auto& [key, item] : entries) {
      const auto scope = variables_.size();
      if (names.size() == 2) variables_.emplace_back(names[0], key);
      if (!names.empty()) variables_.emplace_back(names.back(), *item);
      run(n.body, *item);
      variables_.resize(scope);
    }
  }

  value evaluate(const pipeline& p, const value& dot) {
    value result;
    bool first = true;
    for (const auto& words : p.commands) {
      result = command_value(words, dot, first ? nullptr : &result);
      first = false;
    }
    for (const auto& name : p.variables) {
      if (p.assigns)
        variable(name) = result;
      else
        variables_.emplace_back(name, result);
    }
    return result;
  }

  value command_value(const std::vector<operand>& words, const value& dot, const value* piped) {
    const auto& head = words.front();
    std::vector<value> args;
    for (std::size_t i = 1; i < words.size(); ++i) args.push_back(operand_value(words[i], dot));
    if (piped != nullptr) args.push_back(*piped);
    if (head.what == operand::kind::function) return call(head.name, args);
    if (args.empty()) return operand_value(head, dot);
    if (head.what == operand::kind::field && head.fields.size() == 1 && methods_) {
      std::vector<std::string> texts;
      for (const auto& a : args) texts.push_back(to_text(a));
      if (auto result = methods_(head.fields.front(), texts)) return *result;
    }
    fail("a value that is no function has arguments");
  }

  value operand_value(const operand& o, const value& dot) {
    switch (o.what) {
      case operand::kind::literal:
        return o.constant;
      case operand::kind::field:
        return descend(dot, o.fields);
      case operand::kind::variable:
        return descend(o.name.empty() ? top_ : variable(o.name), o.fields);
      case operand::kind::group:
        return descend(evaluate(o.inner.front(), dot), o.fields);
      case operand::kind::function:
        return call(o.name, {});
    }
    return nullptr;
  }

  value& variable(const std::string& name) {
    const auto found =
        std::find_if(variables_.rbegin(), variables_.rend(), [&](const auto& known) { return known.first == name; });
    if (found == variables_.rend()) fail(cat("variable $", name, " is not defined"));
    return found->second;
  }

  static value descend(const value& from, const std::vector<std::string>& fields) {
    const value* at = &from;
    std::string path;
    for (const auto& field : fields) {
      path += "." + field;
      if (!at->is_object() || !at->contains(field)) fail(cat("there is no field ", path));
      at = &(*at)[field];
    }
    return *at;
  }

  const value& top_;
  const template_methods& methods_;
  std::vector<std::pair<std::string, value>> variables_;
  std::string out_;
};

}  // namespace

go_template::go_template(std::string_view source) : nodes_(parse_template(source)) {}
go_template::go_template(go_template&&) noexcept = default;
go_template& go_template::operator=(go_template&&) noexcept = default;
go_template::~go_template() = default;

std::string go_template::render(const nlohmann::ordered_json& dot, const template_methods& methods) const {
  evaluator e{dot, methods};
  e.run(nodes_, dot);
  return e.take();
}

}  // namespace contain::cli
