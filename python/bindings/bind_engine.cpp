#include "bind.hpp"
#include "contain/doctor.hpp"
#include "contain/engine.hpp"
#include "handles.hpp"
#include "interruptible.hpp"
#include "values.hpp"

namespace contain::python {

using namespace py::literals;

namespace {

engine_ptr make_engine(const std::optional<text_argument>& store, py::object logger) {
  auto options = engine_options::from_environment();
  if (store) options.root = std::string{*store};
  const auto shared_logger = share(std::move(logger));
  auto made = interruptible([options, shared_logger](const std::stop_token&) {
    return std::make_shared<engine_handle>(options, shared_logger);
  });
  made->deliver_log();
  return made;
}

std::vector<container_info> containers(const engine_ptr& in, bool all, const text_map& labels) {
  const log_delivery log{in};
  list_filter filter;
  filter.all = all;
  filter.labels = plain(labels);
  return interruptible([in, filter](const std::stop_token&) { return in->get().containers(filter); });
}

std::vector<image_info> images(const engine_ptr& in, const text_map& labels) {
  const log_delivery log{in};
  list_filter filter;
  filter.labels = plain(labels);
  return interruptible([in, filter](const std::stop_token&) { return in->get().images(filter); });
}

/// (deleted, reclaimed bytes)
using pruned = std::pair<std::vector<text_result>, std::uint64_t>;
pruned pruned_from(const prune_report& report) {
  pruned out{{}, report.reclaimed_bytes};
  for (const auto& id : report.deleted) out.first.push_back({id});
  return out;
}

pruned prune_containers(const engine_ptr& in, const text_map& labels) {
  const log_delivery log{in};
  list_filter filter;
  filter.labels = plain(labels);
  return interruptible(
      [in, filter](const std::stop_token&) { return pruned_from(in->get().prune_containers(filter)); });
}

pruned prune_images(const engine_ptr& in, bool all, const text_map& labels) {
  const log_delivery log{in};
  list_filter filter;
  filter.labels = plain(labels);
  return interruptible(
      [in, all, filter](const std::stop_token&) { return pruned_from(in->get().prune_images(all, filter)); });
}

doctor_report check_host(const engine_ptr& in) {
  const log_delivery log{in};
  return interruptible([in](const std::stop_token&) { return doctor(in->get()); });
}

}  // namespace

void bind_engine(py::module_& m) {
  py::class_<engine_handle, engine_ptr>(m, "Engine", "An open store and its supervisor.")
      .def(py::init(&make_engine), "store"_a, "logger"_a)
      .def_property_readonly("root", [](const engine_handle& self) { return bytes_result{self.root()}; })
      .def("containers", &containers, "all"_a, "labels"_a, "One snapshot of the store, newest first.")
      .def("images", &images, "labels"_a)
      .def("prune_containers", &prune_containers, "labels"_a)
      .def("prune_images", &prune_images, "all"_a, "labels"_a)
      .def("doctor", &check_host);
}

}  // namespace contain::python
