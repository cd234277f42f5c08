// How the command speaks of failures, and which exit status they give.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "contain/core/error.hpp"

namespace contain::cli {

/// The command line itself is wrong. Docker's statuses: 125 for a bad flag, 1 for a wrong number of arguments.
struct usage_error {
  std::string message;
  std::string verb;   ///< "contain run"; for "See 'contain run --help'."
  std::string usage;  ///< "contain run [OPTIONS] IMAGE…", may be empty
  int exit_code = 125;
  std::string suggestion{};  ///< a whole command line that was probably meant
};

/// `error[CT0204]: … / while: / cause: / help: / more:`, one line each, ending in a newline.
std::string render(const error& e, bool colour);
/// "contain: message", the usage line and where to read more.
std::string render(const usage_error& e);

/// Which statuses a verb gives: docker's `run` says 125 for its own failures, the other verbs say 1.
enum class exit_style : unsigned char { launching, plain };
int exit_code_for(const error& e, exit_style style) noexcept;

/// The row that "CT0204", "204" or "registry_unreachable" names.
std::optional<error_entry> find_entry(std::string_view name) noexcept;
/// What `contain explain` prints about it.
std::string explain(const error_entry& entry);

}  // namespace contain::cli
