#include <algorithm>
#include <array>
#include <utility>

#include "cli/command.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

constexpr auto launching = exit_style::launching;

// docker's short spellings stand in the group "", its management spellings in the others.
constexpr std::array table{
    command{"", "run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", run_verb,
            launching},
    command{"", "exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", exec_verb},
    command{"", "ps", "[OPTIONS]", "List containers", list_verb},
    command{"", "pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", pull_verb},
    command{"", "images", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", images_verb},
    command{"", "attach", "[OPTIONS] CONTAINER",
            "Attach local standard input, output, and error streams to a running container", attach_verb},
    command{"", "create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", create_verb},
    command{"", "history", "[OPTIONS] IMAGE", "Show the history of an image", history_verb},
    command{"", "import", "[OPTIONS] file|- [REPOSITORY[:TAG]]",
            "Import the contents from a tarball to create a filesystem image", import_verb},
    command{"", "inspect", "[OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on containers and images",
            inspect_verb},
    command{"", "kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", kill_verb},
    command{"", "load", "[OPTIONS]", "Load an image from a tar archive or STDIN", load_verb},
    command{"", "logs", "[OPTIONS] CONTAINER", "Fetch the logs of a container", logs_verb},
    command{"", "prune", "[OPTIONS]", "Remove stopped containers and dangling images", system_prune_verb},
    command{"", "rename", "CONTAINER NEW_NAME", "Rename a container", rename_verb},
    command{"", "restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", restart_verb},
    command{"", "rm", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", remove_verb},
    command{"", "rmi", "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", remove_image_verb},
    command{"", "save", "[OPTIONS] IMAGE [IMAGE...]",
            "Save one or more images to a tar archive (streamed to STDOUT by default)", save_verb},
    command{"", "start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers", start_verb},
    command{"", "stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", stop_verb},
    command{"", "tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
            tag_verb},
    command{"", "wait", "CONTAINER [CONTAINER...]", "Block until containers stop, then print their exit codes",
            wait_verb},
    command{"", "doctor", "[OPTIONS]", "Show what this host can do, and what helps where it cannot", doctor_verb},
    command{"", "explain", "[CODE]", "Explain an error code", explain_verb},
    command{"", "version", "[OPTIONS]", "Show the version information", version_verb},

    command{"container", "attach", "[OPTIONS] CONTAINER",
            "Attach local standard input, output, and error streams to a running container", attach_verb},
    command{"container", "create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", create_verb},
    command{"container", "exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container",
            exec_verb},
    command{"container", "inspect", "[OPTIONS] CONTAINER [CONTAINER...]",
            "Display detailed information on one or more containers", container_inspect_verb},
    command{"container", "kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers",
            kill_verb},
    command{"container", "logs", "[OPTIONS] CONTAINER", "Fetch the logs of a container", logs_verb},
    command{"container", "ls list ps", "[OPTIONS]", "List containers", list_verb},
    command{"container", "prune", "[OPTIONS]", "Remove all stopped containers", container_prune_verb},
    command{"container", "rename", "CONTAINER NEW_NAME", "Rename a container", rename_verb},
    command{"container", "restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers",
            restart_verb},
    command{"container", "rm remove", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers",
            remove_verb},
    command{"container", "run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image",
            run_verb, launching},
    command{"container", "start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers",
            start_verb},
    command{"container", "stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers",
            stop_verb},
    command{"container", "wait", "CONTAINER [CONTAINER...]", "Block until containers stop, then print their exit codes",
            wait_verb},

    command{"image", "history", "[OPTIONS] IMAGE", "Show the history of an image", history_verb},
    command{"image", "import", "[OPTIONS] file|- [REPOSITORY[:TAG]]",
            "Import the contents from a tarball to create a filesystem image", import_verb},
    command{"image", "inspect", "[OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images",
            image_inspect_verb},
    command{"image", "load", "[OPTIONS]", "Load an image from a tar archive or STDIN", load_verb},
    command{"image", "ls list", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", images_verb},
    command{"image", "prune", "[OPTIONS]", "Remove unused images", image_prune_verb},
    command{"image", "pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", pull_verb},
    command{"image", "rm remove", "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", remove_image_verb},
    command{"image", "save", "[OPTIONS] IMAGE [IMAGE...]",
            "Save one or more images to a tar archive (streamed to STDOUT by default)", save_verb},
    command{"image", "tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
            "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", tag_verb},

    command{"system", "prune", "[OPTIONS]", "Remove stopped containers and dangling images", system_prune_verb},
};

/// Edits between two words, a swap of neighbours counting as one (optimal string alignment): "rnu" is one from "run".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::span<const command> commands() noexcept { return table; }

const command* find_command(std::string_view group, std::string_view name) noexcept {
  for (const auto& candidate : table) {
    if (candidate.group != group) continue;
    auto names = candidate.name;
    while (!names.empty()) {
      const auto end = std::min(names.find(' '), names.size());
      if (names.substr(0, end) == name) return &candidate;
      names.remove_prefix(std::min(end + 1, names.size()));
    }
  }
  return nullptr;
}

std::string_view nearest_command(std::string_view group, std::string_view name) noexcept {
  std::string_view best;
  std::size_t best_distance = 3;  // two slips at most; more is another word
  for (const auto& candidate : table) {
    if (candidate.group != group) continue;
    const auto word = candidate.name.substr(0, candidate.name.find(' '));
    const auto edits = distance(word, name);
    if (edits >= best_distance || edits >= word.size()) continue;
    best = word;
    best_distance = edits;
  }
  return best;
}

invocation::invocation(const command& v, std::vector<std::string> given, console& i, global_options options)
    : verb(v), arguments(std::move(given)), io(i), options_(std::move(options)) {}
invocation::~invocation() = default;

engine& invocation::store() {
  if (engine_) return *engine_;
  auto options = engine_options::from_environment();
  if (!options_.root.empty()) options.root = options_.root;
  options.log = [this](const log_record& record) {
    // What the runtime warns of is the host's nature (no AppArmor, no swap accounting), the same at each start:
    // `doctor` and `inspect` show it, and a script's standard error stays the command's own.
    if (record.level == log_level::warn && record.component != "runtime")
      io.err.line(text::cat("warning: ", printable(record.message))).flush();
    else if (options_.debug)
      io.err
          .line(text::cat(record.level == log_level::warn ? "warning: " : "debug: ", record.component, ": ",
                          printable(record.message)))
          .flush();
  };
  engine_ = std::make_unique<engine>(std::move(options));
  return *engine_;
}

std::string invocation::full_name() const {
  const auto name = verb.name.substr(0, verb.name.find(' '));
  return verb.group.empty() ? text::cat("contain ", name) : text::cat("contain ", verb.group, " ", name);
}

void report(invocation& call, const error& e) {
  call.io.out.flush();
  call.io.err.write(render(e, wants_colour(call.io.err))).flush();
}

}  // namespace contain::cli
