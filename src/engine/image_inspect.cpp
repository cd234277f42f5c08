// docker's `image inspect` object.
#include <nlohmann/json.hpp>
#include <utility>

#include "contain/core/text.hpp"
#include "contain/image.hpp"
#include "contain/oci/digest.hpp"
#include "engine/image_lookup.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

using json = nlohmann::ordered_json;

/// The config's own members, and null or empty for those that docker always shows.
json config_object(const json& document) {
  json shown = {{"User", ""},         {"Env", nullptr},   {"Cmd", nullptr},     {"Entrypoint", nullptr},
                {"Volumes", nullptr}, {"WorkingDir", ""}, {"OnBuild", nullptr}, {"Labels", nullptr}};
  if (const auto config = document.find("config"); config != document.end() && config->is_object())
    for (const auto& [key, value] : config->items()) shown[key] = value;
  return shown;
}

/// Where the layers are on this host, top first, as docker's overlay2 driver says it.
json driver_object(const engine::impl& in, const storage::image_record& record) {
  json data = json::object();
  std::string lower;
  for (std::size_t i = record.layers.size(); i-- != 0;) {
    const auto path =
        (in.root / storage::layer_store::relative_path(oci::digest::from(record.layers[i].chain_id))).string();
    if (i + 1 == record.layers.size()) {
      data["UpperDir"] = path;
    } else {
      lower += lower.empty() ? path : text::cat(":", path);
    }
  }
  if (!lower.empty()) data["LowerDir"] = std::move(lower);
  return {{"Name", "overlay2"}, {"Data", std::move(data)}};
}

std::string text_member(const json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string last_comment(const json& document) {
  const auto history = document.find("history");
  if (history == document.end() || !history->is_array() || history->empty()) return {};
  return text_member(history->back(), "comment");
}

}  // namespace

std::string image::inspect_json() const {
  const auto& store = engine_->internals();
  const auto records = store.records.read();
  const auto record = image_record_of(records, id_);
  const auto document = json::parse(record.config);  // was parsed strictly when it came in
  json layers = json::array();
  for (const auto& layer : record.layers) layers.push_back(layer.diff_id);
  json out = {
      {"Id", record.id},
      {"RepoTags", familiar_names(records.tags(id_))},
      {"RepoDigests", familiar_names(records.repo_digests(id_))},
      {"Parent", ""},
      {"Comment", last_comment(document)},
      {"Created", to_rfc3339(record.created)},
      {"DockerVersion", ""},
      {"Author", text_member(document, "author")},
      {"Config", config_object(document)},
      {"Architecture", record.architecture},
  };
  if (!record.variant.empty()) out["Variant"] = record.variant;
  out["Os"] = record.os;
  out["Size"] = record.size_bytes;
  out["GraphDriver"] = driver_object(store, record);
  out["RootFS"] = {{"Type", "layers"}, {"Layers", std::move(layers)}};
  if (!record.manifest_digest.empty())
    out["Descriptor"] = {{"mediaType", record.manifest_type},
                         {"digest", record.manifest_digest},
                         {"size", store.blobs.size(oci::digest::from(record.manifest_digest)).value_or(0)}};
  return out.dump(4, ' ', false, json::error_handler_t::replace);
}

}  // namespace contain
