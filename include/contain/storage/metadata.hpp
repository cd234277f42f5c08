// What the store knows: images, tags, containers, id ranges and the event log, as records over one database.
// A reader sees one state; a writer's changes and the events that report them are one transaction.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contain/core/time.hpp"
#include "contain/storage/database.hpp"

namespace contain::storage {

struct layer_record {
  std::string diff_id;     ///< "sha256:…" of the uncompressed tar
  std::string chain_id;    ///< "sha256:…" of this layer on those below it: names the unpacked directory
  std::string digest;      ///< of the compressed blob; empty when it never had one
  std::string media_type;  ///< of that blob
  std::uint64_t blob_bytes = 0;
  std::uint64_t size_bytes = 0;  ///< unpacked
};

struct image_record {
  std::string id;                              ///< digest of the config document
  std::string manifest_digest, manifest_type;  ///< empty when it was not made from a manifest
  std::string config;                          ///< the config document, byte for byte
  std::string os, architecture, variant;
  time_point created{};              ///< the config's; sorts the list
  std::uint64_t size_bytes = 0;      ///< sum of the unpacked layers
  std::vector<layer_record> layers;  ///< base first
};

/// A normalised reference ("docker.io/library/alpine:latest", "docker.io/library/alpine@sha256:…") and its image.
struct reference_record {
  std::string reference, image_id;
};

enum class run_state : unsigned char { created = 0, running = 1, exited = 2, dead = 3 };

/// The running process, unambiguous over reboots and reused pids.
struct process_record {
  std::string boot_id;
  int pid = 0;
  std::uint64_t start_ticks = 0;  ///< field 22 of /proc/PID/stat
  int supervisor_pid = 0;
};

struct exit_record {
  int code = 0, signal = 0;
  bool oom_killed = false;
  time_point finished{};
};

/// One container, without its documents, which lists do not need.
struct container_record {
  std::string id, name;
  std::string image, image_id;       ///< as given; digest
  std::vector<std::string> command;  ///< entrypoint and cmd together
  std::map<std::string, std::string> labels;
  std::vector<std::string> chains;  ///< chain ids of its layers, base first: keeps them from removal
  run_state state = run_state::created;
  time_point created{}, started{};
  process_record process;
  std::optional<exit_record> exit;    ///< of the last run
  std::string error;                  ///< why the last start failed
  std::vector<std::string> weakened;  ///< "row: reason" for isolation that only the last start found missing
  bool ephemeral = false;             ///< dies with its owner
  bool auto_remove = false, tty = false;
  int owner_pid = 0;  ///< with process.boot_id and owner_start_ticks; 0 when detached
  std::uint64_t owner_start_ticks = 0;
  std::uint32_t id_range = 0;  ///< first host id of its private 65536; 0 = none
};

/// What a start needs to rebuild the container, JSON each.
struct container_documents {
  std::string options;       ///< container_options as the engine writes them
  std::string image_config;  ///< a copy: the image may be removed by force
};

/// One entry of the event log. `id` grows by one per event, for all processes.
struct event_record {
  std::int64_t id = 0;
  time_point when{};
  std::string type, action, actor;  ///< docker's words: "container", "die", the container's id
  std::map<std::string, std::string> attributes;
};

/// Host ids [first, last] that private ranges must leave alone.
struct id_interval {
  std::uint32_t first = 0, last = 0;
};

class metadata;

/// Reads of one state of the store. Hold it briefly, and only one at a time per thread.
class metadata_reader {
 public:
  [[nodiscard]] std::optional<image_record> image(std::string_view id) const;
  /// Newest first.
  [[nodiscard]] std::vector<image_record> images() const;
  /// Ids that begin with `prefix` ("sha256:12ab"), at most two: enough to tell unique from ambiguous.
  [[nodiscard]] std::vector<std::string> image_ids(std::string_view prefix) const;
  /// The image that has this tag or repository digest.
  [[nodiscard]] std::optional<std::string> image_of(std::string_view reference) const;
  [[nodiscard]] std::vector<std::string> tags(std::string_view image_id) const;
  [[nodiscard]] std::vector<std::string> repo_digests(std::string_view image_id) const;
  [[nodiscard]] std::vector<reference_record> all_tags() const;
  [[nodiscard]] std::vector<reference_record> all_repo_digests() const;
  /// The stored layer with this chain id, whatever image or container has it.
  [[nodiscard]] bool chain_in_use(std::string_view chain_id) const;
  [[nodiscard]] bool blob_in_use(std::string_view digest) const;
  /// Containers made from the image, newest first.
  [[nodiscard]] std::vector<container_record> containers_of(std::string_view image_id) const;

  [[nodiscard]] std::optional<container_record> container(std::string_view id) const;
  [[nodiscard]] std::optional<container_record> container_by_name(std::string_view name) const;
  /// At most two ids that begin with `prefix`.
  [[nodiscard]] std::vector<std::string> container_ids(std::string_view prefix) const;
  /// Newest first.
  [[nodiscard]] std::vector<container_record> containers() const;
  /// Those that die with their owner.
  [[nodiscard]] std::vector<container_record> ephemeral_containers() const;
  [[nodiscard]] container_documents documents(std::string_view container_id) const;

  /// Events after `id`, oldest first.
  [[nodiscard]] std::vector<event_record> events_after(std::int64_t id, int at_most) const;

 protected:
  friend class metadata;
  explicit metadata_reader(transaction t) noexcept : transaction_(std::move(t)) {}
  [[nodiscard]] bool exists(const char* sql, std::string_view key) const;
  transaction transaction_;
};

/// Changes, all or nothing: without commit() nothing happened. Holds the write lock of all processes.
class metadata_writer : public metadata_reader {
 public:
  void commit() { transaction_.commit(); }

  /// Adds or replaces.
  void put_image(const image_record& image);
  /// With its layers, tags and repository digests.
  void remove_image(std::string_view id);
  /// Moves the tag here; the image that had it before, if another.
  std::optional<std::string> put_tag(std::string_view reference, std::string_view image_id);
  bool remove_tag(std::string_view reference);
  void put_repo_digest(std::string_view reference, std::string_view image_id);
  bool remove_repo_digest(std::string_view reference);

  /// False when the name is taken; nothing has changed then.
  [[nodiscard]] bool add_container(const container_record& container, const container_documents& documents);
  /// False when the name is taken.
  [[nodiscard]] bool rename_container(std::string_view id, std::string_view name);
  /// created or exited -> running. False when it runs already or is gone.
  [[nodiscard]] bool set_running(std::string_view id, const process_record& process, time_point started,
                                 const std::vector<std::string>& weakened = {});
  /// running -> exited, only if it still is the run that `process` names: true exactly once per run.
  [[nodiscard]] bool set_exited(std::string_view id, const process_record& process, const exit_record& exit);
  void set_error(std::string_view id, std::string_view error, int exit_code);
  /// From owned to detached or back.
  void set_owner(std::string_view id, bool ephemeral, int owner_pid, std::uint64_t owner_start_ticks);
  bool remove_container(std::string_view id);
  /// The lowest free private range of 65536 host ids from `base` on that touches no reserved interval.
  /// Throws error{exhausted} when there is none below 2^32 - 65536.
  [[nodiscard]] std::uint32_t free_id_range(std::uint32_t base, std::span<const id_interval> reserved) const;

  /// Kept until 10,000 newer ones exist.
  void add_event(std::string_view type, std::string_view action, std::string_view actor,
                 const std::map<std::string, std::string>& attributes = {});

 private:
  friend class metadata;
  explicit metadata_writer(transaction t) noexcept : metadata_reader(std::move(t)) {}
};

/// Thread safe, and shared with other processes by file.
class metadata {
 public:
  static metadata open(const std::filesystem::path& file);
  [[nodiscard]] metadata_reader read() const { return metadata_reader{database_.snapshot()}; }
  /// durability::full for what must not be lost in a power cut: images.
  [[nodiscard]] metadata_writer write(durability keep = durability::normal) const {
    return metadata_writer{database_.write(keep)};
  }

 private:
  explicit metadata(database d) noexcept : database_(std::move(d)) {}
  database database_;
};

}  // namespace contain::storage
