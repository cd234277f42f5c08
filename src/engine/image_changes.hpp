// `docker import --change`: Dockerfile instructions that alter an image's config.
#pragma once
#include <string_view>

#include "contain/oci/image_config.hpp"

namespace contain {

/// CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL; any case. Throws error{invalid}, which names
/// the instruction.
void apply_change(oci::execution_config& config, std::string_view instruction);

}  // namespace contain
