// How a blob is packed, by its first bytes, and unpacking it as it streams.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "contain/storage/stream.hpp"

namespace contain::storage {

enum class compression : unsigned char { none, gzip, zstd, unsupported };

/// By magic number: RFC 1952, RFC 8878 (also skippable frames). bzip2, xz and lz4 are known but `unsupported`; anything
/// else is `none`. Needs 6 bytes to be sure.
compression detect_compression(std::span<const std::byte> head) noexcept;
/// "gzip"
std::string_view to_string(compression packing) noexcept;
/// Bytes of the head that detection looks at.
inline constexpr std::size_t compression_magic_bytes = 6;

/// Against bombs; beyond them reading throws error{corrupt}.
struct inflate_limits {
  std::uint64_t max_bytes = std::uint64_t{256} << 30U;
  std::uint64_t max_ratio = 1000;                              ///< of output to input
  std::uint64_t ratio_free_bytes = std::uint64_t{256} << 20U;  ///< of output, before the ratio counts
};

/// The uncompressed bytes of `from`, whichever way it is packed. gzip members and zstd frames may follow one another
/// (eStargz, zstd:chunked); checksums are verified; a truncated stream throws error{corrupt}, bytes after the last
/// member too unless they are zeros.
class decompressor final : public byte_source {
 public:
  /// Reads the head of `from` at once, which must outlive this object.
  explicit decompressor(byte_source& from, inflate_limits limits = {});
  ~decompressor() override;
  std::size_t read(std::span<std::byte> into) override;
  [[nodiscard]] compression packing() const noexcept;
  [[nodiscard]] std::uint64_t produced_bytes() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace contain::storage
