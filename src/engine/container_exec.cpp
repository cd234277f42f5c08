// Further processes in a running container.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/runtime/cgroup.hpp"
#include "contain/sys/file.hpp"
#include "engine/container_state.hpp"
#include "engine/lifecycle.hpp"
#include "engine/process_state.hpp"
#include "engine/sigpipe.hpp"
#include "engine/wait.hpp"

namespace contain {
namespace {

struct pipe_ends {
  sys::unique_fd read, write;
};

/// The command's end belongs to the container's root: a program that opens /dev/stdout again needs the permission.
pipe_ends make_pipe(const oci::runtime_spec& container, bool command_reads) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw error::from_errno(errno, "pipe2");
  pipe_ends made{sys::unique_fd{ends[0]}, sys::unique_fd{ends[1]}};
  const auto root_of = [](const std::vector<oci::spec_id_map>& map) { return map.empty() ? 0U : map.front().host_id; };
  (void)::fchown(command_reads ? made.read.get() : made.write.get(), root_of(container.uid_mappings),
                 root_of(container.gid_mappings));
  return made;
}

sys::unique_fd open_null() {
  auto null = sys::open_at(AT_FDCWD, "/dev/null", O_RDWR);
  if (!null) throw error::from_errno(null.error(), "open", "/dev/null");
  return std::move(*null);
}

void make_streams(process::state& ours, runtime::exec_request& request, const oci::runtime_spec& container,
                  const exec_options& options) {
  // Nobody reads from a command that outlives its caller: a pipe would end it by SIGPIPE.
  if (options.detached) {
    for (auto& stream : request.stdio) stream = open_null();
    ours.out_ended = ours.err_ended = true;
    return;
  }
  if (options.open_stdin) {
    auto in = make_pipe(container, true);
    request.stdio[0] = std::move(in.read);
    ours.in = std::move(in.write);
  } else {
    request.stdio[0] = open_null();
  }
  auto out = make_pipe(container, false);
  request.stdio[1] = std::move(out.write);
  ours.out = std::move(out.read);
  auto err = make_pipe(container, false);
  request.stdio[2] = std::move(err.write);
  ours.err = std::move(err.read);
}

/// Feeds `input` and collects both streams until both have ended.
void converse(process::state& p, std::string_view input, completed& result, const std::stop_token& stop,
              const deadline& until) {
  const auto set_nonblocking = [](int fd) { (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); };
  if (p.in) set_nonblocking(p.in.get());
  if (input.empty()) p.in.reset();
  std::string buffer(64 * 1024, '\0');
  const auto drain = [&](sys::unique_fd& from, std::string& to) {
    const auto n = sys::retry([&] { return ::read(from.get(), buffer.data(), buffer.size()); });
    if (n > 0) to.append(buffer, 0, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EAGAIN)) from.reset();
  };
  while (p.out || p.err) {
    std::array<pollfd, 3> fds{{{.fd = p.in.get(), .events = POLLOUT, .revents = 0},
                               {.fd = p.out.get(), .events = POLLIN, .revents = 0},
                               {.fd = p.err.get(), .events = POLLIN, .revents = 0}}};
    wait_for_event(fds, stop, until, "run in the container", result.command.front());
    if (fds[1].revents != 0) drain(p.out, result.out);
    if (fds[2].revents != 0) drain(p.err, result.err);
    if (fds[0].revents == 0) continue;
    const auto n = write_without_signal(p.in.get(), input);
    if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
    // A command that does not read its input is not an error.
    if (input.empty() || (n < 0 && errno != EAGAIN)) p.in.reset();
  }
}

std::unique_ptr<process::state> start_exec(const container::impl& c, const exec_options& options) {
  if (options.detached && (options.tty || options.open_stdin)) {
    throw error{errc::invalid, "exec in container", {}, "a detached command has no terminal and no input"};
  }
  auto& in = *c.in;
  const auto record = c.current();
  const auto stopped = [&] { return error{errc::not_running, "exec in container", record.name}; };
  if (record.state != storage::run_state::running) throw stopped();
  const auto target = lifecycle::open_process(in, record.process);
  if (!target) throw stopped();
  const auto& spec = c.plan().built.spec;
  const auto described = runtime::build_exec(spec, options, in.host());
  auto cgroups = runtime::open_cgroups(in.host().cgroups, spec.cgroups_path);

  auto ours = std::make_unique<process::state>();
  runtime::exec_request request;
  request.process = &described;
  request.container = &spec;
  request.target_pidfd = target.get();
  request.cgroups = &cgroups;
  request.detached = options.detached;
  if (!options.tty) make_streams(*ours, request, spec, options);

  const auto supervisor = in.supervisor();
  runtime::exec_started started;
  try {
    started = supervisor->exec(std::move(request));
  } catch (error& failure) {
    if (failure.code() == errc::supervisor_lost) in.drop_supervisor(supervisor);
    // A container that ends while it is joined shows as any of several errors of the kernel's.
    if (!lifecycle::is_alive(in, record.process.boot_id, record.process.pid, record.process.start_ticks))
      throw stopped();
    failure.during("executing in " + record.name);
    throw;
  }
  ours->made_by = in.opened_by;
  ours->pid = started.pid;
  ours->status = std::move(started.status);
  ours->tty = options.tty;
  ours->detached = options.detached;
  if (options.tty) {
    ours->err_ended = true;
    auto copy = sys::duplicate(started.pty_master.get());
    if (!copy) throw error::from_errno(copy.error(), "dup", "terminal");
    ours->in = std::move(*copy);
    ours->out = std::move(started.pty_master);
  }
  // Its supervisor reaps it before the exit frame is sent: no frame after the open means the number still was its own.
  ours->pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));
  if (is_readable(ours->status.get())) ours->pidfd.reset();

  const auto words = text::join(options.command, " ");
  c.report(record, "exec_start: " + words);
  ours->on_exit = [&in, record, words](const exit_status& how) {
    auto attributes = lifecycle::attributes_of(record);
    attributes["exitCode"] = std::to_string(how.code);
    auto w = in.records.write();
    w.add_event("container", "exec_die", record.id, attributes);
    w.commit();
  };
  return ours;
}

}  // namespace

process container::exec(const exec_options& options) const { return process{start_exec(*impl_, options)}; }

completed container::exec_run(const exec_options& options, std::string_view input, std::stop_token stop,
                              std::optional<std::chrono::nanoseconds> timeout) const {
  if (options.tty && !input.empty()) {
    throw error{errc::invalid, "exec in container", {}, "input and a terminal exclude each other"};
  }
  const auto began = std::chrono::steady_clock::now();
  const deadline until{timeout};
  exec_options wanted = options;
  wanted.open_stdin = options.open_stdin || !input.empty();
  completed result;
  result.command = options.command;
  const auto running = start_exec(*impl_, wanted);
  converse(*running, input, result, stop, until);
  running->take_exit(stop, until.left());
  result.status = *running->exit;
  result.duration = std::chrono::steady_clock::now() - began;
  return result;
}

}  // namespace contain
