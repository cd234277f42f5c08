// The embedded hello-world image: one program, no registry, the same id on every machine of an architecture.
#include <span>
#include <utility>

#include "contain/image.hpp"
#include "contain/oci/platform.hpp"
#include "contain/storage/tar.hpp"
#include "engine/image_assembly.hpp"
#include "engine/image_lookup.hpp"
#include "engine/state.hpp"

extern "C" const unsigned char contain_hello_begin[], contain_hello_end[];

namespace contain {
namespace {

constexpr std::string_view name = "docker.io/library/hello-world:latest";
constexpr time_point birthday{std::chrono::seconds{1'767'225'600}};  // 2026-01-01T00:00:00Z

class text_sink final : public storage::byte_sink {
 public:
  void write(std::span<const std::byte> piece) override {
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  std::string bytes;
};

std::string layer_tar() {
  text_sink out;
  storage::tar_writer tar{out};
  const std::string_view program{reinterpret_cast<const char*>(contain_hello_begin),
                                 static_cast<std::size_t>(contain_hello_end - contain_hello_begin)};
  tar.add_file("hello", program, {birthday.time_since_epoch().count() / 1'000'000'000, 0}, 0755);
  tar.finish();
  return std::move(out.bytes);
}

std::string config_for(const oci::digest& diff_id) {
  oci::image_config config;
  config.platform = oci::host_platform();
  config.created = birthday;
  config.config.cmd = {"/hello"};
  config.config.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  config.config.working_dir = "/";
  config.diff_ids = {diff_id};
  config.history = {{birthday, "COPY hello /", {}, "embedded in contain", false},
                    {birthday, "CMD [\"/hello\"]", {}, {}, true}};
  return oci::to_json(config);
}

}  // namespace

image image::hello_world(engine& in) {
  auto& store = in.internals();
  const std::string tar = layer_tar();
  const auto diff_id = oci::digest::of(tar);
  auto config = config_for(diff_id);
  const auto id = oci::digest::of(config).text();
  bool named = false;
  {
    const auto records = store.records.read();
    named = records.image_of(name).has_value();  // perhaps another one, that a user pulled or tagged: not ours to move
    if (named && records.image(id)) return image{in, id};
  }
  store.require_own_process();
  std::vector<std::string> tags;
  if (!named) tags.emplace_back(name);
  storage::memory_source source{tar};
  std::vector<assembled_layer> layers;
  layers.push_back(stage_layer(store, source));
  return image{in, add_image(store, std::move(config), std::move(layers), std::move(tags), "load")};
}

}  // namespace contain
