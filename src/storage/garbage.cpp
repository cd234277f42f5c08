#include "contain/storage/garbage.hpp"

#include <string>
#include <vector>

#include "contain/core/error.hpp"

namespace contain::storage {
namespace {

constexpr const char* lock_name = "content";

// A damaged layer goes too.
std::uint64_t size_of(const layer_store& layers, const oci::digest& chain_id) {
  try {
    return layers.size(chain_id);
  } catch (const error&) {
    return 0;
  }
}

}  // namespace

file_lock hold_off_collector(const layer_store& layers, const std::stop_token& stop) {
  return file_lock::acquire(layers.locks(), lock_name, lock_mode::shared, stop);
}

collected collect_garbage(content_store& blobs, layer_store& layers, const metadata& records) {
  collected done;
  // Exclusive: what an unfinished pull has found or published is named by no record yet.
  const auto lock = file_lock::try_acquire(layers.locks(), lock_name, lock_mode::exclusive);
  if (!lock) return done;
  done.ran = true;
  std::vector<oci::digest> dead_layers;
  std::vector<blob_info> dead_blobs;
  {
    const auto names = records.read();
    for (auto& chain : layers.walk())
      if (!names.chain_in_use(chain.text())) dead_layers.push_back(std::move(chain));
    for (auto& blob : blobs.walk())
      if (!names.blob_in_use(blob.digest.text())) dead_blobs.push_back(std::move(blob));
  }
  for (const auto& chain : dead_layers) {
    const auto bytes = size_of(layers, chain);
    if (!layers.remove(chain)) continue;
    ++done.layers;
    done.bytes += bytes;
  }
  for (const auto& blob : dead_blobs) {
    if (!blobs.remove(blob.digest)) continue;
    ++done.blobs;
    done.bytes += blob.size;
  }
  return done;
}

}  // namespace contain::storage
