// Descriptors inside manifests and indexes.
#pragma once
#include "contain/oci/descriptor.hpp"
#include "oci/json_reader.hpp"
#include "oci/json_writer.hpp"

namespace contain::oci::detail {

descriptor read_descriptor(const node& from);
json_value write_descriptor(const descriptor& d);
platform read_platform(const node& from);
/// The `mediaType` of a manifest or an index: that of the document, which must be `expected` where both are given.
std::string read_media_type(const node& root, std::string_view expected);
/// Throws unless `schemaVersion` is 2; schema 1 gets a message of its own.
void check_schema_version(const node& root);

}  // namespace contain::oci::detail
