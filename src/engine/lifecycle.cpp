#include "engine/lifecycle.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/cgroup.hpp"
#include "contain/runtime/supervisor.hpp"
#include "contain/sys/control_file.hpp"
#include "contain/sys/dir.hpp"
#include "contain/sys/file.hpp"

namespace contain::lifecycle {
namespace {

/// How long a killed process may take to be gone. The kernel needs milliseconds; more means it hangs in a device.
constexpr std::chrono::milliseconds death_limit{10'000};
/// Docker's code for a container whose end nobody saw.
constexpr int unknown_exit = 255;

storage::exit_record record_of(const exit_status& how) {
  return {.code = how.code, .signal = how.signal, .oom_killed = how.oom_killed, .finished = how.finished};
}

/// The end of a run whose supervisor was killed or whose host was switched off.
exit_status lost() { return {.code = unknown_exit, .signal = 0, .oom_killed = false, .finished = now()}; }

/// Out of sight by one rename, and then deleted by the supervisor's reaper: nobody waits for the disk. Without a
/// supervisor it is deleted here; what a crash leaves in trash/ goes with the next sweep.
void remove_files(engine::impl& in, const std::string& id) {
  if (::renameat(in.containers.get(), id.c_str(), in.trash.get(), id.c_str()) != 0) {
    if (errno == ENOENT) return;
    throw error::from_errno(errno, "remove the files of", id);
  }
  if (const auto supervisor = in.running_supervisor(); supervisor && supervisor->reap(in.trash.get(), id)) return;
  // Another engine may be sweeping the same.
  const auto done = sys::remove_tree(in.trash.get(), id.c_str());
  if (!done && done.error() != ENOENT && done.error() != ENOTEMPTY)
    throw error::from_errno(done.error(), "remove the files of", id);
}

/// Waits for a killed container until its supervisor has reaped it and removed its cgroups. Nothing when there is no
/// supervisor that could say so.
std::optional<exit_status> wait_for_supervisor(int client) {
  using kind = runtime::client_event::kind;
  try {
    for (;;) {
      const auto event = runtime::next_event(client, {}, death_limit);
      if (event.what == kind::exited) return event.exit;
      if (event.what == kind::closed) return std::nullopt;
    }
  } catch (const error& e) {
    if (e.code() != errc::timeout) throw;
    return std::nullopt;
  }
}

exit_status kill_and_wait(engine::impl& in, const storage::container_record& c) {
  const auto directory = open_directory(in, c.id);
  const auto client = directory ? runtime::connect_client(directory.get(), {}) : std::nullopt;
  const auto process = open_process(in, c.process);
  if (process) (void)::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  if (client) {
    if (const auto how = wait_for_supervisor(client->get())) return *how;
  }
  if (process) {
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    (void)sys::retry([&] { return ::poll(&ended, 1, static_cast<int>(death_limit.count())); });
  }
  runtime::remove_cgroups(in.host().cgroups, text::cat("contain/", c.id));
  const auto how = directory ? runtime::read_exit(directory.get()) : std::nullopt;
  return how.value_or(exit_status{.code = 128 + SIGKILL, .signal = SIGKILL, .oom_killed = false, .finished = now()});
}

}  // namespace

std::optional<process_identity> identify(int pid) noexcept {
  if (pid <= 0) return std::nullopt;
  std::array<char, 32> path{"/proc/"};
  char* end = std::to_chars(path.data() + 6, path.data() + 20, pid).ptr;
  std::copy_n("/stat", 6, end);
  const auto file = sys::open_at(AT_FDCWD, path.data(), O_RDONLY);
  if (!file) return std::nullopt;
  std::array<char, 1024> bytes{};
  const auto size = sys::read_full(file->get(), bytes.data(), bytes.size());
  if (!size || *size == 0) return std::nullopt;  // ESRCH: reaped since the open
  // The name in parentheses may hold anything, so fields are counted from the last one on.
  std::string_view rest{bytes.data(), *size};
  const auto name_end = rest.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= rest.size()) return std::nullopt;
  rest.remove_prefix(name_end + 2);
  process_identity found;
  found.zombie = rest.front() == 'Z' || rest.front() == 'X';
  for (int field = 3; field < 22; ++field) {
    const auto blank = rest.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  std::from_chars(rest.data(), rest.data() + rest.size(), found.start_ticks);
  return found;
}

bool is_alive(const engine::impl& in, std::string_view boot_id, int pid, std::uint64_t start_ticks) noexcept {
  if (pid <= 0 || boot_id != in.boot_id()) return false;
  if (pid == in.opened_by) return start_ticks == in.own_start_ticks();
  const auto found = identify(pid);
  return found && !found->zombie && found->start_ticks == start_ticks;
}

sys::unique_fd open_process(const engine::impl& in, const storage::process_record& process) {
  if (process.pid <= 0 || process.boot_id != in.boot_id()) return {};
  // Opened before it is identified: from then on the descriptor cannot come to mean another process.
  sys::unique_fd fd{static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0))};
  if (!fd) return {};
  const auto found = identify(process.pid);
  if (!found || found->start_ticks != process.start_ticks) return {};
  return fd;
}

sys::unique_fd open_directory(const engine::impl& in, const std::string& id) noexcept {
  auto fd = sys::open_at(in.containers.get(), id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return fd ? std::move(*fd) : sys::unique_fd{};
}

void record_end(engine::impl& in, const storage::container_record& c, const exit_status& how, then what) {
  const bool remove = c.auto_remove || what == then::remove;
  // Files before the record: what a crash leaves between the two still has a name by which it can be removed.
  if (remove) remove_files(in, c.id);
  auto attributes = attributes_of(c);
  auto w = in.records.write();
  if (w.set_exited(c.id, c.process, record_of(how))) {
    attributes["exitCode"] = std::to_string(how.code);
    if (how.oom_killed) w.add_event("container", "oom", c.id, attributes);
    w.add_event("container", "die", c.id, attributes);
    attributes.erase("exitCode");
  }
  if (remove && w.remove_container(c.id)) w.add_event("container", "destroy", c.id, attributes);
  w.commit();
  if (remove) in.release(c.id);
}

sys::unique_fd make_directories(const engine::impl& in, const std::string& id) {
  const auto make = [](int dir, const char* name, mode_t mode) {
    if (::mkdirat(dir, name, mode) != 0) throw error::from_errno(errno, "mkdir", name);
  };
  make(in.containers.get(), id.c_str(), 0700);
  auto directory = open_directory(in, id);
  if (!directory) throw error::from_errno(errno, "open", id);
  make(directory.get(), "upper", 0755);
  // The host's umask must not decide who may enter the container's root.
  if (::fchmodat(directory.get(), "upper", 0755, 0) != 0) throw error::from_errno(errno, "chmod", "upper");
  make(directory.get(), "work", 0700);
  return directory;
}

start_lock::start_lock(int directory, const std::string& subject) : directory_(directory) {
  if (directory_ < 0) return;  // the files are gone: nothing can be started
  constexpr int attempts = 1000;
  for (int attempt = 0; ::flock(directory_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (errno != EWOULDBLOCK) throw error::from_errno(errno, "flock", subject);
    if (attempt == attempts) throw error{errc::busy, "lock container", subject, "somebody else is starting it"};
    const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
    (void)::nanosleep(&pause, nullptr);
  }
}

start_lock::~start_lock() {
  if (directory_ >= 0) (void)::flock(directory_, LOCK_UN);
}

bool erase(engine::impl& in, const storage::container_record& c) {
  remove_files(in, c.id);
  auto w = in.records.write();
  const bool removed = w.remove_container(c.id);
  if (removed) w.add_event("container", "destroy", c.id, attributes_of(c));
  w.commit();
  in.release(c.id);
  return removed;
}

sight look(engine::impl& in, storage::container_record c) {
  if (sweep_one(in, c)) return {};
  if (c.state != storage::run_state::running || is_alive(in, c.process.boot_id, c.process.pid, c.process.start_ticks)) {
    return {.record = std::move(c), .ended = {}};
  }
  // The process has gone; its supervisor may still be draining its output. It listens until the exit is on disk.
  const auto directory = open_directory(in, c.id);
  std::optional<exit_status> how;
  if (directory) {
    how = runtime::read_exit(directory.get());
    if (!how && c.process.boot_id == in.boot_id() && runtime::connect_client(directory.get(), {})) {
      return {.record = std::move(c), .ended = {}};
    }
    if (!how) how = runtime::read_exit(directory.get());
  }
  if (!how) {
    how = lost();
    runtime::remove_cgroups(in.host().cgroups, text::cat("contain/", c.id));
  }
  record_end(in, c, *how, then::keep);
  return {.record = in.records.read().container(c.id), .ended = how};
}

removal_of_stopped erase_stopped(engine::impl& in, const storage::container_record& c) {
  const auto directory = open_directory(in, c.id);
  const start_lock lock{directory.get(), c.name};
  const auto now = in.records.read().container(c.id);
  if (!now) return removal_of_stopped::gone;
  if (now->state == storage::run_state::running) return removal_of_stopped::runs;
  return erase(in, *now) ? removal_of_stopped::removed : removal_of_stopped::gone;
}

void destroy(engine::impl& in, const storage::container_record& c) {
  if (c.state != storage::run_state::running) {
    // An owner that was killed in the middle of a start may have left cgroups that no supervisor heard of.
    runtime::remove_cgroups(in.host().cgroups, text::cat("contain/", c.id));
    erase(in, c);
    return;
  }
  record_end(in, c, kill_and_wait(in, c), then::remove);
}

bool sweep_one(engine::impl& in, const storage::container_record& c) {
  if (!c.ephemeral || is_alive(in, c.process.boot_id, c.owner_pid, c.owner_start_ticks)) return false;
  // Its supervisor is ending it this moment, or was killed with the owner.
  destroy(in, c);
  return true;
}

void sweep(engine::impl& in) {
  for (const auto& c : in.records.read().ephemeral_containers()) {
    try {
      (void)sweep_one(in, c);
    } catch (const error& e) {
      in.warn("engine", text::cat(e.what(), ", ignoring"));  // the next sweep tries again
    }
  }
  const auto supervisor = in.running_supervisor();
  const auto left = sys::list_dir(in.trash.get());
  if (!supervisor || !left) return;
  for (const auto& entry : *left) (void)supervisor->reap(in.trash.get(), entry.name);
}

container_info info_of(const storage::container_record& c) {
  container_info info;
  info.id = c.id;
  info.name = c.name;
  info.image = c.image;
  info.image_id = c.image_id;
  info.command = c.command;
  info.state = static_cast<container_state>(c.state);
  info.pid = c.state == storage::run_state::running ? c.process.pid : 0;
  if (c.exit) info.exit = status_of(*c.exit);
  info.created = c.created;
  info.started = c.started;
  info.labels = c.labels;
  info.tty = c.tty;
  info.auto_remove = c.auto_remove;
  info.detached = !c.ephemeral;
  info.owner_pid = c.ephemeral ? c.owner_pid : 0;
  info.error = c.error;
  return info;
}

exit_status status_of(const storage::exit_record& exit) {
  return {.code = exit.code, .signal = exit.signal, .oom_killed = exit.oom_killed, .finished = exit.finished};
}

std::map<std::string, std::string> attributes_of(const storage::container_record& c) {
  auto attributes = c.labels;
  attributes["image"] = c.image;
  attributes["name"] = c.name;
  return attributes;
}

}  // namespace contain::lifecycle
