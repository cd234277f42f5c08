// One of two translation units that include the whole public interface; see CMakeLists.txt.
#include <contain/contain.hpp>
#include <contain/core/hash.hpp>
#include <contain/core/id.hpp>
#include <contain/core/log.hpp>
#include <contain/core/scope.hpp>
#include <contain/core/text.hpp>
#include <contain/core/time.hpp>
#include <contain/core/units.hpp>

std::string_view version_of_the_second();

int main() {
  return contain::version() == version_of_the_second() && contain::version() == contain::version_string ? 0 : 1;
}
