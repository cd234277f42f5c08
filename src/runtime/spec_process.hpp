// The process part of a runtime-spec: what runs, as whom, in which environment, with which privileges and rlimits.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "contain/container.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/runtime_spec.hpp"
#include "contain/runtime/host_facts.hpp"
#include "contain/runtime/profile.hpp"

namespace contain::runtime {

/// docker's order: PATH, HOSTNAME and TERM as defaults, then the image's variables, then the user's; a later value
/// replaces an earlier one in place. HOME is left to the child, which knows the user's.
std::vector<std::string> compose_env(const std::map<std::string, std::string>& given,
                                     const std::vector<std::string>& image, std::string_view hostname, bool terminal);

/// Checks `user` ("uid", "uid:gid", "name", "name:group"). Digits are ids from 0 to 2^31-1 and are never looked up as
/// names. Throws error{invalid}.
void check_user(std::string_view user);

/// `path` cleaned of ".", ".." and double slashes. Throws error{invalid} if it is not absolute.
std::string clean_absolute(std::string_view path, std::string_view what);

/// Throws error{invalid} if `value` has a NUL byte: the kernel would cut it there.
void check_no_nul(std::string_view value, std::string_view what);

/// The capabilities that `security` asks for, written to the ledger. Throws error{invalid} for unknown names and
/// error{denied} for a capability that this process has lost itself and therefore cannot give.
sys::cap_mask choose_caps(const security_options& security, const profile_data& profile, bool user_namespace,
                          const host_facts& host, isolation_ledger& ledger);

/// Defaults of the profile and the user's own. Throws error{invalid, limit_refused}.
std::vector<oci::spec_rlimit> choose_rlimits(
    const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>& given, const profile_data& profile,
    const host_facts& host, isolation_ledger& ledger);

}  // namespace contain::runtime
