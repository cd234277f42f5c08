// The parts of the module, one file each.
#pragma once
#include <pybind11/pybind11.h>

namespace contain::python {

void bind_engine(pybind11::module_& m);
void bind_image(pybind11::module_& m);
void bind_container(pybind11::module_& m);
void bind_logs(pybind11::module_& m);
void bind_process(pybind11::module_& m);

}  // namespace contain::python
