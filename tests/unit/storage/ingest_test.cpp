#include "contain/storage/ingest.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "contain/core/error.hpp"
#include "contain/oci/chain_id.hpp"
#include "contain/oci/image_config.hpp"
#include "contain/oci/manifest.hpp"
#include "contain/oci/media_type.hpp"
#include "contain/storage/garbage.hpp"
#include "contain/storage/metadata.hpp"
#include "unit/storage/raw_tar.hpp"
#include "unit/storage/scratch.hpp"

namespace contain::storage {
namespace {

using testing::raw_tar;

struct made_layer {
  std::string blob;
  layer_expectation expected;
};

made_layer layer_of(const std::string& tar) {
  made_layer made{testing::gzip(tar), {}};
  made.expected = {oci::digest::of(made.blob), made.blob.size(), oci::digest::of(tar)};
  return made;
}

image_draft draft_of(const std::vector<made_layer>& layers) {
  oci::image_config config;
  config.platform = {"linux", "amd64", {}, {}, {}};
  oci::manifest manifest;
  manifest.media_type = oci::media_type::oci_manifest;
  for (const auto& layer : layers) {
    config.diff_ids.push_back(layer.expected.diff_id);
    oci::descriptor d;
    d.media_type = oci::media_type::oci_layer_gzip;
    d.digest = layer.expected.digest;
    d.size = layer.expected.size;
    manifest.layers.push_back(d);
  }
  image_draft draft;
  draft.config = oci::to_json(config);
  manifest.config.media_type = oci::media_type::oci_config;
  manifest.config.digest = oci::digest::of(draft.config);
  manifest.config.size = draft.config.size();
  draft.manifest = oci::to_json(manifest);
  draft.manifest_type = oci::media_type::oci_manifest;
  draft.tags = {"docker.io/library/test:latest"};
  return draft;
}

class ingest : public ::testing::Test {
 protected:
  testing::scratch tmp_;
  sys::unique_fd root_ = tmp_.directory("store");
  staging staging_{root_.get()};
  content_store blobs_{root_.get(), staging_};
  layer_store layers_{root_.get(), staging_};
  metadata records_ = metadata::open(tmp_ / "store/db.sqlite3");
  std::vector<made_layer> image_{layer_of(raw_tar{}.dir("d").file("d/base", std::string(400'000, 'b')).end()),
                                 layer_of(raw_tar{}.hardlink("link", "d/base").file("d/.wh.base", "").end())};

  image_writer writer(const std::vector<made_layer>& layers, std::stop_token stop = {}) {
    std::vector<layer_expectation> expected;
    for (const auto& layer : layers) expected.push_back(layer.expected);
    return {blobs_, layers_, records_, std::move(expected), {.limits = {}, .stop = std::move(stop)}};
  }
  static void feed(layer_writer to, std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 1000)))
      to.write(std::as_bytes(std::span{bytes.substr(0, 1000)}));
    to.finish();
  }
  std::string add(const std::vector<made_layer>& layers) {
    auto to = writer(layers);
    std::vector<std::exception_ptr> failures(layers.size());
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i != layers.size(); ++i) {
      if (to.needs(i) == layer_need::nothing) continue;
      threads.emplace_back([&, i] {
        try {
          feed(to.begin(i), layers[i].blob);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
    threads.clear();
    for (const auto& failure : failures)
      if (failure) std::rethrow_exception(failure);
    return to.commit(draft_of(layers));
  }
  void expect_empty() {
    EXPECT_TRUE(layers_.walk().empty());
    EXPECT_TRUE(blobs_.walk().empty());
    std::size_t staged = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::recursive_directory_iterator{tmp_ / "store/staging"})
      ++staged;
    EXPECT_EQ(staged, 1U);
    EXPECT_TRUE(records_.read().images().empty());
  }
  static errc code_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const error& e) {
      return e.code();
    }
    return errc{};
  }
};

TEST_F(ingest, an_image_appears_at_once) {
  const auto id = add(image_);
  const auto record = records_.read().image(id);
  ASSERT_TRUE(record);
  EXPECT_EQ(records_.read().image_of("docker.io/library/test:latest"), id);
  ASSERT_EQ(record->layers.size(), 2U);
  EXPECT_EQ(record->size_bytes, 400'000U);
  EXPECT_EQ(blobs_.walk().size(), 4U);
  const auto chain = oci::digest::from(record->layers[1].chain_id);
  EXPECT_EQ(testing::read_file(tmp_ / "store" / layer_store::relative_path(chain) / "link"), std::string(400'000, 'b'))
      << "a hard link into a layer that was unpacked at the same time";
  for (std::size_t i = 0; i != 2; ++i) EXPECT_EQ(writer(image_).needs(i), layer_need::nothing);
}

TEST_F(ingest, only_what_is_missing_is_needed) {
  (void)add({image_[0]});
  auto more = image_;
  more.push_back(layer_of(raw_tar{}.file("third").end()));
  {
    const auto to = writer(more);
    EXPECT_EQ(to.needs(0), layer_need::nothing);
    EXPECT_EQ(to.needs(1), layer_need::layer);
  }
  ASSERT_TRUE(blobs_.remove(image_[0].expected.digest));
  EXPECT_EQ(writer(more).needs(0), layer_need::blob);
  (void)add(more);
  EXPECT_TRUE(blobs_.has(image_[0].expected.digest));
}

TEST_F(ingest, wrong_bytes_leave_nothing) {
  const auto with = [&](const std::function<void(made_layer&)>& spoil) {
    auto spoiled = image_;
    spoil(spoiled[0]);
    const auto code = code_of([&] { (void)add(spoiled); });
    expect_empty();
    return code;
  };
  EXPECT_EQ(with([](auto& l) { l.expected.digest = oci::digest::of("other"); }), errc::digest_mismatch);
  EXPECT_EQ(with([](auto& l) { l.expected.diff_id = oci::digest::of("other"); }), errc::digest_mismatch);
  EXPECT_EQ(with([](auto& l) { l.expected.size += 1; }), errc::digest_mismatch);
  EXPECT_EQ(with([](auto& l) { l.expected.size -= 1; }), errc::digest_mismatch);
  EXPECT_EQ(with([](auto& l) { l.blob[l.blob.size() / 2] ^= 1; }), errc::digest_mismatch);
  EXPECT_EQ(with([](auto& l) { l = layer_of(raw_tar{}.file("../escape").end()); }), errc::corrupt);
  EXPECT_EQ(with([](auto& l) {
              l = layer_of(std::string(3'000'000, 'z'));
              l.expected.size = 0;
            }),
            errc::corrupt);
}

TEST_F(ingest, a_writer_may_be_dropped_at_any_point) {
  for (const std::size_t bytes : {0U, 1U, 20U, 300U}) {
    auto to = writer(image_);
    auto layer = to.begin(0);
    layer.write(std::as_bytes(std::span{std::string_view{image_[0].blob}.substr(0, bytes)}));
  }
  expect_empty();
  auto unfinished = writer(image_);
  EXPECT_EQ(code_of([&] { (void)unfinished.commit(draft_of(image_)); }), errc::invalid);
  unfinished = writer({});
  expect_empty();
}

TEST_F(ingest, documents_must_agree) {
  auto to = writer({image_[0]});
  feed(to.begin(0), image_[0].blob);
  EXPECT_EQ(code_of([&] { (void)to.commit(draft_of(image_)); }), errc::corrupt) << "another number of layers";
  auto draft = draft_of({image_[0]});
  draft.config += ' ';
  EXPECT_EQ(code_of([&] { (void)to.commit(std::move(draft)); }), errc::digest_mismatch);
  EXPECT_EQ(code_of([&] { (void)to.commit(draft_of({image_[1]})); }), errc::corrupt) << "another layer";
}

TEST_F(ingest, who_comes_second_waits_and_needs_nothing) {
  std::optional<image_writer> first{writer(image_)};
  std::atomic<bool> waited = false;
  std::jthread second{[&] {
    staging own{root_.get()};
    layer_store layers{root_.get(), own};
    content_store blobs{root_.get(), own};
    const image_writer to{blobs, layers, records_, {image_[0].expected, image_[1].expected}, {}};
    waited = true;
    EXPECT_EQ(to.needs(0), layer_need::nothing);
    EXPECT_EQ(to.needs(1), layer_need::nothing);
  }};
  for (std::size_t i = 0; i != 2; ++i) feed(first->begin(i), image_[i].blob);
  EXPECT_FALSE(waited);
  (void)first->commit(draft_of(image_));
  first.reset();
  second.join();
  EXPECT_TRUE(waited);
}

TEST_F(ingest, garbage_waits_for_who_adds) {
  const auto id = add(image_);
  {
    auto change = records_.write();
    change.remove_image(id);
    change.commit();
  }
  {
    const auto busy = writer(image_);
    EXPECT_FALSE(collect_garbage(blobs_, layers_, records_).ran);
    EXPECT_EQ(busy.needs(0), layer_need::nothing) << "what it found stays";
  }
  const auto collected = collect_garbage(blobs_, layers_, records_);
  EXPECT_TRUE(collected.ran);
  EXPECT_EQ(collected.layers, 2U);
  EXPECT_EQ(collected.blobs, 4U);
  EXPECT_GT(collected.bytes, 400'000U);
  expect_empty();
}

TEST_F(ingest, garbage_leaves_what_is_named) {
  const auto id = add(image_);
  (void)blobs_.put("an orphan");
  const auto collected = collect_garbage(blobs_, layers_, records_);
  EXPECT_EQ(collected.layers, 0U);
  EXPECT_EQ(collected.blobs, 1U);
  EXPECT_EQ(blobs_.walk().size(), 4U);
  EXPECT_EQ(writer(image_).needs(1), layer_need::nothing);
}

TEST_F(ingest, waiting_can_be_stopped) {
  const auto first = writer(image_);
  std::stop_source stop;
  std::jthread stopper{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{30});
    stop.request_stop();
  }};
  EXPECT_EQ(code_of([&] { (void)writer(image_, stop.get_token()); }), errc::interrupted);
}

}  // namespace
}  // namespace contain::storage
