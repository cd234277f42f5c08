// The engine: the only owner of state. A store on disk, one supervisor process, a log sink.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contain/container.hpp"
#include "contain/core/log.hpp"
#include "contain/fwd.hpp"
#include "contain/image.hpp"

namespace contain {

struct engine_options {
  /// Store directory, created 0700. Empty: /var/lib/contain for root, else $HOME/.local/share/contain.
  std::filesystem::path root;
  log_sink log;  ///< silent when empty

  /// As the command line and default_engine() do it: $CONTAIN_ROOT, else /var/lib/contain for root, else contain below
  /// $XDG_DATA_HOME or $HOME/.local/share. The only place of the library that reads environment variables.
  static engine_options from_environment();
};

/// Which containers or images to list or prune. Empty members match everything.
struct list_filter {
  bool all = false;                           ///< containers: also those that do not run
  std::map<std::string, std::string> labels;  ///< an empty value matches any value
  std::vector<std::string> names;             ///< substrings, as docker's name filter
  std::vector<std::string> ids;               ///< prefixes
  std::vector<std::string> statuses;          ///< created, running, exited…
  std::vector<std::string> ancestors;         ///< image references or ids
};

struct prune_report {
  std::vector<std::string> deleted;  ///< ids, and references for images
  std::uint64_t reclaimed_bytes = 0;
};

/// Owns the store connection and the supervisor. Thread safe. Engines with different roots can live side by side,
/// and several processes can share one root. Objects made from an engine must not outlive it.
///
/// Making an engine opens the store; the supervisor starts with the first container. The destructor ends every
/// container that was not detached.
class engine {
 public:
  explicit engine(engine_options options = {});
  engine(engine&&) noexcept;
  engine& operator=(engine&&) noexcept;
  ~engine();

  [[nodiscard]] const std::filesystem::path& root() const noexcept;

  /// One snapshot of the store, newest first, as `docker ps` orders them.
  [[nodiscard]] std::vector<container_info> containers(const list_filter& filter = {}) const;
  /// Newest first; dangling ones included.
  [[nodiscard]] std::vector<image_info> images(const list_filter& filter = {}) const;
  /// Removes containers that are not running.
  prune_report prune_containers(const list_filter& filter = {});
  /// Removes dangling images, or with `all` every image that no container uses.
  prune_report prune_images(bool all = false, const list_filter& filter = {});

  struct impl;  ///< for the library's own objects; not part of the interface
  [[nodiscard]] impl& internals() const noexcept { return *impl_; }

 private:
  std::unique_ptr<impl> impl_;
};

/// The engine of the one-liners: made from the environment on first use, lives to the end of the process.
engine& default_engine();

}  // namespace contain
