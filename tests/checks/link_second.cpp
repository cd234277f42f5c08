// The other of the two translation units; see CMakeLists.txt.
#include <contain/contain.hpp>
#include <contain/core/hash.hpp>
#include <contain/core/id.hpp>
#include <contain/core/log.hpp>
#include <contain/core/scope.hpp>
#include <contain/core/text.hpp>
#include <contain/core/time.hpp>
#include <contain/core/units.hpp>

std::string_view version_of_the_second();

std::string_view version_of_the_second() { return contain::version(); }
