// What a container handle holds. Internal.
#pragma once
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/runtime/spec_builder.hpp"
#include "contain/runtime/supervisor.hpp"
#include "contain/storage/metadata.hpp"
#include "contain/sys/fd.hpp"
#include "engine/state.hpp"

namespace contain {

/// How the current run ended, as soon as anybody with a connection to it knows: the handle, or an attachment. The
/// record may be gone by then, when the container removes itself.
class exit_slot {
 public:
  void set(const exit_status& how) {
    const std::lock_guard lock{mutex_};
    how_ = how;
  }
  /// A new run has begun.
  void clear() {
    const std::lock_guard lock{mutex_};
    how_.reset();
  }
  [[nodiscard]] std::optional<exit_status> get() const {
    const std::lock_guard lock{mutex_};
    return how_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<exit_status> how_;
};

/// What a container is made of, from the store's documents.
struct blueprint {
  container_options options;
  oci::execution_config image;
  runtime::built_spec built;
};

struct container::impl {
  impl(engine::impl& engine, std::string container_id) noexcept;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  /// Ends an owned container. Never throws.
  ~impl();

  engine::impl* in;
  std::string id;
  pid_t made_by;  ///< a forked child's copy does nothing
  bool owns = false;
  sys::unique_fd directory;  ///< containers/<id>
  const std::shared_ptr<exit_slot> ended = std::make_shared<exit_slot>();

  /// The record put right by the kernel; nothing when it is gone.
  [[nodiscard]] std::optional<storage::container_record> observe() const;
  /// The same. Throws error{container_not_found}.
  [[nodiscard]] storage::container_record current() const;
  /// Read or built by the first call.
  [[nodiscard]] const blueprint& plan() const;
  void set_plan(blueprint b) const;

  /// Makes it, owned or not as its options say.
  static std::unique_ptr<impl> create(engine& in, container_options options);
  /// Launches it; the record of the run. `first_client` may be empty.
  storage::container_record start(sys::unique_fd first_client);
  /// Until it does not run, at most until the deadline.
  exit_status wait(const std::stop_token& stop, std::optional<std::chrono::nanoseconds> timeout) const;
  /// Waits on a connection that was made while it ran.
  exit_status wait_on(int client, const storage::container_record& c, const std::stop_token& stop,
                      std::optional<std::chrono::nanoseconds> timeout) const;
  /// Sends a signal to the first process, with docker's event. Throws error{not_running}.
  void signal(const storage::container_record& c, int number) const;
  void report(const storage::container_record& c, std::string_view action,
              std::map<std::string, std::string> more = {}) const;

 private:
  void launch(storage::container_record& c, sys::unique_fd first_client);
  void note_failure(const storage::container_record& c, const error& failure) noexcept;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const blueprint> plan_;
};

}  // namespace contain
