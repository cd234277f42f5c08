// Values of the library as Python values: the frozen dataclasses of contain.types, bytes, aware datetimes. Every file
// that returns one includes this, so that pybind11 picks the same conversion everywhere.
#pragma once
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contain/container.hpp"
#include "contain/doctor.hpp"
#include "contain/engine.hpp"
#include "contain/image.hpp"
#include "contain/isolation.hpp"
#include "contain/process.hpp"
#include "handles.hpp"

namespace contain::python {

namespace py = pybind11;

/// Text of the library as str. What is not UTF-8 becomes surrogates, as os.fsdecode() does it, and round-trips.
py::str to_str(std::string_view text);
/// Output of containers: never decoded.
py::bytes to_bytes(std::string_view data);
/// An aware UTC datetime (microseconds); None for the epoch, which is the library's "never".
py::object to_datetime(time_point when);

py::object to_python(const exit_status& value);
py::object to_python(const completed& value);
py::object to_python(const container_info& value);
py::object to_python(const image_info& value);
py::object to_python(const history_entry& value);
py::object to_python(const removal& value);
py::object to_python(const transfer_progress& value);
py::object to_python(const doctor_check& value);
py::object to_python(const doctor_report& value);
py::object to_python(const isolation_row& value);
py::object to_python(const log_entry& value);
py::object to_python(const process::chunk& value);
py::object to_python(const log_queue::line& value);
py::object to_python(container_state value);

limits limits_from(py::handle value);
security_options security_from(py::handle value);
mount_option mount_from(py::handle value);

/// A str argument, surrogates and all, as os.fsencode() turns it into bytes: paths and arguments need not be UTF-8.
struct text_argument : std::string {
  using std::string::string;
  explicit text_argument(std::string text) : std::string(std::move(text)) {}
};
/// Encodes a str (or takes bytes as they are); nothing when it is neither.
std::optional<text_argument> encode(py::handle value);
using text_list = std::vector<text_argument>;
using text_map = std::map<text_argument, text_argument>;
inline std::vector<std::string> plain(const text_list& texts) { return {texts.begin(), texts.end()}; }
inline std::map<std::string, std::string> plain(const text_map& texts) { return {texts.begin(), texts.end()}; }

/// str from text that need not be UTF-8, for return types.
struct text_result {
  std::string value;
};
inline py::object to_python(const text_result& value) { return to_str(value.value); }
/// bytes, for return types.
struct bytes_result {
  std::string value;
};
inline py::object to_python(const bytes_result& value) { return to_bytes(value.value); }

}  // namespace contain::python

namespace pybind11::detail {

// Values that only leave the library.
#define CONTAIN_PYTHON_RESULT(Type, Name)                                                      \
  template <>                                                                                  \
  struct type_caster<Type> {                                                                   \
    static constexpr auto name = const_name(Name);                                             \
    static handle cast(const Type& value, return_value_policy /*policy*/, handle /*parent*/) { \
      return contain::python::to_python(value).release();                                      \
    }                                                                                          \
  };

CONTAIN_PYTHON_RESULT(contain::exit_status, "contain.types.ExitStatus")
CONTAIN_PYTHON_RESULT(contain::completed, "contain.types.Completed")
CONTAIN_PYTHON_RESULT(contain::container_info, "contain.types.ContainerInfo")
CONTAIN_PYTHON_RESULT(contain::image_info, "contain.types.ImageInfo")
CONTAIN_PYTHON_RESULT(contain::history_entry, "contain.types.HistoryEntry")
CONTAIN_PYTHON_RESULT(contain::removal, "contain.types.Removal")
CONTAIN_PYTHON_RESULT(contain::transfer_progress, "contain.types.Progress")
CONTAIN_PYTHON_RESULT(contain::doctor_report, "contain.types.Report")
CONTAIN_PYTHON_RESULT(contain::isolation_row, "contain.types.IsolationRow")
CONTAIN_PYTHON_RESULT(contain::log_entry, "contain.types.LogLine")
CONTAIN_PYTHON_RESULT(contain::process::chunk, "contain.types.Chunk")
CONTAIN_PYTHON_RESULT(contain::python::log_queue::line, "contain.types.LogRecord")
CONTAIN_PYTHON_RESULT(contain::container_state, "contain.types.State")
CONTAIN_PYTHON_RESULT(contain::python::text_result, "str")
CONTAIN_PYTHON_RESULT(contain::python::bytes_result, "bytes")
#undef CONTAIN_PYTHON_RESULT

template <>
struct type_caster<contain::python::text_argument> {
  PYBIND11_TYPE_CASTER(contain::python::text_argument, const_name("str"));
  bool load(handle source, bool /*convert*/) {
    auto encoded = contain::python::encode(source);
    if (!encoded) return false;
    value = *std::move(encoded);
    return true;
  }
};

// Values that only enter it.
#define CONTAIN_PYTHON_ARGUMENT(Type, Name, From) \
  template <>                                     \
  struct type_caster<Type> {                      \
    PYBIND11_TYPE_CASTER(Type, const_name(Name)); \
    bool load(handle source, bool /*convert*/) {  \
      value = contain::python::From(source);      \
      return true;                                \
    }                                             \
  };

CONTAIN_PYTHON_ARGUMENT(contain::limits, "contain.types.Limits", limits_from)
CONTAIN_PYTHON_ARGUMENT(contain::security_options, "contain.types.Security", security_from)
CONTAIN_PYTHON_ARGUMENT(contain::mount_option, "contain.types.Mount", mount_from)
#undef CONTAIN_PYTHON_ARGUMENT

}  // namespace pybind11::detail
