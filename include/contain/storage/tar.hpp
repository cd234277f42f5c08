// tar archives as they stream by: entries to read, entries to write. libarchive knows the formats (ustar, pax, GNU long
// names and sparse files); what may be done with an entry is the caller's to decide.
#pragma once
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "contain/storage/stream.hpp"

namespace contain::storage {

enum class tar_kind : unsigned char { file, directory, symlink, hardlink, fifo, character_device, block_device, other };

struct tar_entry {
  std::string path;  ///< as in the archive: may be absolute, may hold ".."
  std::string link;  ///< target of a symlink or hardlink
  tar_kind kind = tar_kind::file;
  unsigned mode = 0;  ///< the lower 12 bits
  std::uint64_t uid = 0, gid = 0;
  std::uint64_t size = 0;  ///< bytes with holes; 0 for what is no file
  timespec mtime{};
  std::uint32_t device_major = 0, device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;  ///< names with their namespace
};

/// A piece of the current file. What lies between two pieces is a hole.
struct tar_block {
  std::span<const std::byte> bytes;  ///< valid until the next call
  std::uint64_t offset = 0;
};

/// One owner at a time. Every error is error{corrupt} (or the source's own): a tar has no small damages.
class tar_reader {
 public:
  /// `source` is borrowed. An entry whose headers take more than `max_header_bytes` is refused.
  explicit tar_reader(byte_source& source, std::size_t max_header_bytes = std::size_t{4} << 20U);
  ~tar_reader();
  tar_reader(tar_reader&&) noexcept;
  tar_reader& operator=(tar_reader&&) noexcept;

  /// Moves to the next entry, past what was not read of this one; false after the last. Names are the archive's bytes,
  /// whatever the locale.
  bool next();
  [[nodiscard]] const tar_entry& entry() const noexcept;
  /// The next piece of the current file; false after the last.
  bool read(tar_block& into);
  /// Reads and drops what follows the end mark, so that a hash over the source covers all of it.
  void drain();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Writes pax archives whose bytes depend on the entries only. One owner at a time.
class tar_writer {
 public:
  /// `sink` is borrowed.
  explicit tar_writer(byte_sink& sink);
  ~tar_writer();
  tar_writer(tar_writer&&) noexcept;
  tar_writer& operator=(tar_writer&&) noexcept;

  void add(const tar_entry& entry);
  /// The next bytes of the file that add() announced; as many in all as its size.
  void write(std::span<const std::byte> bytes);
  /// A small file at once.
  void add_file(std::string path, std::string_view bytes, timespec mtime = {}, unsigned mode = 0644);
  /// The end mark. Without it the archive is truncated.
  void finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain::storage
