// A runtime_spec as the config.json of an OCI bundle, for inspect and for people who compare.
#pragma once
#include <string>

#include "contain/oci/runtime_spec.hpp"

namespace contain::oci {

/// runtime-spec v1.2 members; what the specification has no place for is under "contain". The seccomp program is
/// compiled, so it is shown by its length only.
std::string to_json(const runtime_spec& spec);

}  // namespace contain::oci
