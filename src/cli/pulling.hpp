// Fetching an image with docker's progress on standard error.
#pragma once
#include <string>
#include <string_view>

#include "cli/command.hpp"
#include "contain/image.hpp"

namespace contain::cli {

/// Where credentials and trust come from, besides the store.
struct pull_flags {
  std::string platform;
  std::string auth_file;  ///< empty: $REGISTRY_AUTH_FILE, docker's config.json, or podman's auth.json
  std::string ca_file;    ///< empty: $CONTAIN_CA_FILE
  bool insecure = false;
  bool quiet = false;
};

/// Pulls and shows each layer: one line a layer, rewritten on a terminal, plain lines elsewhere.
image pull_image(invocation& call, std::string_view reference, const pull_flags& flags);

/// "always", "missing", "never" of `run --pull`. With "missing" an absent image is announced as docker does it and
/// pulled.
void provide_image(invocation& call, const std::string& reference, std::string_view policy, const pull_flags& flags);

}  // namespace contain::cli
