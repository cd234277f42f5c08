// logs: what a container wrote, its two streams to ours.
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/log_printer.hpp"
#include "cli/values.hpp"
#include "contain/container.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {

int logs_verb(invocation& call) {
  log_options options;
  bool timestamps = false, details = false;
  const auto moment = now();
  const auto instant = [moment](std::optional<time_point>& into) {
    return [&into, moment](const std::string& text) {
      try {
        into = parse_instant(text, moment);
      } catch (const error& e) {
        throw e.detail();
      }
    };
  };
  arguments flags{call};
  flags.flag("-f,--follow", options.follow, "Follow log output")
      .flag("-t,--timestamps", timestamps, "Show timestamps")
      .flag("--details", details, "Show extra details provided to logs (there are none)")
      .value(
          "-n,--tail",
          [&](const std::string& text) {
            if (text == "all" || text.starts_with('-')) return;  // docker: a negative number is all of them
            const auto count = contain::text::parse_unsigned<std::uint64_t>(text);
            if (!count) throw std::string{"not a number"};
            options.tail = count;
          },
          "Number of lines to show from the end of the logs (default \"all\")", "string")
      .value("--since", instant(options.since),
             "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
             "string")
      .value("--until", instant(options.until),
             "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
             "string");
  const auto names = flags.parse({1, 1});

  const auto of = container::open(call.store(), names.front());
  log_printer printer{call.io, timestamps};
  of.logs(options, [&](const log_entry& entry) {
    printer.print(entry);
    // Who follows wants to see it now; a whole log is written in large pieces.
    if (options.follow) printer.flush();
    return true;
  });
  printer.flush();
  return 0;
}

}  // namespace contain::cli
