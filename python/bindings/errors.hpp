// contain::error as the exceptions of contain.errors: one translator, driven by the library's own table.
#pragma once
#include <pybind11/pybind11.h>

namespace contain::python {

/// Registers the translator and `error_table()`.
void bind_errors(pybind11::module_& m);

}  // namespace contain::python
