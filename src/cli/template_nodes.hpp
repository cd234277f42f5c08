// The parsed form of a template: what template_parse.cpp makes and template.cpp evaluates.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/template.hpp"

namespace contain::cli {

using value = nlohmann::ordered_json;

struct pipeline;

/// One word of a command.
struct operand {
  enum class kind : unsigned char {
    literal,   ///< "text", 12, true, nil
    field,     ///< .A.B; no names = dot itself
    variable,  ///< $x.A; the name "" is the top value
    function,  ///< json, index, …
    group,     ///< (pipeline).A
  } what = kind::literal;
  value constant;
  std::string name;                 ///< of a variable or function
  std::vector<std::string> fields;  ///< looked up one after the other
  std::vector<pipeline> inner;      ///< of a group: exactly one
};

/// `$k, $v := a b | c`: variables set, then commands whose results are the next one's last argument.
struct pipeline {
  std::vector<std::string> variables;
  bool assigns = false;  ///< = instead of :=
  std::vector<std::vector<operand>> commands;
};

struct go_template::node {
  enum class kind : unsigned char { text, action, if_, range, with } what = kind::text;
  std::string text;
  pipeline pipe;
  std::vector<node> body, otherwise;
};

/// Throws contain::error{invalid}.
std::vector<go_template::node> parse_template(std::string_view source);

}  // namespace contain::cli
