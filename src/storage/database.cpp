#include "contain/storage/database.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <unordered_map>
#include <utility>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::storage {
namespace {

/// How long a writer waits for the other processes' writers. Each holds the lock for well under a millisecond.
constexpr long busy_limit_us = 30'000'000;

errc code_of(sqlite3* db, int failure) {
  switch (failure & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return errc::busy;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return errc::exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errc::store_corrupt;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return errc::denied;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
      return errc::invalid;
    default:
      // IOERR and CANTOPEN keep the system's reason: a full disk shows as ENOSPC here for the -shm file.
      return code_for_errno(db == nullptr ? 0 : sqlite3_system_errno(db));
  }
}

[[noreturn]] void fail(sqlite3* db, int failure, const char* operation, std::string subject) {
  std::string words = db == nullptr ? sqlite3_errstr(failure) : sqlite3_errmsg(db);
  throw error{code_of(db, failure), operation, std::move(subject), std::move(words)};
}

/// Sleeps between 0.05 and 5 ms. SQLite's own handler begins with a whole millisecond, which is longer than most
/// write transactions here take.
int wait_for_lock(void* /*unused*/, int tries) {
  const long step_us = std::min(50L << std::min(tries, 7), 5'000L);
  if (static_cast<long>(tries) * step_us > busy_limit_us) return 0;
  const timespec pause{.tv_sec = 0, .tv_nsec = step_us * 1000};
  (void)::nanosleep(&pause, nullptr);
  return 1;
}

}  // namespace

struct session::connection {
  sqlite3* db = nullptr;
  pid_t opened_by = ::getpid();
  std::mutex mutex;
  std::unordered_map<const char*, sqlite3_stmt*> cache;
  durability current = durability::normal;

  connection() = default;
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() {
    // In a forked child the handle shares the parent's file locks and shared memory: closing it there could take
    // them from the parent (https://sqlite.org/howtocorrupt.html §2.6).
    if (::getpid() != opened_by) return;
    for (const auto& [sql, handle] : cache) sqlite3_finalize(handle);
    sqlite3_close(db);
  }

  void execute(const char* sql) const {
    const int rc = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) fail(db, rc, sql, sqlite3_db_filename(db, "main"));
  }
};

// ---- query

query::query(query&& other) noexcept
    : db_(other.db_), handle_(std::exchange(other.handle_, nullptr)), bound_(other.bound_) {}

query::~query() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

bool query::step() {
  const int rc = sqlite3_step(handle_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  fail(db_, rc, "use the store", sqlite3_db_filename(db_, "main"));
}

int query::run() {
  while (step()) {
  }
  return sqlite3_changes(db_);
}

std::int64_t query::integer(int column) const noexcept { return sqlite3_column_int64(handle_, column); }

std::string query::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

bool query::is_null(int column) const noexcept { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

void query::bind_one(int at, std::string_view text) {
  const int rc = sqlite3_bind_text64(handle_, at, text.data() == nullptr ? "" : text.data(), text.size(),
                                     SQLITE_TRANSIENT, SQLITE_UTF8);  // NOLINT: SQLite's own cast
  if (rc != SQLITE_OK) fail(db_, rc, "use the store", sqlite3_db_filename(db_, "main"));
}

void query::bind_one(int at, std::int64_t number) {
  const int rc = sqlite3_bind_int64(handle_, at, number);
  if (rc != SQLITE_OK) fail(db_, rc, "use the store", sqlite3_db_filename(db_, "main"));
}

void query::bind_one(int at, std::nullopt_t /*absent*/) {
  const int rc = sqlite3_bind_null(handle_, at);
  if (rc != SQLITE_OK) fail(db_, rc, "use the store", sqlite3_db_filename(db_, "main"));
}

// ---- session and transaction

query session::prepare(const char* sql) const {
  auto& cached = connection_->cache[sql];
  if (cached == nullptr) {
    const int rc = sqlite3_prepare_v3(connection_->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &cached, nullptr);
    if (rc != SQLITE_OK) fail(connection_->db, rc, "use the store", sqlite3_db_filename(connection_->db, "main"));
  }
  return {connection_->db, cached};
}

std::int64_t session::last_rowid() const noexcept { return sqlite3_last_insert_rowid(connection_->db); }

transaction::transaction(session from, kind how, durability keep) : session(std::move(from)) {
  if (how == kind::immediate && keep != connection_->current) {
    // Outside of a transaction only, says the manual; hence before BEGIN.
    connection_->execute(keep == durability::full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    connection_->current = keep;
  }
  prepare(how == kind::immediate ? "BEGIN IMMEDIATE" : "BEGIN").run();
  open_ = true;
}

transaction::transaction(transaction&& other) noexcept
    : session(std::move(other)), open_(std::exchange(other.open_, false)) {}

transaction::~transaction() {
  // A failed statement may have rolled back by itself already (full disk): autocommit tells.
  if (open_ && sqlite3_get_autocommit(connection_->db) == 0) {
    (void)sqlite3_exec(connection_->db, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void transaction::commit() {
  prepare("COMMIT").run();
  open_ = false;
  lock_.unlock();
}

// ---- database

database::database(std::unique_ptr<session::connection> c) noexcept : connection_(std::move(c)) {}
database::database(database&&) noexcept = default;
database& database::operator=(database&&) noexcept = default;
database::~database() = default;

database database::open(const std::filesystem::path& file, int version, migration migrate) {
  auto fresh = std::make_unique<session::connection>();
  // No mutex of SQLite's own: `session` locks. Extended codes carry the reason of an I/O error.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int rc = sqlite3_open_v2(file.c_str(), &fresh->db, flags, nullptr);
  if (rc != SQLITE_OK) fail(fresh->db, rc, "open the store", file.string());
  sqlite3_busy_handler(fresh->db, wait_for_lock, nullptr);
  // Closing would copy the log back with two fsyncs. It goes on in the next process instead, and is copied back by
  // the commit that makes it longer than the limit below.
  sqlite3_db_config(fresh->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_autocheckpoint(fresh->db, 256);
  fresh->execute("PRAGMA foreign_keys=ON");
  fresh->execute("PRAGMA synchronous=NORMAL");
  database opened{std::move(fresh)};
  opened.upgrade(version, migrate);
  return opened;
}

void database::upgrade(int version, migration migrate) const {
  const auto stored = [](const session& s) {
    auto q = s.prepare("PRAGMA user_version");
    return q.step() ? static_cast<int>(q.integer(0)) : 0;
  };
  const std::string file = sqlite3_db_filename(connection_->db, "main");
  const auto refuse_newer = [&](int found) {
    if (found > version) {
      throw error{errc::store_version, "open the store", file,
                  text::cat("it has version ", found, ", this library knows up to ", version)};
    }
  };
  {
    const auto s = lock();
    const int found = stored(s);
    refuse_newer(found);
    if (found == version) return;
    // The journal mode stays in the file. Setting it needs the file for itself, outside of a transaction.
    if (found == 0) connection_->execute("PRAGMA journal_mode=WAL");
  }
  auto t = write(durability::full);
  const int found = stored(t);  // another process may have been faster
  refuse_newer(found);
  if (found < version) {
    migrate(t, found);
    connection_->execute(text::cat("PRAGMA user_version=", version).c_str());
  }
  t.commit();
}

session database::lock() const {
  if (::getpid() != connection_->opened_by) {
    throw error{errc::invalid, "use the store", sqlite3_db_filename(connection_->db, "main"),
                "this process was forked from the one that opened it"}
        .with_hint("make a new engine after fork");
  }
  return {*connection_, std::unique_lock{connection_->mutex}};
}

transaction database::snapshot() const { return {lock(), transaction::kind::snapshot, durability::normal}; }

transaction database::write(durability keep) const { return {lock(), transaction::kind::immediate, keep}; }

}  // namespace contain::storage
