// What no image and no container needs any more.
#pragma once
#include <cstdint>
#include <stop_token>

#include "contain/storage/content_store.hpp"
#include "contain/storage/layer_store.hpp"
#include "contain/storage/lock.hpp"
#include "contain/storage/metadata.hpp"

namespace contain::storage {

struct collected {
  bool ran = false;  ///< false: somebody is adding an image; whoever removes next finds the rest
  std::uint64_t layers = 0, blobs = 0;
  std::uint64_t bytes = 0;  ///< of blobs and of the files in layers
};

/// While it is held nothing is collected. Shared by all who add content.
file_lock hold_off_collector(const layer_store& layers, const std::stop_token& stop = {});

/// Removes every layer and blob that the records do not name, those of a killed pull included. Call after the
/// transaction that removed the image. Never waits.
collected collect_garbage(content_store& blobs, layer_store& layers, const metadata& records);

}  // namespace contain::storage
