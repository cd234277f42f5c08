// ps, images, history: the three lists of docker and their columns.
#include <algorithm>
#include <array>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/filters.hpp"
#include "cli/listing.hpp"
#include "cli/words.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/core/time.hpp"
#include "contain/core/units.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

constexpr std::array container_columns{
    column{"ID", "CONTAINER ID"},    column{"Names", "NAMES"},     column{"Image", "IMAGE"},
    column{"ImageID", "IMAGE ID"},   column{"Command", "COMMAND"}, column{"CreatedAt", "CREATED AT"},
    column{"RunningFor", "CREATED"}, column{"State", "STATE"},     column{"Status", "STATUS"},
    column{"Ports", "PORTS"},        column{"Labels", "LABELS"},   column{"OwnerPid", "OWNER PID"},
    column{"ExitCode", "EXIT CODE"},
};

record container_row(const container_info& info, time_point now, bool whole) {
  record row;
  const auto short_image = short_image_id(info.image_id);
  // An image given by its id is cut to what docker shows; a name stays a name.
  auto image = info.image;
  if (!whole && image.starts_with("sha256:")) image = short_image_id(image);
  auto command = contain::text::join(info.command, " ");
  const bool ended = info.exit.has_value() && info.state != container_state::running;
  row.texts = {
      std::string{whole ? std::string_view{info.id} : ids::short_id(info.id)},
      info.name,
      image,
      whole ? info.image_id : short_image,
      go_quoted(whole ? command : ellipsis(command, 20)),
      local_time(info.created),
      age(info.created, now),
      std::string{to_string(info.state)},
      status_text(info, now),
      "",
      label_text(info.labels),
      info.owner_pid == 0 ? std::string{} : std::to_string(info.owner_pid),
      ended ? std::to_string(info.exit->code) : std::string{},
  };
  std::string words, labels;
  for (const auto& word : info.command) words += (words.empty() ? "" : ",") + json_string(word);
  for (const auto& [key, text] : info.labels)
    labels += (labels.empty() ? "" : ",") + json_string(key) + ":" + json_string(text);
  row.exact = {
      {"ID", json_string(info.id)},
      {"ImageID", json_string(info.image_id)},
      {"Command", cat("[", words, "]")},
      {"CreatedAt", json_string(to_rfc3339(info.created))},
      {"Labels", cat("{", labels, "}")},
      {"OwnerPid", info.owner_pid == 0 ? "null" : std::to_string(info.owner_pid)},
      {"ExitCode", ended ? std::to_string(info.exit->code) : "null"},
  };
  row.labels = info.labels;
  return row;
}

constexpr std::array image_columns{
    column{"Repository", "REPOSITORY"},
    column{"Tag", "TAG"},
    column{"Digest", "DIGEST"},
    column{"ID", "IMAGE ID"},
    column{"CreatedSince", "CREATED"},
    column{"CreatedAt", "CREATED AT"},
    column{"Size", "SIZE"},
    column{"Platform", "PLATFORM"},
};

record image_row(const image_info& info, const image_name& name, time_point now, bool whole) {
  record row;
  auto platform = cat(info.os, "/", info.architecture);
  if (!info.variant.empty()) platform += "/" + info.variant;
  row.texts = {name.repository,
               name.tag,
               name.digest,
               whole ? info.id : short_image_id(info.id),
               age(info.created, now),
               local_time(info.created),
               units::human_size(info.size_bytes),
               platform};
  row.exact = {{"ID", json_string(info.id)},
               {"CreatedAt", json_string(to_rfc3339(info.created))},
               {"Size", std::to_string(info.size_bytes)}};
  row.labels = info.labels;
  return row;
}

constexpr std::array history_columns{
    column{"ID", "IMAGE"},
    column{"CreatedSince", "CREATED"},
    column{"CreatedAt", "CREATED AT"},
    column{"CreatedBy", "CREATED BY"},
    column{"Size", "SIZE"},
    column{"Comment", "COMMENT"},
};

}  // namespace

int list_verb(invocation& call) {
  bool all = false, quiet = false, whole = false, latest = false;
  std::string format;
  std::vector<std::string> filters;
  std::optional<std::size_t> last;  // the newest ones, whatever their state
  arguments flags{call};
  flags.flag("-a,--all", all, "Show all containers (default shows just running)")
      .list("-f,--filter", filters, "Filter output based on conditions provided", "filter")
      .text("--format", format, "Format output: 'table', 'table TEMPLATE', 'json', 'ndjson' or a Go template")
      .value(
          "-n,--last",
          [&](const std::string& text) {
            if (text == "-1") return;
            const auto count = contain::text::parse_unsigned<std::size_t>(text);
            if (!count) throw std::string{"not a number"};
            last = count;
          },
          "Show n last created containers (includes all states)", "int")
      .flag("-l,--latest", latest, "Show the latest created container (includes all states)")
      .flag("--no-trunc", whole, "Don't truncate output")
      .flag("-q,--quiet", quiet, "Only display container IDs")
      .refused("-s,--size", "this version keeps no count of a container's files");
  (void)flags.parse({0, 0});
  if (latest) last = 1;

  const listing view{container_columns, format, {"ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"}};
  const auto conditions = parse_container_filters(filters);
  auto wanted = conditions.library;
  wanted.all = all || last || conditions.any_state;
  auto found = call.store().containers(wanted);
  keep_matching(found, conditions);
  if (last && found.size() > *last) found.resize(*last);

  if (quiet && format.empty()) {
    for (const auto& info : found) call.io.out.line(whole ? std::string_view{info.id} : ids::short_id(info.id));
    return 0;
  }
  std::vector<record> rows;
  const auto moment = now();
  for (const auto& info : found) rows.push_back(container_row(info, moment, whole));
  call.io.out.write(view.render(rows));
  return 0;
}

int images_verb(invocation& call) {
  bool all = false, digests = false, quiet = false, whole = false;
  std::string format;
  std::vector<std::string> filters;
  arguments flags{call};
  flags.flag("-a,--all", all, "Show all images (default hides intermediate images)")
      .flag("--digests", digests, "Show digests")
      .list("-f,--filter", filters, "Filter output based on conditions provided", "filter")
      .text("--format", format, "Format output: 'table', 'table TEMPLATE', 'json', 'ndjson' or a Go template")
      .flag("--no-trunc", whole, "Don't truncate output")
      .flag("-q,--quiet", quiet, "Only show image IDs");
  const auto names = flags.parse({0, 1});

  std::vector<std::string_view> shown{"Repository", "Tag", "ID", "CreatedSince", "Size"};
  if (digests) shown.insert(shown.begin() + 2, "Digest");
  const listing view{image_columns, format, shown};
  const auto conditions = parse_image_filters(filters);
  auto found = call.store().images(conditions.library);
  keep_matching(found, conditions);

  std::vector<record> rows;
  std::vector<std::string> printed;
  const auto moment = now();
  for (const auto& info : found) {
    for (const auto& name : rows_of(info, digests)) {
      if (!names.empty() && !names_image(name, names.front())) continue;
      if (conditions.dangling && *conditions.dangling != info.tags.empty()) continue;
      rows.push_back(image_row(info, name, moment, whole));
      if (!quiet || !format.empty() || std::find(printed.begin(), printed.end(), info.id) != printed.end()) continue;
      printed.push_back(info.id);
      call.io.out.line(whole ? info.id : short_image_id(info.id));
    }
  }
  if (!quiet || !format.empty()) call.io.out.write(view.render(rows));
  return 0;
}

int history_verb(invocation& call) {
  bool human = true, quiet = false, whole = false;
  std::string format;
  arguments flags{call};
  flags.flag("-H,--human", human, "Print sizes and dates in human readable format (default true)")
      .text("--format", format, "Format output: 'table', 'table TEMPLATE', 'json', 'ndjson' or a Go template")
      .flag("--no-trunc", whole, "Don't truncate output")
      .flag("-q,--quiet", quiet, "Only show image IDs");
  const auto names = flags.parse({1, 1});

  const listing view{
      history_columns, format, {"ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"}};
  std::vector<record> rows;
  const auto moment = now();
  for (const auto& entry : image::open(call.store(), names.front()).history()) {
    const auto id = whole ? entry.image_id : short_image_id(entry.image_id);
    if (quiet && format.empty()) {
      call.io.out.line(id);
      continue;
    }
    record row;
    row.texts = {id,
                 age(entry.created, moment),
                 to_rfc3339(entry.created),
                 whole ? entry.created_by : ellipsis(entry.created_by, 45),
                 human ? units::human_size(entry.size_bytes) : std::to_string(entry.size_bytes),
                 entry.comment};
    row.exact = {{"ID", json_string(entry.image_id)},
                 {"CreatedBy", json_string(entry.created_by)},
                 {"Size", std::to_string(entry.size_bytes)}};
    rows.push_back(std::move(row));
  }
  if (!quiet || !format.empty()) call.io.out.write(view.render(rows));
  return 0;
}

}  // namespace contain::cli
