#include "contain/storage/codec.hpp"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::storage {
namespace {

// Large enough that the cost of a call vanishes, small enough to stay in the second-level cache.
constexpr std::size_t input_bytes = 256 * 1024;

[[noreturn]] void damaged(compression packing, std::string detail) {
  throw error{errc::corrupt, "unpack", text::cat(to_string(packing), " stream"), std::move(detail)};
}

// The compressed side: refilled from the source, and counted for the ratio.
struct input {
  byte_source* from;
  std::vector<std::byte> buffer;
  std::size_t at = 0, end = 0;
  std::uint64_t consumed = 0;
  bool ended = false;

  std::span<std::byte> rest() noexcept { return std::span{buffer}.subspan(at, end - at); }
  void consume(std::size_t n) noexcept {
    at += n;
    consumed += n;
  }
  // False at the end of the source.
  bool refill() {
    if (at != end) return true;
    if (ended) return false;
    at = 0;
    end = from->read(buffer);
    ended = end == 0;
    return !ended;
  }
};

// One way of packing: fills `into` from `in`; 0 = the end of everything.
class unpacker {
 public:
  virtual ~unpacker() = default;
  virtual std::size_t read(input& in, std::span<std::byte> into) = 0;
};

class passthrough final : public unpacker {
 public:
  std::size_t read(input& in, std::span<std::byte> into) override {
    if (in.at == in.end) {  // nothing buffered: straight into the caller's memory
      const auto n = in.from->read(into);
      in.consumed += n;
      return n;
    }
    const auto n = std::min(in.rest().size(), into.size());
    std::memcpy(into.data(), in.rest().data(), n);
    in.consume(n);
    return n;
  }
};

class gzip_unpacker final : public unpacker {
 public:
  gzip_unpacker() { start_member(); }

  std::size_t read(input& in, std::span<std::byte> into) override {
    for (;;) {
      if (state_.block_state == ISAL_BLOCK_FINISH) {
        if (!next_member(in)) return 0;
        start_member();
      }
      const bool more = in.refill();
      if (!more && state_.avail_in == 0 && drained_) damaged(compression::gzip, "it ends in the middle");
      const auto chunk = in.rest();
      state_.next_in = reinterpret_cast<std::uint8_t*>(chunk.data());
      state_.avail_in = static_cast<std::uint32_t>(chunk.size());
      state_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
      state_.avail_out = static_cast<std::uint32_t>(std::min<std::size_t>(into.size(), 1U << 30U));
      const auto room = state_.avail_out;
      const int failure = isal_inflate(&state_);
      in.consume(chunk.size() - state_.avail_in);
      if (failure != ISAL_DECOMP_OK && failure != ISAL_END_INPUT)
        damaged(compression::gzip, failure == ISAL_INCORRECT_CHECKSUM ? "its checksum is wrong" : "it is not valid");
      const auto made = room - state_.avail_out;
      // Without input and without output there is nothing left inside the decoder either.
      drained_ = made == 0;
      if (made != 0) return made;
    }
  }

 private:
  void start_member() noexcept {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
    drained_ = false;
  }

  // Skips zero padding; true when another member follows.
  bool next_member(input& in) {
    while (in.refill()) {
      const auto rest = in.rest();
      std::size_t zeros = 0;
      while (zeros != rest.size() && rest[zeros] == std::byte{0}) ++zeros;
      in.consume(zeros);
      if (zeros == rest.size()) {
        padded_ = true;
        continue;
      }
      if (padded_ || zeros != 0 || rest[0] != std::byte{0x1f}) damaged(compression::gzip, "garbage follows its end");
      return true;
    }
    return false;
  }

  inflate_state state_{};
  bool drained_ = false, padded_ = false;
};

class zstd_unpacker final : public unpacker {
 public:
  zstd_unpacker() : stream_(ZSTD_createDStream()) {
    if (!stream_) throw error{errc::exhausted, "unpack", "zstd stream", "out of memory"};
    // 128 MiB of window: what `zstd --long` needs by default, and the most a hostile frame may make us allocate.
    (void)ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
  }

  std::size_t read(input& in, std::span<std::byte> into) override {
    for (;;) {
      const bool more = in.refill();
      if (!more && at_frame_end_) return 0;
      const auto chunk = in.rest();
      ZSTD_inBuffer source{chunk.data(), chunk.size(), 0};
      ZSTD_outBuffer sink{into.data(), into.size(), 0};
      const auto hint = ZSTD_decompressStream(stream_.get(), &sink, &source);
      if (ZSTD_isError(hint) != 0) damaged(compression::zstd, ZSTD_getErrorName(hint));
      in.consume(source.pos);
      at_frame_end_ = hint == 0;
      if (sink.pos != 0) return sink.pos;
      if (!more && !at_frame_end_) damaged(compression::zstd, "it ends in the middle");
    }
  }

 private:
  struct deleter {
    void operator()(ZSTD_DStream* s) const noexcept { (void)ZSTD_freeDStream(s); }
  };
  std::unique_ptr<ZSTD_DStream, deleter> stream_;
  bool at_frame_end_ = true;
};

bool begins_with(std::span<const std::byte> head, std::initializer_list<unsigned> magic) noexcept {
  if (head.size() < magic.size()) return false;
  return std::equal(magic.begin(), magic.end(), head.begin(),
                    [](unsigned m, std::byte b) { return std::byte{static_cast<unsigned char>(m)} == b; });
}

}  // namespace

compression detect_compression(std::span<const std::byte> head) noexcept {
  if (begins_with(head, {0x1f, 0x8b, 0x08})) return compression::gzip;
  if (begins_with(head, {0x28, 0xb5, 0x2f, 0xfd})) return compression::zstd;
  if (head.size() >= 4 && (head[0] & std::byte{0xf0}) == std::byte{0x50} &&
      begins_with(head.subspan(1), {0x2a, 0x4d, 0x18}))
    return compression::zstd;  // a skippable frame first
  if (begins_with(head, {'B', 'Z', 'h'}) || begins_with(head, {0xfd, '7', 'z', 'X', 'Z', 0}) ||
      begins_with(head, {0x04, 0x22, 0x4d, 0x18}))
    return compression::unsupported;
  return compression::none;
}

std::string_view to_string(compression packing) noexcept {
  switch (packing) {
    case compression::none:
      return "plain";
    case compression::gzip:
      return "gzip";
    case compression::zstd:
      return "zstd";
    case compression::unsupported:
      break;
  }
  return "unsupported";
}

struct decompressor::state {
  input in;
  inflate_limits limits;
  compression packing = compression::none;
  std::unique_ptr<unpacker> how;
  std::uint64_t produced = 0;
};

decompressor::decompressor(byte_source& from, inflate_limits limits) : state_(std::make_unique<state>()) {
  state_->in.from = &from;
  state_->in.buffer.resize(input_bytes);
  state_->limits = limits;
  state_->in.end = read_full(from, std::span{state_->in.buffer}.first(compression_magic_bytes));
  state_->packing = detect_compression(state_->in.rest());
  switch (state_->packing) {
    case compression::none:
      state_->how = std::make_unique<passthrough>();
      break;
    case compression::gzip:
      state_->how = std::make_unique<gzip_unpacker>();
      break;
    case compression::zstd:
      state_->how = std::make_unique<zstd_unpacker>();
      break;
    case compression::unsupported:
      throw error{errc::unsupported, "unpack", "compressed stream", "bzip2, xz and lz4 are not read; use gzip or zstd"};
  }
}

decompressor::~decompressor() = default;

std::size_t decompressor::read(std::span<std::byte> into) {
  if (into.empty()) return 0;
  const auto n = state_->how->read(state_->in, into);
  state_->produced += n;
  if (state_->produced > state_->limits.max_bytes)
    damaged(state_->packing, text::cat("it unpacks to more than ", state_->limits.max_bytes, " bytes"));
  if (state_->produced > state_->limits.ratio_free_bytes &&
      state_->produced / state_->limits.max_ratio > state_->in.consumed)
    damaged(state_->packing, text::cat("it unpacks to more than ", state_->limits.max_ratio, " times its size"));
  return n;
}

compression decompressor::packing() const noexcept { return state_->packing; }
std::uint64_t decompressor::produced_bytes() const noexcept { return state_->produced; }

}  // namespace contain::storage
