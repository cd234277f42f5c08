#include <algorithm>
#include <optional>

#include "cli/template_nodes.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;
using node = go_template::node;

struct token {
  enum class kind : unsigned char { word, field, variable, literal, symbol, end } what = kind::end;
  std::string text;
  value constant;
  bool after_blank = true;  ///< "a .b" is two words, "$a.b" is one
};

class parser {
 public:
  explicit parser(std::string_view source) : source_(source) {}
  std::vector<node> all() {
    std::string closing;
    auto nodes = block(closing);
    if (!closing.empty()) fail(cat("unexpected {{", closing, "}}"));
    return nodes;
  }

 private:
  [[noreturn]] void fail(std::string why) const {
    throw error{errc::invalid, "--format", std::string{source_}, std::move(why)};
  }

  /// Nodes up to {{end}}, {{else…}} or the end of the source; `closing` says which.
  std::vector<node> block(std::string& closing) {
    std::vector<node> nodes;
    for (;;) {
      text_until_action(nodes);
      if (at_ == source_.size()) return nodes;
      read_action();
      if (tokens_.empty() && !comment_) fail("an action is empty");
      if (tokens_.empty()) continue;
      const auto keyword = tokens_.front().what == token::kind::word ? tokens_.front().text : std::string{};
      if (keyword == "end" || keyword == "else") {
        closing = keyword;
        return nodes;
      }
      if (keyword == "if" || keyword == "range" || keyword == "with") {
        ++next_;
        nodes.push_back(control(keyword));
        continue;
      }
      node action;
      action.what = node::kind::action;
      action.pipe = pipe();
      expect_end();
      nodes.push_back(std::move(action));
    }
  }

  node control(const std::string& keyword) {
    node n;
    n.what = keyword == "if" ? node::kind::if_ : keyword == "range" ? node::kind::range : node::kind::with;
    n.pipe = pipe();
    expect_end();
    std::string closing;
    n.body = block(closing);
    if (closing == "else") {
      // {{else if x}} is an if of its own that shares the {{end}}.
      if (tokens_.size() > 1 && tokens_[1].what == token::kind::word) {
        next_ = 2;
        n.otherwise.push_back(control(tokens_[1].text));
        return n;
      }
      closing.clear();
      n.otherwise = block(closing);
    }
    if (closing != "end") fail(cat("{{", keyword, "}} has no {{end}}"));
    return n;
  }

  void text_until_action(std::vector<node>& nodes) {
    const auto open = std::min(source_.find("{{", at_), source_.size());
    auto text = source_.substr(at_, open - at_);
    constexpr std::string_view blanks = " \t\r\n";
    if (trim_next_) text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    // "{{- " takes the blanks before it along.
    if (source_.substr(open, 3) == "{{-" && open + 3 < source_.size() &&
        blanks.find(source_[open + 3]) != std::string_view::npos)
      text = text.substr(0, text.find_last_not_of(blanks) + 1);
    if (!text.empty()) {
      node n;
      n.text = text;
      nodes.push_back(std::move(n));
    }
    at_ = open;
    trim_next_ = false;
  }

  /// Reads "{{ … }}" into tokens_.
  void read_action() {
    tokens_.clear();
    next_ = 0;
    comment_ = false;
    at_ += 2;
    if (at_ < source_.size() && source_[at_] == '-') ++at_;
    bool blank = true;
    for (;;) {
      while (at_ < source_.size() && std::isspace(static_cast<unsigned char>(source_[at_])) != 0) {
        ++at_;
        blank = true;
      }
      if (at_ >= source_.size()) fail("an action is not closed by }}");
      const auto rest = source_.substr(at_);
      if (rest.starts_with("}}")) {
        at_ += 2;
        return;
      }
      if (blank && rest.starts_with("-}}")) {
        at_ += 3;
        trim_next_ = true;
        return;
      }
      if (rest.starts_with("/*")) {
        const auto close = source_.find("*/", at_);
        if (close == std::string_view::npos) fail("a comment is not closed");
        at_ = close + 2;
        comment_ = true;
        continue;
      }
      auto t = read_token(rest);
      t.after_blank = blank;
      blank = false;
      tokens_.push_back(std::move(t));
    }
  }

  token read_token(std::string_view rest) {
    const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    const auto name_from = [&](std::size_t start) {
      std::size_t end = start;
      while (end < rest.size() && is_name(rest[end])) ++end;
      return rest.substr(start, end - start);
    };
    token t;
    const char c = rest.front();
    if (c == '"' || c == '`') return read_string(rest);
    if (c == '.') {
      t.what = token::kind::field;
      t.text = name_from(1);
      at_ += 1 + t.text.size();
    } else if (c == '$') {
      t.what = token::kind::variable;
      t.text = name_from(1);
      at_ += 1 + t.text.size();
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0 || (c == '-' && rest.size() > 1 && is_name(rest[1]))) {
      const auto length = std::min(rest.find_first_not_of("0123456789.", 1), rest.size());
      t.what = token::kind::literal;
      t.constant = value::parse(rest.substr(0, length), nullptr, false);
      if (t.constant.is_discarded()) fail(cat("\"", rest.substr(0, length), "\" is no number"));
      at_ += length;
    } else if (is_name(c)) {
      t.what = token::kind::word;
      t.text = name_from(0);
      at_ += t.text.size();
    } else if (rest.starts_with(":=")) {
      t.what = token::kind::symbol;
      t.text = ":=";
      at_ += 2;
    } else if (std::string_view{"|(),="}.find(c) != std::string_view::npos) {
      t.what = token::kind::symbol;
      t.text = c;
      ++at_;
    } else {
      fail(cat("unexpected \"", c, "\""));
    }
    return t;
  }

  token read_string(std::string_view rest) {
    token t;
    t.what = token::kind::literal;
    const char quote = rest.front();
    std::size_t i = 1;
    std::string text;
    for (; i < rest.size() && rest[i] != quote; ++i) {
      if (quote == '`' || rest[i] != '\\' || i + 1 == rest.size()) {
        text += rest[i];
        continue;
      }
      const char escaped = rest[++i];
      text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
    }
    if (i >= rest.size()) fail("a string is not closed");
    t.constant = std::move(text);
    at_ += i + 1;
    return t;
  }

  [[nodiscard]] const token& peek(std::size_t ahead = 0) const {
    static const token none{};
    return next_ + ahead < tokens_.size() ? tokens_[next_ + ahead] : none;
  }
  [[nodiscard]] bool is_symbol(std::string_view text, std::size_t ahead = 0) const {
    return peek(ahead).what == token::kind::symbol && peek(ahead).text == text;
  }
  void expect_end() const {
    if (next_ < tokens_.size()) fail("unexpected words at the end of an action");
  }

  pipeline pipe() {
    pipeline p;
    declarations(p);
    for (;;) {
      std::vector<operand> words;
      while (peek().what != token::kind::end && !is_symbol("|") && !is_symbol(")")) words.push_back(word());
      if (words.empty()) fail("a value is missing");
      p.commands.push_back(std::move(words));
      if (!is_symbol("|")) return p;
      ++next_;
    }
  }

  /// "$x :=", "$k, $v :=" or "$x =".
  void declarations(pipeline& p) {
    const bool two = peek().what == token::kind::variable && is_symbol(",", 1);
    const std::size_t sign = two ? 3 : 1;
    if (peek().what != token::kind::variable || !(is_symbol(":=", sign) || is_symbol("=", sign))) return;
    p.variables.push_back(peek().text);
    if (two) p.variables.push_back(peek(2).text);
    p.assigns = is_symbol("=", sign);
    next_ += sign + 1;
  }

  operand word() {
    operand o;
    const auto t = peek();
    ++next_;
    if (t.what == token::kind::literal) {
      o.constant = t.constant;
      return o;
    }
    if (t.what == token::kind::word) {
      if (t.text == "true" || t.text == "false") {
        o.constant = t.text == "true";
      } else if (t.text != "nil") {
        o.what = operand::kind::function;
        o.name = t.text;
      }
      return o;
    }
    if (t.what == token::kind::field) {
      o.what = operand::kind::field;
      if (!t.text.empty()) o.fields.push_back(t.text);
    } else if (t.what == token::kind::variable) {
      o.what = operand::kind::variable;
      o.name = t.text;
    } else if (t.text == "(") {
      o.what = operand::kind::group;
      o.inner.push_back(pipe());
      if (!is_symbol(")")) fail("a parenthesis is not closed");
      ++next_;
    } else {
      fail(cat("unexpected \"", t.text, "\""));
    }
    while (peek().what == token::kind::field && !peek().after_blank && !peek().text.empty()) {
      o.fields.push_back(peek().text);
      ++next_;
    }
    return o;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool trim_next_ = false;  ///< the action before ended in " -}}"
  bool comment_ = false;    ///< the action at hand holds one
  std::vector<token> tokens_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<go_template::node> parse_template(std::string_view source) { return parser{source}.all(); }

}  // namespace contain::cli
