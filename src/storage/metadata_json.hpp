// Maps and lists as JSON text in a column.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace contain::storage {

std::string encode(const std::map<std::string, std::string>& values);
std::string encode(const std::vector<std::string>& values);
/// Throw error{store_corrupt} for anything that encode() did not write.
std::map<std::string, std::string> decode_map(std::string_view json);
std::vector<std::string> decode_list(std::string_view json);

}  // namespace contain::storage
