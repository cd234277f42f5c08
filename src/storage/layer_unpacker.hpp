// Inflates, hashes and unpacks one layer on two threads.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>

#include "contain/oci/digest.hpp"
#include "contain/storage/layer.hpp"
#include "contain/storage/layer_store.hpp"
#include "storage/block_queue.hpp"

namespace contain::storage {

/// Started by its constructor; the threads end by themselves at the end of the source, with wait(), or with the
/// destructor, which must find the source ended or closed.
class layer_unpacker {
 public:
  /// `compressed` and `into` are borrowed. `source_done` is called on a thread when no more will be read.
  layer_unpacker(byte_source& compressed, staged_layer& into, const apply_limits& limits,
                 std::function<void()> source_done = {});
  layer_unpacker(const layer_unpacker&) = delete;
  layer_unpacker& operator=(const layer_unpacker&) = delete;
  ~layer_unpacker();

  /// Waits for the end; the diff_id. Rethrows what stopped either thread, as often as it is asked.
  oci::digest wait();
  [[nodiscard]] std::uint64_t unpacked_bytes() const noexcept { return unpacked_.load(std::memory_order_relaxed); }

 private:
  void inflate(byte_source& compressed, const std::function<void()>& source_done) noexcept;
  void unpack(staged_layer& into) noexcept;

  apply_limits limits_;
  block_queue tar_;
  std::atomic<std::uint64_t> unpacked_{0};
  oci::digest diff_id_;
  std::exception_ptr inflate_failure_, unpack_failure_;
  std::thread inflater_, unpacker_;
};

}  // namespace contain::storage
