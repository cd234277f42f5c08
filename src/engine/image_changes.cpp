#include "engine/image_changes.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/sys/signal.hpp"

namespace contain {
namespace {

class change {
 public:
  explicit change(std::string_view whole) : whole_(text::trim(whole)) {
    const auto blank = whole_.find_first_of(" \t");
    name_ = whole_.substr(0, blank);
    std::ranges::transform(name_, name_.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    rest_ = blank == std::string_view::npos ? std::string_view{} : text::trim(whole_.substr(blank));
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string_view rest() const {
    if (rest_.empty()) refuse("it has no argument");
    return rest_;
  }
  [[noreturn]] void refuse(std::string why) const {
    throw error{errc::invalid, "apply change", std::string{whole_}, std::move(why)};
  }

  /// ["a", "b"]; nothing when it is not written so.
  [[nodiscard]] std::optional<std::vector<std::string>> json_list() const {
    if (!rest().starts_with('[')) return std::nullopt;
    const auto parsed = nlohmann::json::parse(rest_, nullptr, false);
    if (!parsed.is_array()) return std::nullopt;
    std::vector<std::string> list;
    for (const auto& one : parsed) {
      if (!one.is_string()) return std::nullopt;
      list.push_back(one.get<std::string>());
    }
    return list;
  }
  /// A program and its arguments: as a list, or as a line for the shell.
  [[nodiscard]] std::vector<std::string> command() const {
    if (auto list = json_list()) return std::move(*list);
    return {"/bin/sh", "-c", std::string{rest()}};
  }
  /// Words with quotes and backslashes removed.
  [[nodiscard]] std::vector<std::string> words() const {
    std::vector<std::string> out;
    std::optional<std::string> word;
    char quote = '\0';
    const auto text = rest();
    for (std::size_t i = 0; i != text.size(); ++i) {
      const char c = text[i];
      if (c == '\\' && quote != '\'' && i + 1 != text.size()) {
        word = word.value_or("") + text[++i];
      } else if (quote != '\0') {
        if (c == quote) {
          quote = '\0';
        } else {
          *word += c;
        }
      } else if (c == '"' || c == '\'') {
        quote = c;
        if (!word) word.emplace();
      } else if (c == ' ' || c == '\t') {
        if (word) out.push_back(*std::exchange(word, std::nullopt));
      } else {
        word = word.value_or("") + c;
      }
    }
    if (quote != '\0') refuse("a quote is not closed");
    if (word) out.push_back(std::move(*word));
    return out;
  }
  /// NAME=value …, or the old form NAME value.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> pairs() const {
    std::vector<std::pair<std::string, std::string>> out;
    const auto all = words();
    if (all.front().find('=') == std::string::npos) {
      const auto blank = rest_.find_first_of(" \t");
      if (blank == std::string_view::npos) refuse("it needs NAME=value");
      return {{std::string{rest_.substr(0, blank)}, std::string{text::trim(rest_.substr(blank))}}};
    }
    for (const auto& word : all) {
      const auto equals = word.find('=');
      if (equals == std::string::npos || equals == 0) refuse("it needs NAME=value");
      out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    return out;
  }

 private:
  std::string_view whole_, rest_;
  std::string name_;
};

void set_env(std::vector<std::string>& env, const std::string& name, const std::string& value) {
  const auto it = std::ranges::find_if(env, [&](const auto& e) { return e.starts_with(text::cat(name, "=")); });
  if (it != env.end()) {
    *it = text::cat(name, "=", value);
  } else {
    env.push_back(text::cat(name, "=", value));
  }
}

std::string port_of(const change& c, const std::string& word) {
  const auto slash = word.find('/');
  const auto number = text::parse_unsigned<std::uint16_t>(std::string_view{word}.substr(0, slash));
  const std::string protocol = slash == std::string::npos ? "tcp" : word.substr(slash + 1);
  if (!number || *number == 0 || (protocol != "tcp" && protocol != "udp" && protocol != "sctp"))
    c.refuse(text::cat(word, " is no port"));
  return text::cat(*number, "/", protocol);
}

std::string joined_dir(const std::string& before, std::string_view given) {
  if (given.starts_with('/')) return std::string{given};
  return text::cat(before.empty() ? "/" : before, before.ends_with('/') || before.empty() ? "" : "/", given);
}

}  // namespace

void apply_change(oci::execution_config& config, std::string_view instruction) {
  const change c{instruction};
  const auto& name = c.name();
  if (name == "CMD") {
    config.cmd = c.command();
  } else if (name == "ENTRYPOINT") {
    config.entrypoint = c.command();
  } else if (name == "ENV") {
    for (const auto& [key, value] : c.pairs()) set_env(config.env, key, value);
  } else if (name == "LABEL") {
    for (const auto& [key, value] : c.pairs()) config.labels.insert_or_assign(key, value);
  } else if (name == "EXPOSE") {
    for (const auto& word : c.words()) config.exposed_ports.insert(port_of(c, word));
  } else if (name == "VOLUME") {
    const auto list = c.json_list();
    for (const auto& path : list ? *list : c.words()) config.volumes.insert(path);
  } else if (name == "USER") {
    config.user = c.rest();
  } else if (name == "WORKDIR") {
    config.working_dir = joined_dir(config.working_dir, c.rest());
  } else if (name == "STOPSIGNAL") {
    if (!sys::parse_signal(c.rest())) c.refuse("there is no such signal");
    config.stop_signal = c.rest();
  } else {
    c.refuse("only CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR change an image");
  }
}

}  // namespace contain
