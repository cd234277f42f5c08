#include <condition_variable>

#include "bind.hpp"
#include "contain/container.hpp"
#include "contain/core/scope.hpp"
#include "contain/image.hpp"
#include "contain/run.hpp"
#include "handles.hpp"
#include "interruptible.hpp"
#include "values.hpp"

namespace contain::python {

using namespace py::literals;

namespace {

network_mode network_from(const std::string& name) {
  if (name == "private") return network_mode::isolated;
  if (name == "host") return network_mode::host;
  if (name == "none") return network_mode::none;
  throw error{errc::invalid, "choose the network", name, "networks are private, host and none"};
}

container_options make_options(text_argument image, const text_list& command,
                               const std::optional<text_list>& entrypoint, text_argument name, const text_map& env,
                               const text_map& labels, text_argument workdir, text_argument user,
                               text_argument hostname, const limits& bounds, const security_options& security,
                               std::vector<mount_option> mounts, const std::string& network, bool tty, bool open_stdin,
                               bool read_only, text_argument stop_signal, double stop_timeout, bool auto_remove,
                               bool keep, text_argument platform) {
  container_options out;
  out.image = std::move(image);
  out.command = plain(command);
  if (entrypoint) out.entrypoint = plain(*entrypoint);
  out.name = std::move(name);
  out.env = plain(env);
  out.labels = plain(labels);
  out.workdir = std::move(workdir);
  out.user = std::move(user);
  out.hostname = std::move(hostname);
  out.limits = bounds;
  out.security = security;
  out.mounts = std::move(mounts);
  out.network = network_from(network);
  out.tty = tty;
  out.open_stdin = open_stdin;
  out.read_only_root = read_only;
  out.stop_signal = std::move(stop_signal);
  out.stop_timeout =
      std::chrono::ceil<std::chrono::seconds>(duration_of(stop_timeout).value_or(std::chrono::hours{24}));
  out.auto_remove = auto_remove;
  out.life = keep ? lifetime::detached : lifetime::owner;
  out.platform = std::move(platform);
  return out;
}

/// The image first: create() would pull it too, but cannot be interrupted.
void ensure_image(engine& in, const container_options& options, std::stop_token stop) {
  pull_options pull;
  pull.platform = options.platform;
  pull.stop = std::move(stop);
  (void)image::ensure(in, options.image, pull);
}

container_ptr create(const engine_ptr& in, const container_options& options) {
  const log_delivery log{in};
  return interruptible([in, options](std::stop_token stop) {
    ensure_image(in->get(), options, std::move(stop));
    return std::make_shared<container_handle>(in, container::create(in->get(), options));
  });
}

container_ptr open(const engine_ptr& in, const text_argument& name) {
  const log_delivery log{in};
  return interruptible([in, name](const std::stop_token&) {
    return std::make_shared<container_handle>(in, container::open(in->get(), name));
  });
}

completed run_once(const engine_ptr& in, const container_options& options, const py::bytes& input,
                   std::optional<double> timeout) {
  const log_delivery log{in};
  return interruptible([in, options, bytes = std::string{input}, time = duration_of(timeout)](std::stop_token stop) {
    ensure_image(in->get(), options, stop);
    return run(in->get(), options, run_options{bytes, time, std::move(stop)});
  });
}

/// Ends a container whose start was interrupted, and waits for that at most `time`.
void undo_start(container& of, std::chrono::milliseconds time) noexcept {
  try {
    of.kill(9);
    (void)of.wait({}, time);
  } catch (const std::exception&) {  // it does not run: nothing to undo
  }
}

/// Starts by `act(container&)`. After Ctrl-C the container does not run, whichever thread notices first.
template <class Act>
auto start_by(const container_ptr& self, Act act) {
  const log_delivery log{self->in()};
  try {
    return interruptible([self, act](const std::stop_token& stop) {
      return self->exclusively([&](container& of) {
        const scope_exit when_interrupted{[&] {
          if (stop.stop_requested()) undo_start(of, std::chrono::seconds{5});
        }};
        return act(of);
      });
    });
  } catch (const py::error_already_set&) {  // raised by a signal handler; a failed start is a contain::error
    const without_gil released;
    try {
      self->exclusively([](container& of) { undo_start(of, rollback_time); });
    } catch (const error&) {  // it is gone already
    }
    throw;
  }
}

void start(const container_ptr& self) {
  start_by(self, [](container& of) { of.start(); });
}

attachment_ptr start_attached(const container_ptr& self) {
  return start_by(self, [self](container& of) { return handle_of(self, of.start_attached()); });
}

exit_status stop(const container_ptr& self, std::optional<double> grace) {
  const log_delivery log{self->in()};
  return interruptible([self, time = duration_of(grace)](std::stop_token token) {
    return self->exclusively([&](container& of) { return of.stop(time, std::move(token)); });
  });
}

void restart(const container_ptr& self, std::optional<double> grace) {
  // The long part is the stop, and only stop() can be interrupted.
  (void)stop(self, grace);
  start_by(self, [](container& of) { of.restart(std::chrono::nanoseconds{0}); });
}

exit_status wait(const container_ptr& self, std::optional<double> timeout) {
  const log_delivery log{self->in()};
  return interruptible(
      [self, time = duration_of(timeout)](std::stop_token token) { return self->get().wait(std::move(token), time); });
}

completed exec_run(const container_ptr& self, const exec_options& options, const py::bytes& input,
                   std::optional<double> timeout) {
  const log_delivery log{self->in()};
  return interruptible([self, options, bytes = std::string{input}, time = duration_of(timeout)](std::stop_token token) {
    return self->get().exec_run(options, bytes, std::move(token), time);
  });
}

process_ptr exec(const container_ptr& self, const exec_options& options) {
  const log_delivery log{self->in()};
  return interruptible([self, options](const std::stop_token&) { return handle_of(self, self->get().exec(options)); });
}

attachment_ptr attach(const container_ptr& self) {
  const log_delivery log{self->in()};
  return interruptible([self](const std::stop_token&) { return handle_of(self, self->get().attach()); });
}

/// A short question to a const member.
template <class Ask>
auto answer(const container_ptr& self, Ask ask) {
  const log_delivery log{self->in()};
  const without_gil released;
  return ask(self->get());
}

/// A short order to another member.
template <class Act>
void order(const container_ptr& self, Act act) {
  const log_delivery log{self->in()};
  interruptible([self, act](const std::stop_token&) { self->exclusively(act); });
}

/// Removes all of them within `seconds`; what takes longer goes on in the background. For the interpreter's end.
void remove_all(const std::vector<container_ptr>& several, double seconds) {
  const without_gil released;
  auto done = std::make_shared<std::pair<std::mutex, std::condition_variable>>();
  auto finished = std::make_shared<bool>(false);
  helper_thread([several, done, finished] {
    for (const auto& one : several) {
      try {
        one->exclusively([](container& of) { of.remove(true); });
      } catch (const std::exception&) {  // the supervisor ends it with the process
      }
    }
    const std::lock_guard lock{done->first};
    *finished = true;
    done->second.notify_all();
  }).detach();
  std::unique_lock lock{done->first};
  (void)done->second.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return *finished; });
}

void bind_options(py::module_& m) {
  py::class_<container_options>(m, "ContainerOptions", "How a container is made.")
      .def(py::init(&make_options), py::kw_only(), "image"_a, "command"_a, "entrypoint"_a, "name"_a, "env"_a,
           "labels"_a, "workdir"_a, "user"_a, "hostname"_a, "limits"_a, "security"_a, "mounts"_a, "network"_a, "tty"_a,
           "open_stdin"_a, "read_only"_a, "stop_signal"_a, "stop_timeout"_a, "auto_remove"_a, "keep"_a, "platform"_a);
  py::class_<exec_options>(m, "ExecOptions", "How a command is run in a container.")
      .def(py::init([](const text_list& command, const text_map& env, text_argument workdir, text_argument user,
                       bool tty, bool open_stdin, std::pair<unsigned short, unsigned short> size, bool privileged) {
             exec_options out;
             out.command = plain(command);
             out.env = plain(env);
             out.workdir = std::move(workdir);
             out.user = std::move(user);
             out.tty = tty;
             out.open_stdin = open_stdin;
             out.size = {size.first, size.second};
             out.privileged = privileged;
             return out;
           }),
           py::kw_only(), "command"_a, "env"_a, "workdir"_a, "user"_a, "tty"_a, "open_stdin"_a, "size"_a,
           "privileged"_a);
}

}  // namespace

void bind_container(py::module_& m) {
  bind_options(m);
  // Named here, defined by bind_process: the signatures below mention them.
  py::class_<process_handle, process_ptr>(m, "Process", "A command in a container.");
  py::class_<attachment_handle, attachment_ptr>(m, "Attachment", "A connection to the first process's streams.");
  py::class_<container_handle, container_ptr>(m, "Container", "A container of an engine.")
      .def_property_readonly("id", [](const container_handle& self) { return text_result{self.id()}; })
      .def("name",
           [](const container_ptr& self) {
             return text_result{answer(self, [](const container& of) { return of.name(); })};
           })
      .def("info",
           [](const container_ptr& self) { return answer(self, [](const container& of) { return of.info(); }); })
      .def("state",
           [](const container_ptr& self) { return answer(self, [](const container& of) { return of.state(); }); })
      .def("inspect",
           [](const container_ptr& self) {
             return bytes_result{answer(self, [](const container& of) { return of.inspect_json(); })};
           })
      .def("isolation",
           [](const container_ptr& self) { return answer(self, [](const container& of) { return of.isolation(); }); })
      .def(
          "open_wait_fd",
          [](const container_ptr& self) { return answer(self, [](const container& of) { return of.open_wait_fd(); }); })
      .def("start", &start)
      .def("start_attached", &start_attached)
      .def("stop", &stop, "grace"_a)
      .def("restart", &restart, "grace"_a)
      .def("wait", &wait, "timeout"_a)
      .def(
          "kill",
          [](const container_ptr& self, int signal) { order(self, [signal](container& of) { of.kill(signal); }); },
          "signal"_a)
      .def(
          "rename",
          [](const container_ptr& self, const text_argument& name) {
            order(self, [name](container& of) { of.rename(name); });
          },
          "name"_a)
      .def(
          "remove",
          [](const container_ptr& self, bool force) { order(self, [force](container& of) { of.remove(force); }); },
          "force"_a)
      .def("detach", [](const container_ptr& self) { order(self, [](container& of) { of.detach(); }); })
      .def("exec", &exec, "options"_a)
      .def("exec_run", &exec_run, "options"_a, "input"_a, "timeout"_a)
      .def("attach", &attach);
  m.def("create", &create, "engine"_a, "options"_a);
  m.def("open_container", &open, "engine"_a, "name"_a);
  m.def("run", &run_once, "engine"_a, "options"_a, "input"_a, "timeout"_a);
  m.def("remove_all", &remove_all, "containers"_a, "seconds"_a);
}

}  // namespace contain::python
