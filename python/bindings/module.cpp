// contain._core: the compiled half of the package. Its callers are the modules of contain, which carry the
// documentation; here every name is small and typed, arguments are what the library takes, and nothing is optional.
#include "bind.hpp"
#include "contain/version.hpp"
#include "errors.hpp"
#include "values.hpp"

PYBIND11_MODULE(_core, m) {
  using namespace contain::python;
  m.doc() = "The compiled core of contain.";
  m.attr("__version__") = to_str(contain::version());
  bind_errors(m);
  // Types before the functions that mention them, so that signatures read well.
  bind_engine(m);
  bind_image(m);
  bind_container(m);
  bind_logs(m);
  bind_process(m);
}
