// What a registry's bad answer means, in words: failures and complaints become errors here.
#pragma once
#include <string>
#include <string_view>

#include "contain/core/error.hpp"
#include "contain/registry/http.hpp"

namespace contain::registry {

/// The answer never came, or broke off. `subject` is what was wanted; the address is in the detail.
error unreachable(const http_failure& failure, const url& address, std::string operation, std::string subject);

/// A status that is not success: error{auth} for 401 and 403, {image_not_found} for 404, {registry_unreachable} for 429
/// and 5xx, else {protocol}. The registry's own code and message (distribution-spec §Error Codes) are in the detail.
error refused(const http_response& answer, std::string operation, std::string subject);

/// "DENIED: requested access…" from the body of a bad answer; empty when it says nothing that can be read. What comes
/// from the network is made harmless for a terminal.
std::string complaint(std::string_view body);
/// Printable ASCII and UTF-8 of at most `limit` bytes; control characters become '?'.
std::string printable(std::string_view text, std::size_t limit);

}  // namespace contain::registry
