#include "storage/layer_unpacker.hpp"

#include "contain/core/error.hpp"
#include "contain/core/hash.hpp"
#include "contain/storage/codec.hpp"
#include "contain/sys/signal_mask.hpp"

namespace contain::storage {
namespace {

constexpr std::size_t block_bytes = 256 * 1024;
// Between inflating and writing: enough to ride out a directory full of small files.
constexpr std::size_t queued_bytes = std::size_t{8} << 20U;

}  // namespace

layer_unpacker::layer_unpacker(byte_source& compressed, staged_layer& into, const apply_limits& limits,
                               std::function<void()> source_done)
    : limits_(limits), tar_(queued_bytes) {
  const sys::blocked_signals quiet;
  inflater_ = std::thread{[this, &compressed, done = std::move(source_done)] { inflate(compressed, done); }};
  try {
    unpacker_ = std::thread{[this, &into] { unpack(into); }};
  } catch (...) {
    tar_.abandon();
    inflater_.join();
    throw;
  }
}

layer_unpacker::~layer_unpacker() {
  tar_.abandon();
  if (inflater_.joinable()) inflater_.join();
  if (unpacker_.joinable()) unpacker_.join();
}

void layer_unpacker::inflate(byte_source& compressed, const std::function<void()>& source_done) noexcept {
  try {
    decompressor plain{compressed, {.max_bytes = limits_.max_bytes}};
    sha256 hash;
    for (;;) {
      std::vector<std::byte> block(block_bytes);
      const auto n = read_full(plain, block);
      if (n == 0) break;
      block.resize(n);
      hash.update(block.data(), n);
      tar_.push(std::move(block));
      unpacked_.fetch_add(n, std::memory_order_relaxed);
    }
    diff_id_ = oci::digest::from_sha256_hex(hash.finish_hex());
    tar_.close();
  } catch (const reader_gone&) {  // the unpacker says why; or nobody wants to know, and it must not wait for more
    tar_.close(std::make_exception_ptr(error{errc::interrupted, "unpack"}));
  } catch (...) {
    inflate_failure_ = std::current_exception();
    tar_.close(inflate_failure_);
  }
  if (source_done) source_done();
}

void layer_unpacker::unpack(staged_layer& into) noexcept {
  try {
    into.applied = apply(tar_, into.tree(), limits_);
  } catch (...) {
    unpack_failure_ = std::current_exception();
  }
  tar_.abandon();
}

oci::digest layer_unpacker::wait() {
  if (inflater_.joinable()) inflater_.join();
  if (unpacker_.joinable()) unpacker_.join();
  if (inflate_failure_) std::rethrow_exception(inflate_failure_);  // the cause, where both failed
  if (unpack_failure_) std::rethrow_exception(unpack_failure_);
  return diff_id_;
}

}  // namespace contain::storage
