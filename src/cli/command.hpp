// One verb of the command line, and what it is given to work with.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/errors.hpp"
#include "cli/output.hpp"
#include "contain/fwd.hpp"

namespace contain::cli {

struct command;

/// What stands before the verb on the command line.
struct global_options {
  std::string root;  ///< --root; empty = $CONTAIN_ROOT or the default
  bool debug = false;
};

/// One run of a verb. The engine is opened by the first call of store(): `--help` and usage errors touch no disk.
class invocation {
 public:
  invocation(const command& verb, std::vector<std::string> arguments, console& io, global_options options);
  invocation(const invocation&) = delete;
  invocation& operator=(const invocation&) = delete;
  ~invocation();

  [[nodiscard]] engine& store();
  [[nodiscard]] std::string full_name() const;  ///< "contain image ls"

  const command& verb;
  std::vector<std::string> arguments;  ///< after the verb
  console& io;

 private:
  global_options options_;
  std::unique_ptr<engine> engine_;
};

struct command {
  std::string_view group;    ///< "", "container", "image" or "system"
  std::string_view name;     ///< may hold aliases: "ls list ps"
  std::string_view usage;    ///< "[OPTIONS] IMAGE [COMMAND] [ARG...]"
  std::string_view summary;  ///< one line of the help
  int (*run)(invocation&);
  exit_style style = exit_style::plain;
};

/// Every verb, in the order of the help.
std::span<const command> commands() noexcept;
/// Nothing when there is no such verb in that group.
const command* find_command(std::string_view group, std::string_view name) noexcept;
/// The verb of that group that `name` is most likely a slip of; empty when none is near.
std::string_view nearest_command(std::string_view group, std::string_view name) noexcept;

/// Prints an error on standard error, after what went to standard output before it.
void report(invocation& call, const error& e);

/// For verbs that take several names: runs `each`, reports what fails and goes on with the next, as docker does.
/// Returns 0, or 1 when one failed.
template <class Each>
int for_each_name(invocation& call, const std::vector<std::string>& names, Each&& each) {
  int status = 0;
  for (const auto& name : names) {
    try {
      each(name);
    } catch (const error& e) {
      report(call, e);
      status = exit_code_for(e, exit_style::plain);
    }
  }
  return status;
}

// The verbs. run.cpp
int run_verb(invocation&);
int create_verb(invocation&);
// lifecycle.cpp
int start_verb(invocation&);
int stop_verb(invocation&);
int kill_verb(invocation&);
int restart_verb(invocation&);
int remove_verb(invocation&);
int rename_verb(invocation&);
int wait_verb(invocation&);
// attach.cpp
int attach_verb(invocation&);
int exec_verb(invocation&);
// logs.cpp
int logs_verb(invocation&);
// list.cpp
int list_verb(invocation&);
int images_verb(invocation&);
int history_verb(invocation&);
// inspect.cpp
int inspect_verb(invocation&);
int container_inspect_verb(invocation&);
int image_inspect_verb(invocation&);
// images.cpp
int pull_verb(invocation&);
int load_verb(invocation&);
int save_verb(invocation&);
int import_verb(invocation&);
int tag_verb(invocation&);
int remove_image_verb(invocation&);
// system.cpp
int container_prune_verb(invocation&);
int image_prune_verb(invocation&);
int system_prune_verb(invocation&);
int doctor_verb(invocation&);
int version_verb(invocation&);
int explain_verb(invocation&);

}  // namespace contain::cli
