// Images that are made here: their documents follow from a config and the blobs of their layers.
#pragma once
#include <string>
#include <vector>

#include "contain/oci/image_config.hpp"
#include "contain/storage/content_store.hpp"
#include "contain/storage/stream.hpp"
#include "engine/state.hpp"

namespace contain {

/// A staged layer and what it unpacks to.
struct assembled_layer {
  storage::staged_blob blob;
  oci::digest diff_id;
};

/// Stages all of `from` as a blob and hashes what it unpacks to on the way. Refuses, with error{corrupt}, what cannot
/// be unpacked.
assembled_layer stage_layer(engine::impl& in, storage::byte_source& from);
/// The manifest for a config and its layers: plain OCI.
std::string make_manifest(const std::string& config, const std::vector<assembled_layer>& layers);
/// Adds the image, or only its tags when the store has it already. The config's diff_ids are those of `layers`.
/// `tags` canonical; `event` as storage::image_draft has it. Gives the id.
std::string add_image(engine::impl& in, std::string config, std::vector<assembled_layer> layers,
                      std::vector<std::string> tags, std::string event);
/// Adds tags to an image that is here, with the event. False when it is not here.
bool add_tags(engine::impl& in, const std::string& id, const std::vector<std::string>& tags, const std::string& event);

}  // namespace contain
