#include "contain/oci/chain_id.hpp"

namespace contain::oci {

digest chain_id(const digest& parent, const digest& diff_id) {
  return parent ? digest::of(parent.text() + ' ' + diff_id.text()) : diff_id;
}

std::vector<digest> chain_ids(std::span<const digest> diff_ids) {
  std::vector<digest> out;
  out.reserve(diff_ids.size());
  for (const digest& d : diff_ids) out.push_back(chain_id(out.empty() ? digest{} : out.back(), d));
  return out;
}

}  // namespace contain::oci
