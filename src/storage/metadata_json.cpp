#include "storage/metadata_json.hpp"

#include <nlohmann/json.hpp>

#include "contain/core/error.hpp"

namespace contain::storage {
namespace {

template <class T>
std::string encode_value(const T& values) {
  // Values may hold any bytes (a command line is not required to be UTF-8): those are replaced, not thrown at.
  return nlohmann::json(values).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <class T>
T decode_value(std::string_view text) {
  try {
    return nlohmann::json::parse(text).get<T>();
  } catch (const nlohmann::json::exception& e) {
    throw error{errc::store_corrupt, "read a record", {}, e.what()};
  }
}

}  // namespace

std::string encode(const std::map<std::string, std::string>& values) {
  return values.empty() ? std::string{"{}"} : encode_value(values);
}
std::string encode(const std::vector<std::string>& values) {
  return values.empty() ? std::string{"[]"} : encode_value(values);
}

std::map<std::string, std::string> decode_map(std::string_view json) {
  if (json == "{}") return {};
  return decode_value<std::map<std::string, std::string>>(json);
}
std::vector<std::string> decode_list(std::string_view json) {
  if (json == "[]") return {};
  return decode_value<std::vector<std::string>>(json);
}

}  // namespace contain::storage
