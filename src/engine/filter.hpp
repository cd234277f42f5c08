// Whether a container passes a list_filter, by docker's rules.
#pragma once
#include "contain/engine.hpp"
#include "contain/storage/metadata.hpp"

namespace contain {

/// A list_filter with its image names looked up once.
class container_filter {
 public:
  /// Throws error{invalid} for a status that does not exist.
  container_filter(const storage::metadata_reader& records, const list_filter& filter);
  [[nodiscard]] bool matches(const storage::container_record& c) const;

 private:
  const list_filter* filter_;
  std::vector<std::string> ancestor_ids_;
};

/// True when each wanted label is there, and has the wanted value unless that is empty.
bool has_labels(const std::map<std::string, std::string>& labels, const std::map<std::string, std::string>& wanted);

}  // namespace contain
