#include <limits>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/storage/metadata.hpp"
#include "storage/metadata_json.hpp"

namespace contain::storage {
namespace {

constexpr std::uint32_t range_size = 65536;

#define CONTAIN_CONTAINER_COLUMNS                                                                                 \
  "id, name, image, image_id, command, labels, chains, state, created, started, boot_id, pid, start_ticks,"       \
  " supervisor_pid, exit_code, exit_signal, oom_killed, finished, error, ephemeral, auto_remove, tty, owner_pid," \
  " owner_start_ticks, id_range, weakened"

time_point time_from(std::int64_t nanoseconds) { return time_point{std::chrono::nanoseconds{nanoseconds}}; }

std::int64_t count(time_point when) { return when.time_since_epoch().count(); }

container_record container_from(const query& q) {
  container_record c;
  int column = 0;
  const auto text = [&] { return q.text(column++); };
  const auto integer = [&] { return q.integer(column++); };
  const auto number = [&] { return static_cast<int>(q.integer(column++)); };
  c.id = text();
  c.name = text();
  c.image = text();
  c.image_id = text();
  c.command = decode_list(text());
  c.labels = decode_map(text());
  const auto chains = text();
  for (const auto chain : text::split(chains, ' ')) {
    if (!chain.empty()) c.chains.emplace_back(chain);
  }
  c.state = static_cast<run_state>(number());
  c.created = time_from(integer());
  c.started = time_from(integer());
  c.process.boot_id = text();
  c.process.pid = number();
  c.process.start_ticks = static_cast<std::uint64_t>(integer());
  c.process.supervisor_pid = number();
  if (!q.is_null(column)) {
    exit_record e;
    e.code = number();
    e.signal = number();
    e.oom_killed = number() != 0;
    e.finished = time_from(integer());
    c.exit = e;
  } else {
    column += 4;
  }
  c.error = text();
  c.ephemeral = number() != 0;
  c.auto_remove = number() != 0;
  c.tty = number() != 0;
  c.owner_pid = number();
  c.owner_start_ticks = static_cast<std::uint64_t>(integer());
  c.id_range = static_cast<std::uint32_t>(integer());
  c.weakened = decode_list(text());
  return c;
}

std::optional<container_record> one(query q) {
  if (!q.step()) return std::nullopt;
  return container_from(q);
}

std::vector<container_record> all(query q) {
  std::vector<container_record> found;
  while (q.step()) found.push_back(container_from(q));
  return found;
}

}  // namespace

std::optional<container_record> metadata_reader::container(std::string_view id) const {
  auto q = transaction_.prepare("SELECT " CONTAIN_CONTAINER_COLUMNS " FROM containers WHERE id = ?");
  q.bind(id);
  return one(std::move(q));
}

std::optional<container_record> metadata_reader::container_by_name(std::string_view name) const {
  auto q = transaction_.prepare("SELECT " CONTAIN_CONTAINER_COLUMNS " FROM containers WHERE name = ?");
  q.bind(name);
  return one(std::move(q));
}

std::vector<std::string> metadata_reader::container_ids(std::string_view prefix) const {
  // 'g' sorts after every hex digit.
  auto q = transaction_.prepare("SELECT id FROM containers WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 2");
  std::vector<std::string> found;
  for (q.bind(prefix); q.step();) found.push_back(q.text(0));
  return found;
}

std::vector<container_record> metadata_reader::containers() const {
  return all(transaction_.prepare("SELECT " CONTAIN_CONTAINER_COLUMNS " FROM containers ORDER BY number DESC"));
}

std::vector<container_record> metadata_reader::ephemeral_containers() const {
  return all(transaction_.prepare("SELECT " CONTAIN_CONTAINER_COLUMNS " FROM containers WHERE ephemeral"));
}

std::vector<container_record> metadata_reader::containers_of(std::string_view image_id) const {
  auto q = transaction_.prepare("SELECT " CONTAIN_CONTAINER_COLUMNS
                                " FROM containers WHERE image_id = ? ORDER BY number DESC");
  q.bind(image_id);
  return all(std::move(q));
}

container_documents metadata_reader::documents(std::string_view container_id) const {
  auto q = transaction_.prepare(
      "SELECT options, image_config FROM container_documents"
      " WHERE number = (SELECT number FROM containers WHERE id = ?)");
  if (!q.bind(container_id).step()) throw error{errc::container_not_found, "read", std::string{container_id}};
  return {q.text(0), q.text(1)};
}

bool metadata_writer::add_container(const container_record& c, const container_documents& documents) {
  const auto exit_field = [&](auto field) {
    return c.exit ? std::optional<std::int64_t>{field(*c.exit)} : std::nullopt;
  };
  const int added = transaction_.run(
      "INSERT INTO containers(" CONTAIN_CONTAINER_COLUMNS
      ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT(name) DO NOTHING",
      c.id, c.name, c.image, c.image_id, encode(c.command), encode(c.labels), text::join(c.chains, " "),
      static_cast<int>(c.state), count(c.created), count(c.started), c.process.boot_id, c.process.pid,
      c.process.start_ticks, c.process.supervisor_pid, exit_field([](const exit_record& e) { return e.code; }),
      exit_field([](const exit_record& e) { return e.signal; }),
      exit_field([](const exit_record& e) { return e.oom_killed ? 1 : 0; }),
      exit_field([](const exit_record& e) { return count(e.finished); }), c.error, c.ephemeral, c.auto_remove, c.tty,
      c.owner_pid, c.owner_start_ticks, c.id_range, encode(c.weakened));
  if (added == 0) return false;
  transaction_.run("INSERT INTO container_documents(number, options, image_config) VALUES(?, ?, ?)",
                   transaction_.last_rowid(), documents.options, documents.image_config);
  return true;
}

bool metadata_writer::rename_container(std::string_view id, std::string_view name) {
  return transaction_.run("UPDATE OR IGNORE containers SET name = ? WHERE id = ?", name, id) > 0;
}

bool metadata_writer::set_running(std::string_view id, const process_record& process, time_point started,
                                  const std::vector<std::string>& weakened) {
  return transaction_.run(
             "UPDATE containers SET state = 1, boot_id = ?, pid = ?, start_ticks = ?, supervisor_pid = ?,"
             " started = ?, weakened = ?, error = '', exit_code = NULL, exit_signal = NULL, oom_killed = NULL,"
             " finished = NULL WHERE id = ? AND state IN (0, 2)",
             process.boot_id, process.pid, process.start_ticks, process.supervisor_pid, count(started),
             encode(weakened), id) > 0;
}

bool metadata_writer::set_exited(std::string_view id, const process_record& process, const exit_record& exit) {
  return transaction_.run(
             "UPDATE containers SET state = 2, pid = 0, exit_code = ?, exit_signal = ?, oom_killed = ?, finished = ?"
             " WHERE id = ? AND state = 1 AND boot_id = ? AND pid = ? AND start_ticks = ?",
             exit.code, exit.signal, exit.oom_killed, count(exit.finished), id, process.boot_id, process.pid,
             process.start_ticks) > 0;
}

void metadata_writer::set_error(std::string_view id, std::string_view error, int exit_code) {
  transaction_.run(
      "UPDATE containers SET error = ?, exit_code = ?, exit_signal = 0, oom_killed = 0, finished = ?"
      " WHERE id = ? AND state <> 1",
      error, exit_code, count(now()), id);
}

void metadata_writer::set_owner(std::string_view id, bool ephemeral, int owner_pid, std::uint64_t owner_start_ticks) {
  transaction_.run("UPDATE containers SET ephemeral = ?, owner_pid = ?, owner_start_ticks = ? WHERE id = ?", ephemeral,
                   owner_pid, owner_start_ticks, id);
}

bool metadata_writer::remove_container(std::string_view id) {
  return transaction_.run("DELETE FROM containers WHERE id = ?", id) > 0;
}

std::uint32_t metadata_writer::free_id_range(std::uint32_t base, std::span<const id_interval> reserved) const {
  constexpr std::uint64_t end = std::numeric_limits<std::uint32_t>::max() - range_size;
  // One pass over the used ranges in order. Every step moves the candidate up past what it touches.
  std::uint64_t candidate = base;
  const auto skip_reserved = [&] {
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& taken : reserved) {
        if (candidate <= taken.last && candidate + range_size > taken.first) {
          candidate = (std::uint64_t{taken.last} + range_size) / range_size * range_size;
          moved = true;
        }
      }
    }
  };
  skip_reserved();
  auto q = transaction_.prepare("SELECT id_range FROM containers WHERE id_range > 0 ORDER BY id_range");
  while (q.step()) {
    const auto used = static_cast<std::uint64_t>(q.integer(0));
    if (used >= candidate + range_size) break;
    if (used + range_size <= candidate) continue;
    candidate = used + range_size;
    skip_reserved();
  }
  if (candidate > end) throw error{errc::exhausted, "allocate a range of ids", {}, "all of them are in use"};
  return static_cast<std::uint32_t>(candidate);
}

}  // namespace contain::storage
