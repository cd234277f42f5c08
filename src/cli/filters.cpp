#include "cli/filters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <utility>

#include "cli/words.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

[[noreturn]] void refuse(std::string_view whole, std::string why) {
  throw error{errc::invalid, "--filter", std::string{whole}, std::move(why)};
}

std::pair<std::string, std::string> split_filter(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) refuse(text, "expected NAME=VALUE");
  return {std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}};
}

void add_label_filter(list_filter& to, std::string_view text) {
  const auto equals = text.find('=');
  to.labels[std::string{text.substr(0, equals)}] =
      equals == std::string_view::npos ? std::string{} : std::string{text.substr(equals + 1)};
}

/// docker's name filter is a regular expression, and scripts use "^/web$" for a whole name: the anchors are read, and
/// the rest is a part of the name, as the library's filter takes it.
name_pattern parse_name_pattern(std::string_view text) {
  name_pattern pattern;
  if (text.starts_with('^')) {
    pattern.at_start = true;
    text.remove_prefix(1);
  }
  if (text.starts_with('/')) text.remove_prefix(1);
  if (text.ends_with('$')) {
    pattern.at_end = true;
    text.remove_suffix(1);
  }
  pattern.part = text;
  return pattern;
}

bool matches(const name_pattern& pattern, std::string_view name) {
  if (pattern.at_start && pattern.at_end) return name == pattern.part;
  if (pattern.at_start) return name.starts_with(pattern.part);
  if (pattern.at_end) return name.ends_with(pattern.part);
  return name.find(pattern.part) != std::string_view::npos;
}

template <class Item>
void keep_older_or_newer(std::vector<Item>& list, const std::optional<std::string>& name, bool older, errc missing,
                         const std::function<bool(const Item&, const std::string&)>& is) {
  if (!name) return;
  const auto found = std::find_if(list.begin(), list.end(), [&](const Item& item) { return is(item, *name); });
  if (found == list.end()) throw error{missing, "--filter", *name};
  const auto pivot = found->created;
  std::erase_if(list, [&](const Item& item) { return older ? item.created >= pivot : item.created <= pivot; });
}

}  // namespace

container_conditions parse_container_filters(const std::vector<std::string>& texts) {
  container_conditions out;
  for (const auto& text : texts) {
    auto [key, value] = split_filter(text);
    if (key == "name") {
      out.names.push_back(parse_name_pattern(value));
      out.library.names.push_back(out.names.back().part);
    } else if (key == "id") {
      out.library.ids.push_back(std::move(value));
    } else if (key == "label") {
      add_label_filter(out.library, value);
    } else if (key == "ancestor") {
      out.library.ancestors.push_back(std::move(value));
    } else if (key == "status") {
      constexpr std::array known{"created", "restarting", "running", "removing", "paused", "exited", "dead"};
      if (std::find(known.begin(), known.end(), value) == known.end())
        refuse(text, "states are created, running, exited and dead");
      out.library.statuses.push_back(std::move(value));
      out.any_state = true;
    } else if (key == "exited") {
      int code = 0;
      const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), code);
      if (value.empty() || failure != std::errc{} || end != value.data() + value.size())
        refuse(text, "expected an exit code");
      out.exited.push_back(code);
      out.any_state = true;
    } else if (key == "before") {
      out.before = std::move(value);
    } else if (key == "since") {
      out.since = std::move(value);
    } else {
      refuse(text,
             cat("unknown filter \"", key, "\"; known are ancestor, before, exited, id, label, name, since, status"));
    }
  }
  return out;
}

void keep_matching(std::vector<container_info>& list, const container_conditions& conditions) {
  const std::function<bool(const container_info&, const std::string&)> is = [](const auto& info, const auto& name) {
    return info.name == name || (!name.empty() && info.id.starts_with(name));
  };
  keep_older_or_newer(list, conditions.before, true, errc::container_not_found, is);
  keep_older_or_newer(list, conditions.since, false, errc::container_not_found, is);
  if (!conditions.names.empty()) {
    std::erase_if(list, [&](const container_info& info) {
      return std::none_of(conditions.names.begin(), conditions.names.end(),
                          [&](const name_pattern& pattern) { return matches(pattern, info.name); });
    });
  }
  if (conditions.exited.empty()) return;
  std::erase_if(list, [&](const container_info& info) {
    return info.state != container_state::exited || !info.exit ||
           std::find(conditions.exited.begin(), conditions.exited.end(), info.exit->code) == conditions.exited.end();
  });
}

image_conditions parse_image_filters(const std::vector<std::string>& texts) {
  image_conditions out;
  for (const auto& text : texts) {
    auto [key, value] = split_filter(text);
    if (key == "dangling") {
      if (value != "true" && value != "false" && value != "1" && value != "0") refuse(text, "expected true or false");
      out.dangling = value == "true" || value == "1";
    } else if (key == "label") {
      add_label_filter(out.library, value);
    } else if (key == "reference") {
      out.references.push_back(std::move(value));
    } else if (key == "before") {
      out.before = std::move(value);
    } else if (key == "since") {
      out.since = std::move(value);
    } else {
      refuse(text, cat("unknown filter \"", key, "\"; known are before, dangling, label, reference, since"));
    }
  }
  return out;
}

void keep_matching(std::vector<image_info>& list, const image_conditions& conditions) {
  const std::function<bool(const image_info&, const std::string&)> is = [](const auto& info, const auto& name) {
    const auto full = with_default_tag(name);
    return std::find(info.tags.begin(), info.tags.end(), full) != info.tags.end() || info.id == name ||
           (!name.empty() && info.id.starts_with("sha256:" + name));
  };
  keep_older_or_newer(list, conditions.before, true, errc::image_not_found, is);
  keep_older_or_newer(list, conditions.since, false, errc::image_not_found, is);
  if (conditions.references.empty()) return;
  std::erase_if(list, [&](const image_info& info) {
    const auto names = rows_of(info, true);
    return std::none_of(names.begin(), names.end(), [&](const image_name& row) {
      return std::any_of(conditions.references.begin(), conditions.references.end(),
                         [&](const std::string& pattern) { return names_image(row, pattern); });
    });
  });
}

list_filter parse_prune_filters(const std::vector<std::string>& texts) {
  list_filter out;
  for (const auto& text : texts) {
    const auto [key, value] = split_filter(text);
    if (key != "label") refuse(text, cat("unknown filter \"", key, "\"; prune knows label"));
    add_label_filter(out, value);
  }
  return out;
}

}  // namespace contain::cli
