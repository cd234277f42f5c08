#include "cli/pulling.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "cli/progress.hpp"
#include "cli/words.hpp"
#include "contain/core/error.hpp"
#include "contain/core/text.hpp"
#include "contain/engine.hpp"

namespace contain::cli {
namespace {

using contain::text::cat;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

/// The first of the files in which docker and podman keep what `login` wrote.
std::filesystem::path default_auth_file() {
  if (const auto named = variable("REGISTRY_AUTH_FILE"); !named.empty()) return named;
  std::vector<std::filesystem::path> candidates;
  const auto home = variable("HOME");
  if (const auto folder = variable("DOCKER_CONFIG"); !folder.empty())
    candidates.push_back(std::filesystem::path{folder} / "config.json");
  else if (!home.empty())
    candidates.push_back(std::filesystem::path{home} / ".docker/config.json");
  if (const auto runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty())
    candidates.push_back(std::filesystem::path{runtime} / "containers/auth.json");
  for (const auto& candidate : candidates)
    if (::access(candidate.c_str(), R_OK) == 0) return candidate;
  return {};
}

pull_options library_options(const pull_flags& flags) {
  pull_options options;
  options.platform = flags.platform;
  options.auth_file = flags.auth_file.empty() ? default_auth_file() : std::filesystem::path{flags.auth_file};
  options.ca_file = flags.ca_file.empty() ? variable("CONTAIN_CA_FILE") : flags.ca_file;
  options.insecure_tls = flags.insecure;
  return options;
}

/// hello-world is compiled into the library: taken from there, not from a registry.
bool is_built_in(std::string_view reference) { return reference == "hello-world" || reference == "hello-world:latest"; }

bool is_present(engine& in, std::string_view reference) {
  try {
    (void)image::open(in, reference);
    return true;
  } catch (const error& e) {
    if (e.code() != errc::image_not_found) throw;
    return false;
  }
}

}  // namespace

image pull_image(invocation& call, std::string_view reference, const pull_flags& flags) {
  auto options = library_options(flags);
  auto& err = call.io.err;
  const auto name = split_reference(reference);
  const bool untagged = name.tag == "<none>" && name.digest == "<none>";
  progress_display display{err};
  if (!flags.quiet) {
    if (untagged) err.line("Using default tag: latest");
    err.line(cat(untagged                  ? "latest"
                 : name.digest != "<none>" ? name.digest
                                           : name.tag,
                 ": Pulling from ", printable(name.repository)))
        .flush();
    options.progress = [&display](const transfer_progress& at) { display.show(at); };
  }
  std::string before;
  if (is_present(call.store(), reference)) before = image::open(call.store(), reference).id();
  auto pulled = image::pull(call.store(), reference, options);
  if (flags.quiet) return pulled;

  for (const auto& text : pulled.info().repo_digests) {
    const auto parts = split_reference(text);
    if (parts.repository != name.repository) continue;
    err.line(cat("Digest: ", parts.digest));
    break;
  }
  err.line(cat("Status: ", before == pulled.id() ? "Image is up to date for " : "Downloaded newer image for ",
               printable(with_default_tag(reference))))
      .flush();
  return pulled;
}

void provide_image(invocation& call, const std::string& reference, std::string_view policy, const pull_flags& flags) {
  if (policy == "always" && !is_built_in(reference)) {
    (void)pull_image(call, reference, flags);
    return;
  }
  if (is_present(call.store(), reference)) return;
  if (is_built_in(reference) && policy != "never") {
    (void)image::hello_world(call.store());
    return;
  }
  if (policy == "never")
    throw error{errc::image_not_found, "find image", reference}.with_hint(cat("contain pull ", reference));
  if (!flags.quiet)
    call.io.err.line(cat("Unable to find image '", printable(with_default_tag(reference)), "' locally")).flush();
  (void)pull_image(call, reference, flags);
}

}  // namespace contain::cli
