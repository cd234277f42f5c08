#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <utility>

#include "cli/command.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

/// strconv.ParseBool's words: what pflag accepts after `--flag=`.
std::optional<bool> parse_bool(std::string_view text) noexcept {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

std::string plural(std::size_t count) { return cat(count, count == 1 ? " argument" : " arguments"); }

/// "-d, --detach", as messages name a flag.
std::string shown(const CLI::Option& option) {
  std::string out;
  for (const auto& name : option.get_snames()) out += "-" + name + ", ";
  return out + "--" + option.get_lnames().front();
}

/// "-d,--detach" -> "-d, --detach"
std::string spaced(std::string names) {
  if (const auto comma = names.find(','); comma != std::string::npos) names.insert(comma + 1, " ");
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

}  // namespace

struct arguments::state {
  state(const invocation& c, interspersed h) : call(&c), how(h), app(std::string{c.verb.summary}) {
    // CLI11's own -h would shadow docker's `-h, --hostname`.
    app.set_help_flag();
    app.add_flag("--help", help, "Print usage");
  }
  [[noreturn]] void fail(std::string message, int exit_code = 125) const {
    throw usage_error{std::move(message), call->full_name(), cat(call->full_name(), " ", call->verb.usage), exit_code};
  }
  CLI::Option& lookup(const std::string& dashed, const std::string& word);
  void take_long(const std::string& word, std::vector<std::string>& rest);
  void take_short(const std::string& word, std::vector<std::string>& rest);
  void put(CLI::Option& option, std::string value);
  std::string help_text() const;

  const invocation* call;
  interspersed how;
  CLI::App app;
  bool help = false;
  std::map<std::string, const char*, std::less<>> refusals;  ///< "--publish" and "-p" -> reason
  std::vector<std::string> canonical;                        ///< what CLI11 gets to parse, in order
};

arguments::arguments(const invocation& call, interspersed how) : state_(std::make_unique<state>(call, how)) {}
arguments::~arguments() = default;

arguments& arguments::flag(const char* names, bool& into, const char* help) {
  state_->app.add_flag(names, into, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return *this;
}

arguments& arguments::value(const char* names, std::function<void(const std::string&)> read, const char* help,
                            const char* kind) {
  state_->app
      .add_option(
          names,
          [this, names, read = std::move(read)](const CLI::results_t& given_values) {
            for (const auto& text : given_values) {
              try {
                read(text);
              } catch (const std::string& why) {
                state_->fail(cat("invalid argument \"", text, "\" for \"", spaced(names), "\" flag: ", why));
              }
            }
            return true;
          },
          help)
      ->type_name(kind)
      ->type_size(1)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

arguments& arguments::text(const char* names, std::string& into, const char* help, const char* kind) {
  return value(
      names, [&into](const std::string& text) { into = text; }, help, kind);
}

arguments& arguments::text(const char* names, std::optional<std::string>& into, const char* help, const char* kind) {
  return value(
      names, [&into](const std::string& text) { into = text; }, help, kind);
}

arguments& arguments::list(const char* names, std::vector<std::string>& into, const char* help, const char* kind) {
  return value(
      names, [&into](const std::string& text) { into.push_back(text); }, help, kind);
}

arguments& arguments::refused(const char* names, const char* reason) {
  for (const auto name : contain::text::split(names, ',')) state_->refusals.emplace(std::string{name}, reason);
  return *this;
}

CLI::Option& arguments::state::lookup(const std::string& dashed, const std::string& word) {
  if (auto* option = app.get_option_no_throw(dashed)) return *option;
  if (const auto why = refusals.find(dashed); why != refusals.end())
    fail(cat("flag ", dashed, " is not supported: ", why->second));
  if (dashed.size() == 2) fail(cat("unknown shorthand flag: '", dashed[1], "' in ", word));
  fail(cat("unknown flag: ", dashed));
}

/// `rest` holds the words that follow, last first.
void arguments::state::take_long(const std::string& word, std::vector<std::string>& rest) {
  const auto equals = word.find('=');
  const auto name = word.substr(0, equals);
  auto& option = lookup(name, word);
  if (equals != std::string::npos) return put(option, word.substr(equals + 1));
  if (!takes_value(option)) return put(option, "true");
  if (rest.empty()) fail(cat("flag needs an argument: ", name));
  put(option, rest.back());
  rest.pop_back();
}

void arguments::state::take_short(const std::string& word, std::vector<std::string>& rest) {
  for (std::size_t at = 1; at < word.size(); ++at) {
    auto& option = lookup({'-', word[at]}, word);
    const bool last = at + 1 == word.size();
    if (!last && word[at + 1] == '=') return put(option, word.substr(at + 2));
    if (!takes_value(option)) {
      put(option, "true");
      continue;
    }
    if (!last) return put(option, word.substr(at + 1));
    if (rest.empty()) fail(cat("flag needs an argument: '", word[at], "' in ", word));
    put(option, rest.back());
    rest.pop_back();
    return;
  }
}

void arguments::state::put(CLI::Option& option, std::string value) {
  const auto dashed = "--" + option.get_lnames().front();
  if (takes_value(option)) {
    canonical.push_back(dashed);
    canonical.push_back(std::move(value));
    return;
  }
  const auto on = parse_bool(value);
  if (!on) fail(cat("invalid argument \"", value, "\" for \"", shown(option), "\" flag: not a boolean"));
  canonical.push_back(dashed + (*on ? "=true" : "=false"));
}

std::vector<std::string> arguments::parse(arity count) {
  auto& s = *state_;
  std::vector<std::string> rest{s.call->arguments.rbegin(), s.call->arguments.rend()};
  std::vector<std::string> positional;
  while (!rest.empty()) {
    auto word = std::move(rest.back());
    rest.pop_back();
    const bool is_flag = word.size() > 1 && word.front() == '-';
    if (word == "--" || (!is_flag && s.how == interspersed::no)) {
      if (word != "--") positional.push_back(std::move(word));
      positional.insert(positional.end(), rest.rbegin(), rest.rend());
      break;
    }
    if (!is_flag)
      positional.push_back(std::move(word));
    else if (word[1] == '-')
      s.take_long(word, rest);
    else
      s.take_short(word, rest);
  }

  std::reverse(s.canonical.begin(), s.canonical.end());
  try {
    s.app.parse(std::move(s.canonical));
  } catch (const CLI::ParseError& e) {
    s.fail(e.what());
  }
  if (s.help) throw help_requested{s.help_text()};

  const auto name = "'" + s.call->full_name() + "'";
  const auto given_count = positional.size();
  if (given_count >= count.at_least && given_count <= count.at_most) return positional;
  if (count.at_most == 0) s.fail(cat(name, " accepts no arguments"), 1);
  if (count.at_least == count.at_most) s.fail(cat(name, " requires ", plural(count.at_least)), 1);
  if (given_count < count.at_least) s.fail(cat(name, " requires at least ", plural(count.at_least)), 1);
  s.fail(cat(name, " requires at most ", plural(count.at_most)), 1);
}

bool arguments::given(std::string_view long_name) const {
  const auto* option = state_->app.get_option_no_throw("--" + std::string{long_name});
  return option != nullptr && option->count() > 0;
}

std::string arguments::state::help_text() const {
  struct row {
    std::string sort_key, left, help;
  };
  std::vector<row> rows;
  std::size_t width = 0;
  for (const auto* option : app.get_options()) {
    const auto& long_name = option->get_lnames().front();
    if (long_name == "help") continue;
    auto left = option->get_snames().empty() ? std::string{"      "} : "  -" + option->get_snames().front() + ", ";
    left += "--" + long_name;
    if (takes_value(*option)) left += " " + option->get_type_name();
    width = std::max(width, left.size());
    rows.push_back({long_name, std::move(left), option->get_description()});
  }
  std::sort(rows.begin(), rows.end(), [](const row& a, const row& b) { return a.sort_key < b.sort_key; });

  auto out = cat("Usage:  ", call->full_name(), " ", call->verb.usage, "\n\n", call->verb.summary, "\n");
  if (!rows.empty()) out += "\nOptions:\n";
  for (const auto& r : rows) out += cat(r.left, std::string(width - r.left.size() + 3, ' '), r.help, "\n");
  return out;
}

}  // namespace contain::cli
