#include <fcntl.h>

#include <cerrno>

#include "bind.hpp"
#include "contain/image.hpp"
#include "descriptor.hpp"
#include "handles.hpp"
#include "interruptible.hpp"
#include "values.hpp"

namespace contain::python {

/// Called with each contain.types.Progress.
class progress_function : public py::function {
 public:
  PYBIND11_OBJECT_DEFAULT(progress_function, py::function, PyCallable_Check)
};

}  // namespace contain::python

template <>
struct pybind11::detail::handle_type_name<contain::python::progress_function> {
  static constexpr auto name = const_name("collections.abc.Callable[[contain.types.Progress], object]");
};

namespace contain::python {

using namespace py::literals;

namespace {

image_handle handle_of(const engine_ptr& in, const image& of) { return {in, of.id()}; }

std::vector<image_handle> handles_of(const engine_ptr& in, const std::vector<image>& several) {
  std::vector<image_handle> out;
  for (const auto& one : several) out.push_back(handle_of(in, one));
  return out;
}

/// A descriptor of our own: an interrupted call may still read it after the caller has closed his.
std::shared_ptr<descriptor> copy_of(int fd) {
  auto copy = std::make_shared<descriptor>(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!*copy) throw error::from_errno(errno, "duplicate", "the file descriptor of the archive");
  return copy;
}

struct pull_request {
  std::string reference;
  pull_options options;
  bool only_when_absent;
};

image_handle pull(const engine_ptr& in, text_argument reference, bool only_when_absent, text_argument platform,
                  const std::optional<std::tuple<text_argument, text_argument, text_argument>>& auth,
                  const text_argument& auth_file, const text_argument& ca_file, bool insecure_tls,
                  const std::optional<progress_function>& progress) {
  const log_delivery log{in};
  pull_request request{std::move(reference), {}, only_when_absent};
  auto& options = request.options;
  options.platform = std::move(platform);
  if (auth) options.auth = credentials{std::get<0>(*auth), std::get<1>(*auth), std::get<2>(*auth)};
  options.auth_file = std::string{auth_file};
  options.ca_file = std::string{ca_file};
  options.insecure_tls = insecure_tls;
  std::shared_ptr<mailbox> box;
  if (progress) {
    // The library calls from its thread; the function runs here. A pointer, since the message may die without the GIL.
    box = std::make_shared<mailbox>();
    options.progress = [box, call = progress->ptr()](const transfer_progress& now) {
      box->post([call, now] { py::handle{call}(to_python(now)); });
    };
  }
  return interruptible(
      [in, request = std::move(request)](std::stop_token stop) mutable {
        request.options.stop = std::move(stop);
        auto& into = in->get();
        return handle_of(in, request.only_when_absent ? image::ensure(into, request.reference, request.options)
                                                      : image::pull(into, request.reference, request.options));
      },
      box);
}

image_handle open(const engine_ptr& in, const text_argument& name) {
  const log_delivery log{in};
  return interruptible([in, name](const std::stop_token&) { return handle_of(in, image::open(in->get(), name)); });
}

image_handle hello_world(const engine_ptr& in) {
  const log_delivery log{in};
  return interruptible([in](const std::stop_token&) { return handle_of(in, image::hello_world(in->get())); });
}

std::vector<image_handle> load_path(const engine_ptr& in, const text_argument& path) {
  const log_delivery log{in};
  return interruptible([in, path](const std::stop_token&) {
    return handles_of(in, image::load(in->get(), std::filesystem::path{std::string{path}}));
  });
}

std::vector<image_handle> load_fd(const engine_ptr& in, int fd) {
  const log_delivery log{in};
  return interruptible(
      [in, own = copy_of(fd)](const std::stop_token&) { return handles_of(in, image::load(in->get(), own->get())); });
}

image_handle from_directory(const engine_ptr& in, const text_argument& path, const text_argument& tag) {
  const log_delivery log{in};
  return interruptible([in, path, tag](const std::stop_token&) {
    return handle_of(in, image::from_directory(in->get(), std::string{path}, tag));
  });
}

image_handle from_tar(const engine_ptr& in, int fd, const text_argument& tag, const text_argument& message,
                      const text_list& changes) {
  const log_delivery log{in};
  return interruptible([in, own = copy_of(fd), tag, message, lines = plain(changes)](const std::stop_token&) {
    return handle_of(in, image::from_tar(in->get(), own->get(), tag, message, lines));
  });
}

void save(const engine_ptr& in, const text_list& names, int fd, bool oci_layout) {
  const log_delivery log{in};
  interruptible([in, list = plain(names), own = copy_of(fd), oci_layout](const std::stop_token&) {
    image::save(in->get(), list, own->get(),
                oci_layout ? image::archive_format::oci_layout : image::archive_format::docker_archive);
  });
}

removal remove(const engine_ptr& in, const text_argument& name, bool force, bool no_prune) {
  const log_delivery log{in};
  return interruptible([in, name, force, no_prune](const std::stop_token&) {
    return image::remove(in->get(), name, remove_options{force, no_prune});
  });
}

/// A method that asks the store.
template <class Ask>
auto answer(const image_handle& of, Ask ask) {
  const log_delivery log{of.in};
  return interruptible([of, ask](const std::stop_token&) { return ask(of.get()); });
}

}  // namespace

void bind_image(py::module_& m) {
  py::class_<image_handle>(m, "Image", "A digest in a store.")
      .def(py::init([](engine_ptr in, text_argument id) {
             return image_handle{std::move(in), std::move(id)};
           }),
           "engine"_a, "id"_a)
      .def_property_readonly("id", [](const image_handle& self) { return text_result{self.id}; })
      .def("info", [](const image_handle& self) { return answer(self, [](const image& of) { return of.info(); }); })
      .def("history",
           [](const image_handle& self) { return answer(self, [](const image& of) { return of.history(); }); })
      .def("layers", [](const image_handle& self) { return answer(self, [](const image& of) { return of.layers(); }); })
      .def("config",
           [](const image_handle& self) {
             return answer(self, [](const image& of) { return bytes_result{of.config_json()}; });
           })
      .def("inspect",
           [](const image_handle& self) {
             return answer(self, [](const image& of) { return bytes_result{of.inspect_json()}; });
           })
      .def(
          "tag",
          [](const image_handle& self, const text_argument& reference) {
            answer(self, [reference](const image& of) { of.tag(reference); });
          },
          "reference"_a);
  m.def("pull", &pull, "engine"_a, "reference"_a, "only_when_absent"_a, "platform"_a, "auth"_a, "auth_file"_a,
        "ca_file"_a, "insecure_tls"_a, "progress"_a);
  m.def("open_image", &open, "engine"_a, "name"_a);
  m.def("hello_world", &hello_world, "engine"_a);
  m.def("load_path", &load_path, "engine"_a, "path"_a);
  m.def("load_fd", &load_fd, "engine"_a, "fd"_a);
  m.def("from_directory", &from_directory, "engine"_a, "path"_a, "tag"_a);
  m.def("from_tar", &from_tar, "engine"_a, "fd"_a, "tag"_a, "message"_a, "changes"_a);
  m.def("save", &save, "engine"_a, "names"_a, "fd"_a, "oci_layout"_a);
  m.def("remove_image", &remove, "engine"_a, "name"_a, "force"_a, "no_prune"_a);
}

}  // namespace contain::python
