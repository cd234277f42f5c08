#include "values.hpp"

#include <chrono>
#include <tuple>
#include <utility>

// After Python.h; the datetime C API is a table that each file imports for itself.
#include <datetime.h>

#include "contain/core/units.hpp"

namespace contain::python {

using namespace py::literals;

namespace {

py::object type_named(const char* name) { return py::module_::import("contain.types").attr(name); }

py::tuple to_tuple(const std::vector<std::string>& texts) {
  py::tuple out(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) out[i] = to_str(texts[i]);
  return out;
}

template <class T>
py::tuple to_tuple_of(const std::vector<T>& values) {
  py::tuple out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = to_python(values[i]);
  return out;
}

py::dict to_dict(const std::map<std::string, std::string>& texts) {
  py::dict out;
  for (const auto& [key, value] : texts) out[to_str(key)] = to_str(value);
  return out;
}

/// 0 is the library's "none".
py::object number_or_none(int value) { return value == 0 ? py::object(py::none()) : py::int_(value); }

py::object to_timedelta(std::chrono::nanoseconds time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time - days);
  const auto micros = std::chrono::floor<std::chrono::microseconds>(time - days - seconds);
  return py::reinterpret_steal<py::object>(PyDelta_FromDSU(
      static_cast<int>(days.count()), static_cast<int>(seconds.count()), static_cast<int>(micros.count())));
}

py::object to_stream(stream from) { return type_named("Stream")(from == stream::err ? "stderr" : "stdout"); }

const char* phase_name(transfer_progress::phase phase) {
  switch (phase) {
    case transfer_progress::phase::resolving:
      return "resolving";
    case transfer_progress::phase::waiting:
      return "waiting";
    case transfer_progress::phase::downloading:
      return "downloading";
    case transfer_progress::phase::unpacking:
      return "unpacking";
    case transfer_progress::phase::verified:
      return "verified";
    case transfer_progress::phase::exists:
      return "exists";
    case transfer_progress::phase::done:
      break;
  }
  return "done";
}

const char* grade_name(doctor_check::grade grade) {
  switch (grade) {
    case doctor_check::grade::ok:
      return "ok";
    case doctor_check::grade::degraded:
      return "degraded";
    case doctor_check::grade::missing:
      break;
  }
  return "missing";
}

const char* grade_name(isolation_row::grade grade) {
  switch (grade) {
    case isolation_row::grade::got:
      return "got";
    case isolation_row::grade::weakened:
      return "weakened";
    case isolation_row::grade::opted_out:
      break;
  }
  return "opted_out";
}

}  // namespace

py::str to_str(std::string_view text) {
  auto* decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
  if (decoded == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(decoded);
}

std::optional<text_argument> encode(py::handle value) {
  if (PyBytes_Check(value.ptr())) return text_argument{std::string{py::reinterpret_borrow<py::bytes>(value)}};
  if (!PyUnicode_Check(value.ptr())) return std::nullopt;
  auto* encoded = PyUnicode_AsEncodedString(value.ptr(), "utf-8", "surrogateescape");
  if (encoded == nullptr) throw py::error_already_set();
  return text_argument{std::string{py::reinterpret_steal<py::bytes>(encoded)}};
}

py::bytes to_bytes(std::string_view data) { return py::bytes(data.data(), data.size()); }

py::object to_datetime(time_point when) {
  if (when == time_point{}) return py::none();
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::microseconds>(when - day)};
  auto* made = PyDateTimeAPI->DateTime_FromDateAndTime(
      static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
      static_cast<int>(static_cast<unsigned>(date.day())), static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
      static_cast<int>(time.subseconds().count()), PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

py::object to_python(const exit_status& value) {
  return type_named("ExitStatus")("code"_a = value.code, "signal"_a = number_or_none(value.signal),
                                  "oom_killed"_a = value.oom_killed, "finished"_a = to_datetime(value.finished));
}

py::object to_python(const completed& value) {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  return type_named("Completed")(
      "args"_a = to_tuple(value.command), "returncode"_a = value.status.code, "stdout"_a = to_bytes(value.out),
      "stderr"_a = to_bytes(value.err), "duration"_a = to_timedelta(value.duration),
      "signal"_a = number_or_none(value.status.signal), "oom_killed"_a = value.status.oom_killed,
      "finished"_a = to_datetime(value.status.finished));
}

py::object to_python(container_state value) { return type_named("State")(to_str(to_string(value))); }

py::object to_python(const container_info& value) {
  return type_named("ContainerInfo")(
      "id"_a = to_str(value.id), "name"_a = to_str(value.name), "image"_a = to_str(value.image),
      "image_id"_a = to_str(value.image_id), "command"_a = to_tuple(value.command), "state"_a = to_python(value.state),
      "pid"_a = number_or_none(value.pid), "exit"_a = value.exit ? to_python(*value.exit) : py::object(py::none()),
      "created"_a = to_datetime(value.created), "started"_a = to_datetime(value.started),
      "labels"_a = to_dict(value.labels), "tty"_a = value.tty, "auto_remove"_a = value.auto_remove,
      "keep"_a = value.detached, "owner_pid"_a = number_or_none(value.owner_pid), "error"_a = to_str(value.error));
}

py::object to_python(const image_info& value) {
  return type_named("ImageInfo")("id"_a = to_str(value.id), "tags"_a = to_tuple(value.tags),
                                 "repo_digests"_a = to_tuple(value.repo_digests),
                                 "created"_a = to_datetime(value.created), "size"_a = value.size_bytes,
                                 "os"_a = to_str(value.os), "architecture"_a = to_str(value.architecture),
                                 "variant"_a = to_str(value.variant), "labels"_a = to_dict(value.labels));
}

py::object to_python(const history_entry& value) {
  const bool known = value.image_id != "<missing>";
  return type_named("HistoryEntry")("image_id"_a = known ? py::object(to_str(value.image_id)) : py::object(py::none()),
                                    "created"_a = to_datetime(value.created), "created_by"_a = to_str(value.created_by),
                                    "comment"_a = to_str(value.comment), "size"_a = value.size_bytes,
                                    "empty_layer"_a = value.empty_layer);
}

py::object to_python(const removal& value) {
  return type_named("Removal")("untagged"_a = to_tuple(value.untagged), "deleted"_a = to_tuple(value.deleted));
}

py::object to_python(const transfer_progress& value) {
  const bool known = value.total_bytes != 0;
  return type_named("Progress")("digest"_a = to_str(value.digest), "phase"_a = phase_name(value.at),
                                "current"_a = value.current_bytes,
                                "total"_a = known ? py::object(py::int_(value.total_bytes)) : py::object(py::none()));
}

py::object to_python(const doctor_check& value) {
  return type_named("Check")("group"_a = to_str(value.group), "name"_a = to_str(value.name),
                             "result"_a = type_named("Grade")(grade_name(value.result)),
                             "detail"_a = to_str(value.detail), "fix"_a = to_str(value.fix));
}

py::object to_python(const doctor_report& value) {
  return type_named("Report")("usable"_a = value.usable(), "checks"_a = to_tuple_of(value.checks));
}

py::object to_python(const isolation_row& value) {
  return type_named("IsolationRow")("name"_a = to_str(value.name),
                                    "result"_a = type_named("Grade")(grade_name(value.result)),
                                    "detail"_a = to_str(value.detail));
}

py::object to_python(const log_entry& value) {
  return type_named("LogLine")("time"_a = to_datetime(value.when), "stream"_a = to_stream(value.from),
                               "data"_a = to_bytes(value.data));
}

py::object to_python(const process::chunk& value) {
  return type_named("Chunk")("stream"_a = to_stream(value.from), "data"_a = to_bytes(value.data));
}

py::object to_python(const log_queue::line& value) {
  constexpr int python_step = 10;  // logging.DEBUG is 10, INFO 20, WARNING 30
  return type_named("LogRecord")("level"_a = python_step * (1 + static_cast<int>(value.level)),
                                 "component"_a = to_str(value.component), "message"_a = to_str(value.message));
}

limits limits_from(py::handle value) {
  limits out;
  if (const py::object memory = value.attr("memory"); py::isinstance<py::str>(memory)) {
    const auto words = memory.cast<std::string>();
    out.memory_bytes = units::parse_bytes(words);
    if (!out.memory_bytes)
      throw error{errc::invalid, "read the memory limit", words, "not a size such as 512m or 1.5g"};
  } else {
    out.memory_bytes = memory.cast<std::optional<std::uint64_t>>();
  }
  out.cpus = value.attr("cpus").cast<std::optional<double>>();
  out.cpu_shares = value.attr("cpu_shares").cast<std::optional<std::uint64_t>>();
  out.pids = value.attr("pids").cast<std::optional<std::int64_t>>();
  out.rlimits = py::dict(value.attr("rlimits")).cast<decltype(out.rlimits)>();
  return out;
}

security_options security_from(py::handle value) {
  security_options out;
  const auto profile = value.attr("profile").cast<std::string>();
  if (profile == "sealed")
    out.profile = isolation_profile::sealed;
  else if (profile == "docker")
    out.profile = isolation_profile::docker;
  else if (profile == "privileged")
    out.profile = isolation_profile::privileged;
  else if (profile != "default")
    throw error{errc::invalid, "choose the profile", profile, "profiles are default, sealed, docker and privileged"};
  const auto list = [&](const char* name) { return plain(py::list(value.attr(name)).cast<text_list>()); };
  const auto flag = [&](const char* name) { return value.attr(name).cast<bool>(); };
  out.caps_add = list("caps_add");
  out.caps_drop = list("caps_drop");
  out.no_new_privileges = flag("no_new_privileges");
  out.seccomp = py::str(value.attr("seccomp")).cast<text_argument>();
  out.host_userns = flag("host_userns");
  out.host_cgroupns = flag("host_cgroupns");
  out.host_timens = flag("host_timens");
  out.landlock = flag("landlock");
  out.abi32 = flag("abi32");
  out.unmask = list("unmask");
  out.on_missing = list("on_missing");
  out.strict = flag("strict");
  return out;
}

mount_option mount_from(py::handle value) {
  mount_option out;
  const auto kind = value.attr("kind").cast<std::string>();
  if (kind != "bind" && kind != "tmpfs") throw error{errc::invalid, "mount", kind, "a mount is of kind bind or tmpfs"};
  out.type = kind == "tmpfs" ? mount_option::kind::tmpfs : mount_option::kind::bind;
  out.source = value.attr("source").cast<text_argument>();
  out.destination = value.attr("target").cast<text_argument>();
  out.read_only = value.attr("read_only").cast<bool>();
  out.size_bytes = value.attr("size").cast<std::uint64_t>();
  out.mode = value.attr("mode").cast<unsigned>();
  return out;
}

}  // namespace contain::python
