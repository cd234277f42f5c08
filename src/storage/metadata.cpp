#include "contain/storage/metadata.hpp"

#include "contain/core/error.hpp"
#include "storage/metadata_json.hpp"

namespace contain::storage {
namespace {

constexpr int schema_version = 1;
constexpr std::int64_t events_kept = 10'000;

void migrate(const session& db, int from) {
  if (from > 0) return;  // version 1 is the first
  // Times are nanoseconds since 1970. A container's documents are apart so that a list does not read past them.
  for (const char* statement : {
           "CREATE TABLE images(id TEXT PRIMARY KEY, manifest_digest TEXT NOT NULL, manifest_type TEXT NOT NULL,"
           " os TEXT NOT NULL, architecture TEXT NOT NULL, variant TEXT NOT NULL, created INTEGER NOT NULL,"
           " size_bytes INTEGER NOT NULL, config TEXT NOT NULL)",
           "CREATE TABLE image_layers(image_id TEXT NOT NULL REFERENCES images ON DELETE CASCADE, position INTEGER,"
           " diff_id TEXT NOT NULL, chain_id TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL,"
           " blob_bytes INTEGER NOT NULL, size_bytes INTEGER NOT NULL, PRIMARY KEY(image_id, position)) WITHOUT ROWID",
           "CREATE INDEX layers_by_chain ON image_layers(chain_id)",
           "CREATE INDEX layers_by_digest ON image_layers(digest)",
           "CREATE TABLE tags(reference TEXT PRIMARY KEY,"
           " image_id TEXT NOT NULL REFERENCES images ON DELETE CASCADE) WITHOUT ROWID",
           "CREATE INDEX tags_by_image ON tags(image_id)",
           "CREATE TABLE repo_digests(reference TEXT PRIMARY KEY,"
           " image_id TEXT NOT NULL REFERENCES images ON DELETE CASCADE) WITHOUT ROWID",
           "CREATE INDEX repo_digests_by_image ON repo_digests(image_id)",
           "CREATE TABLE containers(number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, name TEXT UNIQUE NOT NULL,"
           " image TEXT NOT NULL, image_id TEXT NOT NULL, command TEXT NOT NULL, labels TEXT NOT NULL,"
           " chains TEXT NOT NULL, state INTEGER NOT NULL, created INTEGER NOT NULL, started INTEGER NOT NULL,"
           " boot_id TEXT NOT NULL, pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL,"
           " supervisor_pid INTEGER NOT NULL, exit_code INTEGER, exit_signal INTEGER, oom_killed INTEGER,"
           " finished INTEGER, error TEXT NOT NULL, ephemeral INTEGER NOT NULL, auto_remove INTEGER NOT NULL,"
           " tty INTEGER NOT NULL, owner_pid INTEGER NOT NULL, owner_start_ticks INTEGER NOT NULL,"
           " id_range INTEGER NOT NULL, weakened TEXT NOT NULL)",
           "CREATE UNIQUE INDEX containers_by_id_range ON containers(id_range) WHERE id_range > 0",
           "CREATE TABLE container_documents(number INTEGER PRIMARY KEY REFERENCES containers ON DELETE CASCADE,"
           " options TEXT NOT NULL, image_config TEXT NOT NULL)",
           // Without AUTOINCREMENT: the newest event is never deleted, so max(id) + 1 is monotonic already.
           "CREATE TABLE events(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, type TEXT NOT NULL,"
           " action TEXT NOT NULL, actor TEXT NOT NULL, attributes TEXT NOT NULL)",
       }) {
    db.run(statement);
  }
}

}  // namespace

metadata metadata::open(const std::filesystem::path& file) {
  return metadata{database::open(file, schema_version, migrate)};
}

bool metadata_reader::exists(const char* sql, std::string_view key) const {
  return transaction_.prepare(sql).bind(key).step();
}

std::vector<event_record> metadata_reader::events_after(std::int64_t id, int at_most) const {
  std::vector<event_record> found;
  auto q = transaction_.prepare(
      "SELECT id, time, type, action, actor, attributes FROM events WHERE id > ? ORDER BY id LIMIT ?");
  for (q.bind(id, at_most); q.step();) {
    found.push_back({.id = q.integer(0),
                     .when = time_point{std::chrono::nanoseconds{q.integer(1)}},
                     .type = q.text(2),
                     .action = q.text(3),
                     .actor = q.text(4),
                     .attributes = decode_map(q.text(5))});
  }
  return found;
}

void metadata_writer::add_event(std::string_view type, std::string_view action, std::string_view actor,
                                const std::map<std::string, std::string>& attributes) {
  transaction_.run("INSERT INTO events(time, type, action, actor, attributes) VALUES(?, ?, ?, ?, ?)",
                   now().time_since_epoch().count(), type, action, actor, encode(attributes));
  // Trimmed in steps, so that most events touch only the last page.
  const std::int64_t id = transaction_.last_rowid();
  if (id % 1000 == 0) transaction_.run("DELETE FROM events WHERE id <= ?", id - events_kept);
}

}  // namespace contain::storage
