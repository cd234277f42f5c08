// The flags of one verb: declared in CLI11, read with the syntax of docker's (spf13/pflag), which differs from CLI11's
// in ways scripts depend on: `-dit`, `-eA=1`, `--opt=`, `--rm=false`, values that begin with a dash, and options that
// end at the first argument.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contain::cli {

struct command;
class invocation;

/// Thrown by parse() for --help; main prints the text and exits with 0.
struct help_requested {
  std::string text;
};

/// Where the options end.
enum class interspersed : unsigned char {
  yes,  ///< anywhere among the arguments, until "--"
  no,   ///< at the first argument: the rest belongs to a command in a container
};

/// How many arguments a verb takes.
struct arity {
  std::size_t at_least = 0;
  std::size_t at_most = SIZE_MAX;
};

/// Declare every flag, then parse() once. The targets must live until then.
class arguments {
 public:
  explicit arguments(const invocation& call, interspersed how = interspersed::yes);
  arguments(const arguments&) = delete;
  arguments& operator=(const arguments&) = delete;
  ~arguments();

  /// `names` as CLI11 writes them: "-d,--detach" or "--rm". Every flag has a long name.
  arguments& flag(const char* names, bool& into, const char* help);
  arguments& text(const char* names, std::string& into, const char* help, const char* kind = "string");
  arguments& text(const char* names, std::optional<std::string>& into, const char* help, const char* kind = "string");
  arguments& list(const char* names, std::vector<std::string>& into, const char* help, const char* kind = "list");
  /// A value that `read` turns into something; what it throws as std::string becomes
  /// `invalid argument "x" for "-m, --memory" flag: …`.
  arguments& value(const char* names, std::function<void(const std::string&)> read, const char* help, const char* kind);
  /// A flag of docker's that this version has no means for: refused with `reason` instead of "unknown flag".
  arguments& refused(const char* names, const char* reason);

  /// Fills the targets and returns the arguments that are no flags. Throws usage_error or help_requested.
  std::vector<std::string> parse(arity count);
  /// Whether a flag stood on the command line.
  [[nodiscard]] bool given(std::string_view long_name) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain::cli
