// container_options as bytes, so that a later engine can start the container again. CBOR (RFC 8949) and not JSON text:
// arguments and environment may hold any bytes, and this keeps them.
#pragma once
#include <string>
#include <string_view>

#include "contain/container.hpp"

namespace contain {

/// Members that have their default are left out.
std::string encode(const container_options& options);
/// Throws error{store_corrupt}. Members it does not know are ignored.
container_options decode_options(std::string_view bytes);

}  // namespace contain
