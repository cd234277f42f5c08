// prune, doctor, version, explain: verbs about the store and the host.
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/filters.hpp"
#include "cli/listing.hpp"
#include "cli/template.hpp"
#include "contain/core/text.hpp"
#include "contain/core/units.hpp"
#include "contain/doctor.hpp"
#include "contain/engine.hpp"
#include "contain/version.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

struct prune_flags {
  bool force = false, all = false;
  std::vector<std::string> filters;
};

void declare_prune(arguments& flags, prune_flags& into) {
  flags.flag("-f,--force", into.force, "Do not prompt for confirmation")
      .list("--filter", into.filters, "Provide filter values (e.g. \"label=<key>=<value>\")", "filter");
}

/// docker's question. Anything but y or yes, and the end of the input, is no.
bool confirmed(invocation& call, const prune_flags& flags, std::string_view warning) {
  if (flags.force) return true;
  call.io.out.write(cat("WARNING! This will remove ", warning, "\nAre you sure you want to continue? [y/N] ")).flush();
  std::string answer;
  char c = 0;
  while (answer.size() < 16 && ::read(0, &c, 1) == 1 && c != '\n') answer += c;
  const auto word = contain::text::trim(answer);
  return word == "y" || word == "Y" || word == "yes";
}

void print_deleted(output& out, std::string_view heading, const prune_report& done, std::string_view prefix) {
  if (done.deleted.empty()) return;
  out.line(heading);
  for (const auto& name : done.deleted)
    out.line(cat(name.starts_with("sha256:") ? prefix : prefix.empty() ? "" : "untagged: ", name));
  out.line("");
}

void print_reclaimed(output& out, std::uint64_t bytes) {
  out.line(cat("Total reclaimed space: ", units::human_size(bytes)));
}

std::string machine() {
  utsname names{};
  if (::uname(&names) != 0) return "unknown";
  const std::string_view kind = names.machine;
  return std::string{kind == "x86_64" ? "amd64" : kind == "aarch64" ? "arm64" : kind};
}

std::string kernel() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "unknown";
}

}  // namespace

int container_prune_verb(invocation& call) {
  prune_flags given;
  arguments flags{call};
  declare_prune(flags, given);
  (void)flags.parse({0, 0});
  const auto filter = parse_prune_filters(given.filters);
  if (!confirmed(call, given, "all stopped containers.")) return 0;
  const auto done = call.store().prune_containers(filter);
  print_deleted(call.io.out, "Deleted Containers:", done, "");
  print_reclaimed(call.io.out, done.reclaimed_bytes);
  return 0;
}

int image_prune_verb(invocation& call) {
  prune_flags given;
  arguments flags{call};
  declare_prune(flags, given);
  flags.flag("-a,--all", given.all, "Remove all unused images, not just dangling ones");
  (void)flags.parse({0, 0});
  const auto filter = parse_prune_filters(given.filters);
  if (!confirmed(call, given,
                 given.all ? "all images without at least one container associated to them." : "all dangling images."))
    return 0;
  const auto done = call.store().prune_images(given.all, filter);
  print_deleted(call.io.out, "Deleted Images:", done, "deleted: ");
  print_reclaimed(call.io.out, done.reclaimed_bytes);
  return 0;
}

int system_prune_verb(invocation& call) {
  prune_flags given;
  arguments flags{call};
  declare_prune(flags, given);
  flags.flag("-a,--all", given.all, "Remove all unused images not just dangling ones")
      .refused("--volumes", "this version has no volumes");
  (void)flags.parse({0, 0});
  const auto filter = parse_prune_filters(given.filters);
  if (!confirmed(call, given,
                 given.all ? "all stopped containers and all images without at least one container associated to them."
                           : "all stopped containers and all dangling images."))
    return 0;
  // Containers first: an image may be unused only then.
  const auto containers = call.store().prune_containers(filter);
  print_deleted(call.io.out, "Deleted Containers:", containers, "");
  const auto images = call.store().prune_images(given.all, filter);
  print_deleted(call.io.out, "Deleted Images:", images, "deleted: ");
  print_reclaimed(call.io.out, containers.reclaimed_bytes + images.reclaimed_bytes);
  return 0;
}

int doctor_verb(invocation& call) {
  bool as_json = false;
  std::string format;
  arguments flags{call};
  flags.flag("--json", as_json, "Print the report as JSON").text("--format", format, "'table' or 'json'");
  (void)flags.parse({0, 0});
  if (!format.empty() && format != "json" && format != "table")
    throw usage_error{cat("\"", format, "\" is not a valid value for --format"), call.full_name(), {}, 125};
  const auto report = doctor(call.store());
  auto& out = call.io.out;
  if (as_json || format == "json") {
    out.line(report.to_json());
    return report.usable() ? 0 : 1;
  }
  using grade = doctor_check::grade;
  const bool colour = wants_colour(out);
  const auto shown = [&](grade result) {
    const std::string_view word = result == grade::ok ? "ok" : result == grade::degraded ? "degraded" : "missing";
    const std::string_view ink = result == grade::ok ? "\x1b[32m" : result == grade::degraded ? "\x1b[33m" : "\x1b[31m";
    const std::string blanks(10 - word.size(), ' ');
    return colour ? cat(ink, word, "\x1b[0m", blanks) : cat(word, blanks);
  };
  std::size_t width = 0;
  for (const auto& check : report.checks) width = std::max(width, check.name.size());
  std::string_view group;
  for (const auto& check : report.checks) {
    if (check.group != group) {
      if (!group.empty()) out.line("");
      out.line(check.group);
      group = check.group;
    }
    out.line(cat("  ", shown(check.result), check.name, std::string(width - check.name.size() + 2, ' '), check.detail));
    if (check.result != grade::ok && !check.fix.empty()) out.line(cat("            fix: ", check.fix));
  }
  out.line("");
  out.line(report.usable() ? "Containers can run on this host."
                           : "No container can run on this host: what is missing above is required.");
  return report.usable() ? 0 : 1;
}

int version_verb(invocation& call) {
  std::string format;
  arguments flags{call};
  flags.text("-f,--format", format, "Format output using a Go template, or 'json'");
  (void)flags.parse({0, 0});
  const auto platform = cat("linux/", machine());
  if (format.empty()) {
    call.io.out.write(cat("contain:\n Version:           ", version_string, "\n Library version:   ", version(),
                          "\n OS/Arch:           ", platform, "\n Kernel:            ", kernel(), "\n"));
    return 0;
  }
  using json = nlohmann::ordered_json;
  const auto part = [&](std::string_view number) {
    return json{{"Version", number}, {"Os", "linux"}, {"Arch", machine()}, {"KernelVersion", kernel()}};
  };
  const json all{{"Client", part(version_string)}, {"Server", part(version())}};
  call.io.out.line(format == "json" ? all.dump() : go_template{format}.render(all));
  return 0;
}

int explain_verb(invocation& call) {
  arguments flags{call};
  const auto names = flags.parse({0, 1});
  if (names.empty()) {
    std::vector<std::vector<std::string>> rows{{"CODE", "NAME", "MEANING"}};
    for (const auto& entry : error_table())
      rows.push_back({error{entry.code, ""}.id(), std::string{entry.name}, std::string{entry.summary}});
    call.io.out.write(lay_out(rows));
    return 0;
  }
  const auto entry = find_entry(names.front());
  if (!entry)
    throw usage_error{
        cat("there is no error code \"", names.front(), "\""), "contain explain", {}, 1, "contain explain"};
  call.io.out.write(explain(*entry));
  return 0;
}

}  // namespace contain::cli
