#include "engine/filter.hpp"

#include <algorithm>
#include <array>

#include "contain/core/error.hpp"
#include "contain/core/id.hpp"
#include "contain/core/text.hpp"
#include "contain/oci/reference.hpp"

namespace contain {
namespace {

constexpr std::array<std::string_view, 4> state_names{"created", "running", "exited", "dead"};

template <class Values, class Matches>
bool any(const Values& values, Matches matches) {
  return values.empty() || std::any_of(values.begin(), values.end(), matches);
}

}  // namespace

std::string_view to_string(container_state state) noexcept { return state_names.at(static_cast<std::size_t>(state)); }

bool has_labels(const std::map<std::string, std::string>& labels, const std::map<std::string, std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto found = labels.find(want.first);
    return found != labels.end() && (want.second.empty() || want.second == found->second);
  });
}

container_filter::container_filter(const storage::metadata_reader& records, const list_filter& filter)
    : filter_(&filter) {
  for (const auto& status : filter.statuses) {
    if (std::find(state_names.begin(), state_names.end(), status) == state_names.end()) {
      throw error{errc::invalid, "filter by status", status, "one of created, running, exited, dead"};
    }
  }
  for (const auto& ancestor : filter.ancestors) {
    std::string_view digits = ancestor;
    if (digits.starts_with("sha256:")) digits.remove_prefix(7);
    if (ids::is_hex(digits)) ancestor_ids_.push_back(text::cat("sha256:", digits));
    const auto reference = oci::try_parse_reference(ancestor);
    if (!reference) continue;
    if (const auto id = records.image_of(reference->with_default_tag().canonical())) ancestor_ids_.push_back(*id);
  }
}

bool container_filter::matches(const storage::container_record& c) const {
  const auto& f = *filter_;
  const auto status = state_names.at(static_cast<std::size_t>(c.state));
  // Asking for a status asks for containers that do not run, too.
  if (!f.all && f.statuses.empty() && c.state != storage::run_state::running) return false;
  const auto made_from = [&](const std::string& ancestor) { return c.image == ancestor; };
  const auto has_id = [&](const std::string& id) { return c.image_id.starts_with(id); };
  return any(f.statuses, [&](const auto& wanted) { return status == wanted; }) &&
         any(f.names, [&](const auto& part) { return c.name.find(part) != std::string::npos; }) &&
         any(f.ids, [&](const auto& prefix) { return c.id.starts_with(prefix); }) && has_labels(c.labels, f.labels) &&
         (any(f.ancestors, made_from) || std::any_of(ancestor_ids_.begin(), ancestor_ids_.end(), has_id));
}

}  // namespace contain
