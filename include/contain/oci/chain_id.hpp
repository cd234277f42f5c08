// chain_id: names a stack of layers, as a diff_id names one. Image-spec config.md §Layer ChainID.
#pragma once
#include <span>
#include <vector>

#include "contain/oci/digest.hpp"

namespace contain::oci {

/// The chain_id of `diff_id` on top of `parent`; of `diff_id` alone when `parent` is empty.
digest chain_id(const digest& parent, const digest& diff_id);
/// One for each layer, base first: element n names layers 0 to n.
std::vector<digest> chain_ids(std::span<const digest> diff_ids);

}  // namespace contain::oci
