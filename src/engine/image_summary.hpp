// One row of an image list.
#pragma once
#include <string>
#include <vector>

#include "contain/image.hpp"
#include "contain/storage/metadata.hpp"

namespace contain {

image_info summarise(const storage::image_record& record, std::vector<std::string> tags,
                     std::vector<std::string> repo_digests);

}  // namespace contain
