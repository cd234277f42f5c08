// Options and image configuration become an OCI runtime-spec value: docker's rules for what runs, the profile's for how
// far it is kept in.
#pragma once
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "contain/container.hpp"
#include "contain/isolation.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/runtime_spec.hpp"
#include "contain/runtime/host_facts.hpp"

namespace contain::runtime {

/// How many ids a container of root's gets; enough for nobody (65534) and for every packaged user.
inline constexpr std::uint32_t ids_per_container = 65536;

struct built_spec {
  oci::runtime_spec spec;
  int stop_signal = SIGTERM;
  std::vector<isolation_row> isolation;
};

/// `id` is the container's, 64 hex digits. `first_id` is the first host id of the container's private range of
/// ids_per_container, used for root's containers only: without root the user's subordinate range is taken.
///
/// /dev and /dev/shm are not among the mounts: the supervisor makes them (spec.shm_size). Paths to mask may be absent
/// on this kernel. Pure but for reading /etc/hosts and /etc/resolv.conf with network_mode::host, and a seccomp profile
/// that security_options names.
///
/// Throws error{invalid} for options that make no sense, error{limit_refused} for limits this process may not give,
/// error{no_subids}, and error{isolation_missing} when the host cannot give a row of the profile.
built_spec build_spec(std::string_view id, const container_options& options, const oci::execution_config& image,
                      const host_facts& host, std::uint32_t first_id);

/// What will be executed: docker's combination of ENTRYPOINT and CMD. An entrypoint in the options also drops the
/// image's CMD. Throws error{invalid} if nothing is left.
std::vector<std::string> compose_command(const container_options& options, const oci::execution_config& image);

/// A further process for the container that `container` made: its environment, user, directory and limits unless
/// `options` say otherwise. Throws error{invalid}.
oci::spec_process build_exec(const oci::runtime_spec& container, const exec_options& options, const host_facts& host);

}  // namespace contain::runtime
