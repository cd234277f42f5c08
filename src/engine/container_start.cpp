// From a stopped container to a running one.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/oci/digest.hpp"
#include "contain/runtime/cgroup.hpp"
#include "contain/storage/layer_store.hpp"
#include "engine/attachment_state.hpp"
#include "engine/container_state.hpp"
#include "engine/isolation_rows.hpp"
#include "engine/lifecycle.hpp"

namespace contain {
namespace {

/// The exit code that docker records for a command that could not be executed.
int code_of_failed_start(errc code) {
  switch (code) {
    case errc::command_not_found:
      return 127;
    case errc::command_not_executable:
      return 126;
    default:
      return 128;
  }
}

runtime::rootfs_source rootfs_of(const engine::impl& in, const storage::container_record& c) {
  runtime::rootfs_source source;
  source.store_fd = in.root_fd.get();
  for (const auto& chain : c.chains) {
    source.lower.push_back(storage::layer_store::relative_path(oci::digest::from(chain)));
  }
  source.upper = text::cat("containers/", c.id, "/upper");
  source.work = text::cat("containers/", c.id, "/work");
  return source;
}

/// What only the launch could find out, "row: reason".
std::vector<std::string> found_missing(const runtime::made_cgroups& cgroups, const runtime::launched& launched) {
  std::vector<std::string> rows;
  for (const auto& why : cgroups.weakened) rows.push_back("limits: " + why);
  for (const auto& row : launched.weakened) {
    // Half of Landlock is Landlock weakened.
    const bool scope = row == "landlock_scope";
    rows.push_back(text::cat(scope ? "landlock" : row, ": ",
                             scope ? "sockets and signals are not kept inside" : "the kernel refused it at the start"));
  }
  return rows;
}

}  // namespace

void container::start() { (void)impl_->start({}); }

attachment container::start_attached() {
  auto pair = runtime::make_client({.input = true, .output = true});
  (void)impl_->start(std::move(pair.theirs));
  return attachment{std::make_unique<attachment::state>(
      attachment::state{.client = std::move(pair.ours), .ended = false, .exit = impl_->ended})};
}

storage::container_record container::impl::start(sys::unique_fd first_client) {
  if (!directory) directory = lifecycle::make_directories(*in, id);  // whoever created it was killed over it
  const lifecycle::start_lock lock{directory.get(), id};
  auto c = current();
  if (c.state == storage::run_state::running) throw error{errc::already_running, "start container", c.name};
  try {
    launch(c, std::move(first_client));
  } catch (error& failure) {
    failure.during("starting " + c.name);
    note_failure(c, failure);
    throw;
  }
  return c;
}

void container::impl::note_failure(const storage::container_record& c, const error& failure) noexcept {
  try {
    if (c.auto_remove) {
      lifecycle::erase(*in, c);
      owns = false;
    } else {
      auto w = in->records.write();
      w.set_error(id, failure.what(), code_of_failed_start(failure.code()));
      w.commit();
    }
  } catch (const std::exception& e) {
    in->warn("engine", text::cat(e.what(), ", ignoring"));  // the full disk that failed the start fails this, too
  }
}

void container::impl::launch(storage::container_record& c, sys::unique_fd first_client) {
  const auto& made_of = plan();
  const auto& spec = made_of.built.spec;
  ended->clear();
  const auto supervisor = in->supervisor();
  auto cgroups = runtime::make_cgroups(in->host().cgroups, spec);
  runtime::launched launched;
  try {
    // What the last run left would say that this one has ended.
    if (c.exit) runtime::forget_exit(directory.get());
    const auto listener = runtime::make_listener(directory.get());
    runtime::launch_request request;
    request.id = id;
    request.spec = &spec;
    request.rootfs = rootfs_of(*in, c);
    request.cgroups = &cgroups.fds;
    request.open_stdin = made_of.options.open_stdin;
    request.detached = !c.ephemeral;
    request.auto_remove = c.auto_remove;
    request.state_fd = directory.get();
    request.listen_fd = listener.get();
    request.first_client = std::move(first_client);
    launched = supervisor->launch(std::move(request));
  } catch (const error& failure) {
    if (failure.code() == errc::supervisor_lost) in->drop_supervisor(supervisor);
    runtime::remove_cgroups(in->host().cgroups, spec.cgroups_path);
    throw;
  }

  storage::process_record process{.boot_id = in->boot_id(),
                                  .pid = launched.pid,
                                  .start_ticks = launched.start_ticks,
                                  .supervisor_pid = launched.supervisor_pid};
  try {
    const auto weakened = found_missing(cgroups, launched);
    warn_of_weakened(*in, isolation_of(made_of, weakened));
    auto w = in->records.write();
    if (!w.set_running(id, process, now(), weakened)) throw error{errc::container_not_found, "start", c.name};
    w.add_event("container", "start", id, lifecycle::attributes_of(c));
    w.commit();
    c.state = storage::run_state::running;
    c.process = std::move(process);
  } catch (...) {
    // It runs, and must not: nobody would know of it.
    if (const auto running = lifecycle::open_process(*in, process)) {
      (void)::syscall(SYS_pidfd_send_signal, running.get(), SIGKILL, nullptr, 0);
    }
    throw;
  }
}

}  // namespace contain
