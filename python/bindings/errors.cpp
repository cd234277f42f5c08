#include "errors.hpp"

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "values.hpp"

namespace contain::python {

using namespace py::literals;

namespace {

std::string id_of(errc code) {
  const auto digits = std::to_string(static_cast<unsigned>(code));
  return text::cat("CT", std::string(4 - std::min<std::size_t>(digits.size(), 4), '0'), digits);
}

std::vector<std::map<std::string, text_result>> error_rows() {
  std::vector<std::map<std::string, text_result>> rows;
  for (const auto& row : error_table())
    rows.push_back({{"id", {id_of(row.code)}},
                    {"name", {std::string{row.name}}},
                    {"summary", {std::string{row.summary}}},
                    {"hint", {std::string{row.hint}}},
                    {"python_class", {std::string{row.python_class}}}});
  return rows;
}

/// Raises `failure` in Python.
void raise(const error& failure) {
  const auto errors = py::module_::import("contain.errors");
  const auto kind = errors.attr(to_str(describe(failure.code()).python_class));
  py::list frames;
  for (const auto& frame : failure.context()) frames.append(to_str(frame));
  py::dict details("detail"_a = to_str(failure.detail()));
  details["while"] = frames;
  const bool system = failure.sys_errno() != 0;
  const py::object made = kind(to_str(failure.what()), "code"_a = to_str(failure.id()),
                               "op"_a = to_str(failure.operation()), "subject"_a = to_str(failure.subject()),
                               "errno"_a = system ? py::object(py::int_(failure.sys_errno())) : py::object(py::none()),
                               "hint"_a = to_str(failure.hint()), "details"_a = details);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
}

}  // namespace

void bind_errors(py::module_& m) {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const error& failure) {
      raise(failure);
    }
  });
  m.def("error_table", &error_rows, "The rows of the library's error table, in order of code.");
}

}  // namespace contain::python
