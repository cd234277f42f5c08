// Where a container is in its life: what the record says, put right by what the kernel and the supervisor's files say.
// Whoever looks first at a container that has ended writes its end into the store, exactly once.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "contain/container.hpp"
#include "contain/storage/metadata.hpp"
#include "contain/sys/fd.hpp"
#include "engine/state.hpp"

namespace contain::lifecycle {

/// Field 22 of /proc/PID/stat, and whether the process still runs (a zombie has only its parent to wait for).
struct process_identity {
  std::uint64_t start_ticks = 0;
  bool zombie = false;
};
/// Nothing when there is no such process. proc(5).
std::optional<process_identity> identify(int pid) noexcept;
/// Whether this very process is there, in this boot.
bool is_alive(const engine::impl& in, std::string_view boot_id, int pid, std::uint64_t start_ticks) noexcept;
/// A descriptor for signals and poll; empty when the process has gone. Never of another process with the same number.
sys::unique_fd open_process(const engine::impl& in, const storage::process_record& process);

/// The container's directory. Empty when it is gone.
sys::unique_fd open_directory(const engine::impl& in, const std::string& id) noexcept;

/// Makes the directories of a container that has none. What overlayfs shows as the root's mode is that of `upper`.
sys::unique_fd make_directories(const engine::impl& in, const std::string& id);

enum class then : unsigned char { keep, remove };
/// Writes how a run ended, with docker's event, unless somebody else has. `then::remove`, and every container that was
/// made to be removed at its end, also loses files and record in the same step.
void record_end(engine::impl& in, const storage::container_record& c, const exit_status& how, then what);
/// Removes files and record. False when the record was gone already.
bool erase(engine::impl& in, const storage::container_record& c);

/// Held while a container is started or removed, against other handles and processes. The lock belongs to the open
/// directory, which the supervisor shares: if the starter is killed half-way it stays with the running container.
class start_lock {
 public:
  /// Waits up to a second, then throws error{busy}.
  start_lock(int directory, const std::string& subject);
  start_lock(const start_lock&) = delete;
  start_lock& operator=(const start_lock&) = delete;
  ~start_lock();

 private:
  int directory_;
};

/// What became of a request to remove a container that does not run.
enum class removal_of_stopped : unsigned char { removed, runs, gone };
/// Removes it unless it runs, was started meanwhile, or is being started: then error{busy}.
removal_of_stopped erase_stopped(engine::impl& in, const storage::container_record& c);
/// Kills it if it runs, waits for the end, removes everything.
void destroy(engine::impl& in, const storage::container_record& c);

/// A container as things are now.
struct sight {
  std::optional<storage::container_record> record;  ///< nothing when it was removed meanwhile
  std::optional<exit_status> ended;                 ///< when it was this look that found its end
};
sight look(engine::impl& in, storage::container_record c);
/// Removes what dead processes owned: containers that their supervisor could not, and the records of all.
void sweep(engine::impl& in);
/// True when `c` belonged to a process that is gone, and has been removed.
bool sweep_one(engine::impl& in, const storage::container_record& c);

container_info info_of(const storage::container_record& c);
exit_status status_of(const storage::exit_record& exit);
/// What every event of a container says of it.
std::map<std::string, std::string> attributes_of(const storage::container_record& c);

}  // namespace contain::lifecycle
