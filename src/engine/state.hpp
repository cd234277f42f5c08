// What an engine holds. Internal: image, container and run reach it through engine::internals().
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "contain/engine.hpp"
#include "contain/runtime/host_facts.hpp"
#include "contain/runtime/supervisor.hpp"
#include "contain/storage/content_store.hpp"
#include "contain/storage/layer_store.hpp"
#include "contain/storage/metadata.hpp"
#include "contain/storage/staging.hpp"
#include "contain/sys/fd.hpp"

namespace contain {

/// Thread safe. Declared in dependency order: the stores borrow `root_fd` and `staging`.
struct engine::impl {
  explicit impl(engine_options options);
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  /// Ends the supervisor, and with it every container that was not detached; then forgets them.
  ~impl();

  std::filesystem::path root;  ///< absolute
  log_sink log;
  pid_t opened_by;            ///< a forked child's copy does nothing
  sys::unique_fd root_fd;     ///< the store's directory
  sys::unique_fd containers;  ///< <root>/containers
  sys::unique_fd trash;       ///< <root>/trash: removed containers' files until they are deleted
  storage::metadata records;
  storage::staging staging;
  storage::content_store blobs;
  storage::layer_store layers;

  /// The helper process; started by the first call, and anew after it was lost.
  std::shared_ptr<runtime::supervisor> supervisor();
  /// The same, but none is started.
  std::shared_ptr<runtime::supervisor> running_supervisor() noexcept;
  /// What error{supervisor_lost} says of `lost`: the next call starts another one.
  void drop_supervisor(const std::shared_ptr<runtime::supervisor>& lost) noexcept;
  /// Probed by the first call.
  const runtime::host_facts& host();
  /// /proc/sys/kernel/random/boot_id: process ids of another boot mean nothing.
  [[nodiscard]] const std::string& boot_id() const noexcept { return boot_id_; }
  /// Of this process, as lifecycle::identify has it: marks what it owns.
  [[nodiscard]] std::uint64_t own_start_ticks() const noexcept { return own_start_ticks_; }
  /// Throws error{invalid} in a process that was forked from the one that opened the engine.
  void require_own_process() const;

  /// Host ids that users have in /etc/subuid and /etc/subgid; read by the first call.
  const std::vector<storage::id_interval>& reserved_ids();
  /// Where this store's private id ranges begin: stores of one host begin at different places.
  [[nodiscard]] std::uint32_t id_base() const noexcept;

  void warn(std::string_view component, std::string message) const noexcept {
    emit(log, log_level::warn, component, std::move(message));
  }

  /// The same, but each text once per engine.
  void warn_once(std::string_view component, const std::string& message);

  /// Containers that end with this engine.
  void adopt(const std::string& id);
  void release(const std::string& id);

 private:
  std::string boot_id_;
  std::uint64_t own_start_ticks_ = 0;
  std::mutex mutex_;
  std::shared_ptr<runtime::supervisor> supervisor_;
  std::optional<runtime::host_facts> host_;
  std::optional<std::vector<storage::id_interval>> reserved_ids_;
  std::set<std::string> owned_, warned_;
};

}  // namespace contain
