#include "contain/oci/manifest.hpp"

#include <gtest/gtest.h>

#include "contain/core/error.hpp"
#include "contain/oci/docker_archive.hpp"
#include "contain/oci/index.hpp"
#include "contain/oci/layout.hpp"
#include "contain/oci/media_type.hpp"

namespace contain::oci {
namespace {

const std::string sha = "sha256:" + std::string(64, 'a');

std::string descriptor_json(std::string_view type, const std::string& digest = sha) {
  return R"({"mediaType":")" + std::string{type} + R"(","digest":")" + digest + R"(","size":7})";
}

std::string manifest_json(const std::string& extra = {}) {
  return R"({"schemaVersion":2,"mediaType":")" + std::string{media_type::oci_manifest} + R"(","config":)" +
         descriptor_json(media_type::oci_config) + R"(,"layers":[)" + descriptor_json(media_type::oci_layer_gzip) +
         "]" + extra + "}";
}

/// The subject of the error: a JSON pointer.
template <class F>
std::string place_of(F&& read) {
  try {
    read();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::corrupt) << e.what();
    return e.subject();
  }
  return "no error";
}

TEST(manifest, reads_and_writes_the_same) {
  const auto m = parse_manifest(manifest_json());
  EXPECT_EQ(m.media_type, media_type::oci_manifest);
  EXPECT_EQ(m.config.digest.text(), sha);
  ASSERT_EQ(m.layers.size(), 1U);
  EXPECT_EQ(m.layers[0].size, 7U);
  EXPECT_EQ(to_json(m), manifest_json());
}

TEST(manifest, announced_type_must_match) {
  EXPECT_NO_THROW((void)parse_manifest(manifest_json(), media_type::oci_manifest));
  EXPECT_EQ(place_of([] { (void)parse_manifest(manifest_json(), media_type::docker_manifest); }), "/mediaType");
}

TEST(manifest, that_is_an_index_too_is_refused) {  // CVE-2021-41190
  EXPECT_EQ(place_of([] { (void)parse_manifest(manifest_json(R"(,"manifests":[])")); }), "/");
  EXPECT_EQ(place_of([] { (void)parse_manifest_or_index(manifest_json(R"(,"manifests":null)")); }), "/");
  EXPECT_EQ(place_of([] { (void)parse_index(R"({"schemaVersion":2,"manifests":[],"layers":[]})"); }), "/");
  EXPECT_EQ(place_of([] { (void)parse_manifest(R"({"schemaVersion":2,"fsLayers":[],"layers":[]})"); }), "/");
}

TEST(manifest, errors_name_the_place) {
  const auto with = [](const std::string& config, const std::string& layers) {
    return R"({"schemaVersion":2,"config":)" + config + R"(,"layers":)" + layers + "}";
  };
  const auto good = descriptor_json(media_type::oci_config);
  const auto place = [](const std::string& text) { return place_of([&] { (void)parse_manifest(text); }); };
  EXPECT_EQ(place(with(good, "[" + good + "," + descriptor_json("a/b", "sha256:../x") + "]")), "/layers/1/digest");
  EXPECT_EQ(place(with(R"({"mediaType":"a/b","digest":")" + sha + R"(","size":-1})", "[]")), "/config/size");
  EXPECT_EQ(place(with(R"({"mediaType":"a/b","digest":")" + sha + R"(","size":18446744073709551615})", "[]")),
            "/config/size");
  EXPECT_EQ(place(with(R"({"mediaType":"a/b","digest":")" + sha + R"(","size":1.5})", "[]")), "/config/size");
  EXPECT_EQ(place(with(R"({"mediaType":7,"digest":")" + sha + R"(","size":1})", "[]")), "/config/mediaType");
  EXPECT_EQ(place(with(R"({"mediaType":"a","digest":")" + sha + R"(","size":1})", "[]")), "/config/mediaType");
  EXPECT_EQ(place(with("null", "[]")), "/");
  EXPECT_EQ(place(with(good, "{}")), "/layers");
  EXPECT_EQ(place(with(good, R"(["x"])")), "/layers/0");
  EXPECT_EQ(place("[]"), "/");
}

TEST(manifest, hostile_documents_are_refused_quickly) {
  const auto place = [](const std::string& text) { return place_of([&] { (void)parse_manifest_or_index(text); }); };
  EXPECT_NE(place(std::string(1'000'000, '[')), "no error");
  std::string nested = manifest_json(R"(,"x":)" + std::string(100, '[') + std::string(100, ']'));
  EXPECT_NE(place(nested), "no error");
  EXPECT_NE(place(std::string(max_manifest_bytes + 1, ' ')), "no error");
  EXPECT_NE(place(""), "no error");
  EXPECT_NE(place("{}"), "no error");
  EXPECT_NE(place("null"), "no error");
  EXPECT_NE(place(manifest_json() + "x"), "no error");
  EXPECT_NE(place("{\"schemaVersion\":2,\"layers\":\"\xff\"}"), "no error");
  EXPECT_NE(place(manifest_json(R"(,"config":{})")), "no error") << "a repeated key";
  std::string many = R"({"schemaVersion":2,"config":)" + descriptor_json("a/b") + R"(,"layers":[0)";
  for (std::size_t i = 0; i < max_layers; ++i) many += ",0";
  EXPECT_EQ(place(many + "]}"), "/layers");
}

TEST(manifest, schema_one_has_a_message_of_its_own) {
  try {
    (void)parse_manifest_or_index(R"({"schemaVersion":1,"name":"x","fsLayers":[]})");
    FAIL();
  } catch (const error& e) {
    EXPECT_NE(std::string{e.what()}.find("schema 1"), std::string::npos);
  }
}

TEST(manifest, or_index_goes_by_type_then_shape) {
  const std::string list = R"({"schemaVersion":2,"manifests":[]})";
  EXPECT_TRUE(std::holds_alternative<index>(parse_manifest_or_index(list)));
  EXPECT_TRUE(std::holds_alternative<index>(parse_manifest_or_index(list, media_type::docker_list)));
  EXPECT_TRUE(std::holds_alternative<manifest>(parse_manifest_or_index(manifest_json())));
  EXPECT_EQ(place_of([&] { (void)parse_manifest_or_index(list, media_type::oci_manifest); }), "/");
  EXPECT_EQ(place_of([&] { (void)parse_manifest_or_index(list, "application/json"); }), "/");
}

TEST(index, keeps_platforms_and_annotations) {
  const std::string text =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":")" +
      std::string{media_type::oci_manifest} + R"(","digest":")" + sha +
      R"(","size":3,"annotations":{"k":"v"},"platform":{"architecture":"arm","os":"linux","variant":"v7"}}]})";
  const auto i = parse_index(text);
  ASSERT_EQ(i.manifests.size(), 1U);
  EXPECT_EQ(to_string(*i.manifests[0].platform), "linux/arm/v7");
  EXPECT_EQ(to_json(i), text);
}

TEST(layout, names_and_version) {
  EXPECT_NO_THROW(check_layout(layout_document));
  EXPECT_THROW(check_layout(R"({"imageLayoutVersion":"2.0"})"), error);
  EXPECT_THROW(check_layout("{}"), error);
  descriptor d;
  EXPECT_EQ(layout_name(d), "");
  d.annotations[std::string{annotation_ref_name}] = "latest";
  EXPECT_EQ(layout_name(d), "latest");
  d.annotations[std::string{annotation_image_name}] = "docker.io/library/a:latest";
  EXPECT_EQ(layout_name(d), "docker.io/library/a:latest");
}

TEST(docker_archive, round_trip) {
  const std::string text = R"([{"Config":"c.json","RepoTags":["a:latest"],"Layers":["x/layer.tar"]}])";
  const auto images = parse_docker_archive(text);
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].layers, std::vector<std::string>{"x/layer.tar"});
  EXPECT_EQ(to_json(images), text);
  EXPECT_EQ(parse_docker_archive(R"([{"Config":"c.json","RepoTags":null,"Layers":null}])")[0].repo_tags.size(), 0U);
}

TEST(docker_archive, names_stay_inside) {
  for (const auto* name : {"../c.json", "/c.json", "a/../../c", "", "a//b", "a\\u0000b"})
    EXPECT_THROW((void)parse_docker_archive(R"([{"Config":")" + std::string{name} + R"(","Layers":[]}])"), error)
        << name;
}

TEST(media_type, knows_layers) {
  EXPECT_EQ(parse_layer_type(media_type::docker_layer_gzip)->compression, layer_compression::gzip);
  EXPECT_EQ(parse_layer_type(media_type::oci_layer_zstd)->compression, layer_compression::zstd);
  EXPECT_TRUE(parse_layer_type("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")->foreign);
  EXPECT_FALSE(parse_layer_type("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"));
  EXPECT_EQ(media_type_essence(" application/json ; charset=utf-8"), "application/json");
}

}  // namespace
}  // namespace contain::oci
