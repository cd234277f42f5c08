#include "bind.hpp"
#include "contain/process.hpp"
#include "handles.hpp"
#include "interruptible.hpp"
#include "values.hpp"

namespace contain::python {

using namespace py::literals;

namespace {

exit_status wait(const process_ptr& self, std::optional<double> timeout) {
  const log_delivery log{self->in()};
  // Polled here rather than inside the library: another thread must be able to signal() meanwhile.
  const std::array fds{self->fd()};
  if (!wait_readable(fds, deadline_after(timeout)))
    throw error{errc::timeout, "wait", "for a command", "it still runs"};
  return interruptible(
      [self](std::stop_token stop) { return self->with([&](process& of) { return of.wait(std::move(stop)); }); });
}

/// The next piece of output, or a timeout.
process::chunk read(const attachment_ptr& self, std::optional<double> timeout) {
  const log_delivery log{self->in()};
  const auto until = deadline_after(timeout);
  const std::array fds{self->fd()};
  for (;;) {
    if (!wait_readable(fds, until)) throw error{errc::timeout, "read", "the output", "none arrived in time"};
    try {
      const without_gil released;
      return self->with([](attachment& of) { return of.read({}, std::chrono::nanoseconds{0}); });
    } catch (const error& failure) {
      // Readable, yet no output: something else arrived. Look again.
      if (failure.code() != errc::timeout) throw;
    }
  }
}

template <class Act>
void order(const attachment_ptr& self, Act act) {
  const log_delivery log{self->in()};
  interruptible([self, act](const std::stop_token&) { self->with(act); });
}

}  // namespace

void bind_process(py::module_& m) {
  auto process_class = py::reinterpret_borrow<py::class_<process_handle, process_ptr>>(m.attr("Process"));
  process_class
      .def_property_readonly("pid",
                             [](const process_ptr& self) { return self->with([](process& of) { return of.pid(); }); })
      .def_property_readonly("wait_fd", [](const process_ptr& self) { return self->fd(); })
      .def(
          "fds",
          [](const process_ptr& self) {
            return self->with([](process& of) { return std::tuple{of.stdin_fd(), of.stdout_fd(), of.stderr_fd()}; });
          },
          "Borrowed descriptors of stdin, stdout and stderr; -1 where absent.")
      .def("close_stdin", [](const process_ptr& self) { self->with([](process& of) { of.close_stdin(); }); })
      .def("poll",
           [](const process_ptr& self) {
             const without_gil released;
             return self->with([](process& of) { return of.poll(); });
           })
      .def("wait", &wait, "timeout"_a)
      .def(
          "signal",
          [](const process_ptr& self, int number) {
            const log_delivery log{self->in()};
            const without_gil released;
            self->with([number](process& of) { of.signal(number); });
          },
          "number"_a)
      .def(
          "resize",
          [](const process_ptr& self, unsigned short rows, unsigned short columns) {
            const without_gil released;
            self->with([&](process& of) { of.resize({rows, columns}); });
          },
          "rows"_a, "columns"_a)
      .def("detach", [](const process_ptr& self) { self->with([](process& of) { of.detach(); }); });

  auto attachment_class = py::reinterpret_borrow<py::class_<attachment_handle, attachment_ptr>>(m.attr("Attachment"));
  attachment_class.def_property_readonly("fd", [](const attachment_ptr& self) { return self->fd(); })
      .def("read", &read, "timeout"_a)
      .def(
          "write",
          [](const attachment_ptr& self, const py::bytes& data) {
            order(self, [bytes = std::string{data}](attachment& of) { of.write(bytes); });
          },
          "data"_a)
      .def("close_stdin", [](const attachment_ptr& self) { order(self, [](attachment& of) { of.close_stdin(); }); })
      .def(
          "resize",
          [](const attachment_ptr& self, unsigned short rows, unsigned short columns) {
            order(self, [rows, columns](attachment& of) { of.resize({rows, columns}); });
          },
          "rows"_a, "columns"_a);

  m.def(
      "wait_readable",
      [](const std::vector<int>& fds, std::optional<double> timeout) {
        return wait_readable(fds, deadline_after(timeout));
      },
      "fds"_a, "timeout"_a, "Waits until a descriptor is readable; false when the time has passed.");
}

}  // namespace contain::python
