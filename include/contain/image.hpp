// An image: what a reference resolves to. Values are digests of documents, so an image object never changes.
// Source: OCI image-spec v1.1; docker save format v1.2.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "contain/core/time.hpp"
#include "contain/fwd.hpp"

namespace contain {

/// One row of `contain images`, and what an image answers about itself.
struct image_info {
  std::string id;                         ///< "sha256:…": the digest of the config document, as docker shows it
  std::vector<std::string> tags;          ///< familiar names, "alpine:latest"; empty = dangling
  std::vector<std::string> repo_digests;  ///< "alpine@sha256:…"
  time_point created{};
  std::uint64_t size_bytes = 0;  ///< sum of the unpacked layers
  std::string os, architecture, variant;
  std::map<std::string, std::string> labels;
};

/// One line of `contain history`, newest first.
struct history_entry {
  std::string image_id;  ///< "<missing>" but for the newest
  time_point created{};
  std::string created_by, comment;
  std::uint64_t size_bytes = 0;
  bool empty_layer = false;
};

/// How far a pull, load or save is.
struct transfer_progress {
  enum class phase : unsigned char { resolving, waiting, downloading, unpacking, verified, exists, done };
  std::string digest;  ///< of the layer; empty for the image as a whole
  phase at = phase::resolving;
  std::uint64_t current_bytes = 0;
  std::uint64_t total_bytes = 0;  ///< 0 = unknown
};
/// Called on the calling thread, at most about 20 times a second per layer and at each change of phase.
using progress_sink = std::function<void(const transfer_progress&)>;

struct credentials {
  std::string username, password;
  std::string identity_token;  ///< a refresh token instead of a password
};

struct pull_options {
  std::string platform;             ///< "linux/arm64/v8"; empty = this machine's
  std::optional<credentials> auth;  ///< empty: ~/.docker/config.json and containers' auth.json when named
  std::filesystem::path auth_file;  ///< a docker config.json; empty = none is read
  std::filesystem::path ca_file;    ///< extra PEM trust anchors
  bool insecure_tls = false;        ///< accept any certificate; plain HTTP stays loopback only
  progress_sink progress;
  std::stop_token stop;
};

struct remove_options {
  bool force = false;     ///< also when stopped containers use it or it has several tags
  bool no_prune = false;  ///< keep untagged parents
};

/// What `remove` did, in docker's words: "Untagged: x" and "Deleted: sha256:…".
struct removal {
  std::vector<std::string> untagged, deleted;
};

/// A handle by digest: copyable, cheap, any thread. The engine must outlive it.
class image {
 public:
  /// The image that is compiled into the library: one static program that says hello. Added to the store on first use.
  static image hello_world(engine& in);
  /// The image named by a reference, a full id or a unique id prefix. Throws error{image_not_found}.
  static image open(engine& in, std::string_view name);
  /// Pulls from a registry (distribution-spec v1.1). Every digest and diff_id is verified; a failure keeps nothing.
  /// Throws error{registry_unreachable, auth, image_not_found, digest_mismatch, platform_mismatch, protocol, …}.
  static image pull(engine& in, std::string_view reference, const pull_options& options = {});
  /// The local image if there is one, else pull. `hello-world` needs no registry.
  static image ensure(engine& in, std::string_view reference, const pull_options& options = {});
  /// Reads a docker-archive or an OCI layout (tar or directory; gzip and zstd too). All images of the archive, in
  /// order.
  static std::vector<image> load(engine& in, const std::filesystem::path& archive);
  /// The same from a descriptor that need not be seekable.
  static std::vector<image> load(engine& in, int archive_fd);
  /// One layer from the files of a directory, which is read once and left alone.
  static image from_directory(engine& in, const std::filesystem::path& rootfs, std::string_view tag = {});
  /// One layer from a root file system tar (plain, gzip, zstd), `docker import`. `changes` are Dockerfile
  /// instructions: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL.
  static image from_tar(engine& in, int tar_fd, std::string_view tag = {}, std::string_view message = {},
                        std::span<const std::string> changes = {});

  enum class archive_format : unsigned char { docker_archive, oci_layout };
  /// Writes several images to one archive; references given here are those that load gives back.
  static void save(engine& in, std::span<const std::string> names, int to_fd,
                   archive_format format = archive_format::docker_archive);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }  ///< "sha256:…"
  [[nodiscard]] image_info info() const;
  [[nodiscard]] std::vector<history_entry> history() const;
  [[nodiscard]] std::vector<std::string> layers() const;  ///< diff_ids, base first
  [[nodiscard]] std::string config_json() const;          ///< the config document, byte for byte
  [[nodiscard]] std::string inspect_json() const;         ///< docker's `image inspect` object

  /// Adds a reference; moves it here if another image has it.
  void tag(std::string_view reference) const;
  /// Removes the reference by which `name` was given, and the image with its last one. Throws error{image_in_use}.
  static removal remove(engine& in, std::string_view name, const remove_options& options = {});

  [[nodiscard]] engine& owner() const noexcept { return *engine_; }
  image(engine& in, std::string id) noexcept : engine_(&in), id_(std::move(id)) {}

 private:
  engine* engine_;
  std::string id_;
};

}  // namespace contain
