// One SQLite connection (https://sqlite.org/c3ref) as RAII: locked sessions, transactions, cached statements.
// Several processes share the file: WAL lets readers go on beside the one writer, a writer waits for its turn.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace contain::storage {

/// What a commit survives. `normal`: a crash of any process; after a power cut the newest transactions may be
/// missing, never half there. `full`: a power cut too, for one fsync(2).
enum class durability : unsigned char { normal, full };

/// A running statement: `while (q.step()) q.text(0)`. Borrowed from the session that made it; back in the cache
/// at its end. Throws contain::error as database does.
class query {
 public:
  query(sqlite3* db, sqlite3_stmt* handle) noexcept : db_(db), handle_(handle) {}
  query(query&& other) noexcept;
  query& operator=(query&&) = delete;
  ~query();

  /// Parameters by position, first 1. Text and blobs are copied.
  template <class... Values>
  query& bind(const Values&... values) {
    (bind_one(++bound_, values), ...);
    return *this;
  }
  /// True while there is a row.
  bool step();
  /// Runs a statement that gives no rows; how many rows it changed.
  int run();

  [[nodiscard]] std::int64_t integer(int column) const noexcept;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const noexcept;

 private:
  void bind_one(int at, std::string_view text);
  void bind_one(int at, std::int64_t number);
  void bind_one(int at, std::nullopt_t);
  void bind_one(int at, const std::string& text) { bind_one(at, std::string_view{text}); }
  void bind_one(int at, const char* text) { bind_one(at, std::string_view{text}); }
  template <std::integral T>
  void bind_one(int at, T number) {
    bind_one(at, static_cast<std::int64_t>(number));
  }
  template <class T>
  void bind_one(int at, const std::optional<T>& value) {
    value ? bind_one(at, *value) : bind_one(at, std::nullopt);
  }

  sqlite3* db_;
  sqlite3_stmt* handle_;
  int bound_ = 0;
};

/// The connection, locked for one thread. Movable; `database` must outlive it. A thread that holds one must not ask
/// for another.
class session {
 public:
  /// `sql` must be a literal: the compiled statement is cached under its address.
  [[nodiscard]] query prepare(const char* sql) const;
  /// prepare, bind, run.
  template <class... Values>
  int run(const char* sql, const Values&... values) const {
    return prepare(sql).bind(values...).run();
  }
  [[nodiscard]] std::int64_t last_rowid() const noexcept;

  session(session&&) noexcept = default;
  session& operator=(session&&) = delete;
  ~session() = default;

 protected:
  struct connection;
  friend class database;
  session(connection& to, std::unique_lock<std::mutex> lock) noexcept : connection_(&to), lock_(std::move(lock)) {}

  connection* connection_;
  std::unique_lock<std::mutex> lock_;
};

/// A session inside BEGIN … COMMIT. Without commit() everything is taken back.
class transaction : public session {
 public:
  transaction(transaction&& other) noexcept;
  transaction& operator=(transaction&&) = delete;
  ~transaction();
  /// Ends it and unlocks: nothing may be done with it afterwards. Throws error{exhausted} on a full disk: nothing was
  /// written then.
  void commit();

 private:
  friend class database;
  enum class kind : unsigned char { snapshot, immediate };
  transaction(session from, kind how, durability keep);
  bool open_ = false;
};

/// Thread safe. After fork(2) only the parent may use it; the child's copy is left alone, unclosed.
///
/// Errors: store_corrupt (also: not a database), store_version (written by a newer library), busy (another process
/// held the write lock for 30 s), exhausted (disk or memory full), denied, kernel.
class database {
 public:
  /// Brings a database from version `from` to the current one, inside one transaction.
  using migration = void (*)(const session& db, int from);

  /// Opens or creates `file` with schema `version`, `migrate` filling an empty one (from = 0). Costs about 0.2 ms.
  static database open(const std::filesystem::path& file, int version, migration migrate);
  database(database&&) noexcept;
  database& operator=(database&&) noexcept;
  ~database();

  /// Several reads that see one state.
  [[nodiscard]] transaction snapshot() const;
  /// Takes the write lock of all processes at once, so that what is read inside stays true.
  [[nodiscard]] transaction write(durability keep = durability::normal) const;

 private:
  explicit database(std::unique_ptr<session::connection> c) noexcept;
  [[nodiscard]] session lock() const;
  void upgrade(int version, migration migrate) const;
  std::unique_ptr<session::connection> connection_;
};

}  // namespace contain::storage
