// Blobs, layers, staging and locks: what several handles and processes see of one store.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "contain/core/error.hpp"
#include "contain/oci/chain_id.hpp"
#include "contain/storage/content_store.hpp"
#include "contain/storage/layer_store.hpp"
#include "unit/storage/scratch.hpp"

namespace contain::storage {
namespace {

using testing::scratch;

class store_test : public ::testing::Test {
 protected:
  scratch tmp_;
  sys::unique_fd root_ = tmp_.directory("store");
  std::optional<staging> staging_{root_.get()};
  content_store blobs_{root_.get(), *staging_};
  layer_store layers_{root_.get(), *staging_};

  [[nodiscard]] std::size_t staged() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::recursive_directory_iterator{tmp_ / "store/staging"}) ++n;
    return n;
  }
};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

errc code_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const error& e) {
    return e.code();
  }
  return errc{};
}

TEST_F(store_test, blobs_are_found_by_digest) {
  const auto digest = blobs_.put("hello");
  EXPECT_EQ(digest, oci::digest::of("hello"));
  EXPECT_EQ(blobs_.put("hello"), digest);
  EXPECT_EQ(blobs_.size(digest), 5U);
  EXPECT_EQ(blobs_.read(digest, 100), "hello");
  EXPECT_EQ(code_of([&] { (void)blobs_.read(digest, 4); }), errc::store_corrupt);
  ASSERT_EQ(blobs_.walk().size(), 1U);
  EXPECT_EQ(testing::read_file(tmp_ / ("store/blobs/" + digest.relative_path())), "hello");
  EXPECT_TRUE(blobs_.remove(digest));
  EXPECT_FALSE(blobs_.remove(digest));
  EXPECT_FALSE(blobs_.open(digest).has_value());
}

TEST_F(store_test, wrong_or_unfinished_blobs_leave_nothing) {
  {
    auto writer = blobs_.begin();
    writer.write(bytes_of("other"));
    EXPECT_EQ(code_of([&] { (void)writer.finish(oci::digest::of("hello")); }), errc::digest_mismatch);
    auto dropped = blobs_.begin();
    dropped.write(bytes_of("half"));
  }
  EXPECT_TRUE(blobs_.walk().empty());
  EXPECT_EQ(staged(), 1U) << "only this process's empty directory";
}

TEST_F(store_test, changed_blobs_are_noticed) {
  const auto digest = blobs_.put("hello");
  testing::write_file(tmp_ / ("store/blobs/" + digest.relative_path()), "jello");
  EXPECT_EQ(code_of([&] { (void)blobs_.read(digest, 100); }), errc::store_corrupt);
}

TEST_F(store_test, other_algorithms_are_refused) {
  const auto sha512 = oci::digest::from("sha512:" + std::string(128, 'a'));
  EXPECT_EQ(code_of([&] { (void)blobs_.has(sha512); }), errc::unsupported);
}

TEST_F(store_test, leftovers_of_a_killed_process_are_swept) {
  const pid_t child = ::fork();
  if (child == 0) {
    staging own{root_.get()};
    content_store blobs{root_.get(), own};
    layer_store layers{root_.get(), own};
    auto writer = blobs.begin();
    writer.write(bytes_of("half a blob"));
    const auto layer = layers.begin();
    (void)::mkdirat(layer.tree(), "deep", 0);
    ::_exit(0);  // as a SIGKILL: no destructor runs
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_GE(staged(), 4U);
  auto mine = blobs_.begin();
  mine.write(bytes_of("still being written"));
  const staging next{root_.get()};
  EXPECT_EQ(staged(), 2U) << "the living process's directory and its blob stay";
  EXPECT_EQ(mine.finish().digest, oci::digest::of("still being written"));
}

TEST_F(store_test, staging_goes_with_its_handle) {
  (void)blobs_.put("x");
  EXPECT_EQ(staged(), 1U);
  staging_.reset();
  EXPECT_EQ(staged(), 0U);
}

TEST_F(store_test, layers_appear_whole) {
  const auto id = oci::digest::of("chain");
  EXPECT_FALSE(layers_.has(id));
  EXPECT_EQ(code_of([&] { (void)layers_.open(id); }), errc::store_corrupt);
  const auto fails = [&] {
    layers_.ensure(id, {}, [](staged_layer& layer) {
      (void)::mkdirat(layer.tree(), "half", 0755);
      throw error{errc::corrupt, "unpack"};
    });
  };
  EXPECT_EQ(code_of(fails), errc::corrupt);
  EXPECT_FALSE(layers_.has(id));
  layers_.ensure(id, {}, [](staged_layer& layer) {
    (void)::mkdirat(layer.tree(), "d", 0755);
    layer.applied.file_bytes = 42;
  });
  EXPECT_TRUE(layers_.has(id));
  EXPECT_EQ(layers_.size(id), 42U);
  EXPECT_TRUE(std::filesystem::is_directory(tmp_ / ("store/" + layer_store::relative_path(id) + "/d")));
  EXPECT_EQ(layers_.walk(), std::vector{id});
  EXPECT_TRUE(layers_.remove(id));
  EXPECT_FALSE(layers_.remove(id));
  EXPECT_EQ(staged(), 1U);
}

TEST_F(store_test, one_of_many_produces_a_layer) {
  const auto id = oci::digest::of("shared");
  std::atomic<int> produced = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i != 8; ++i) {
    threads.emplace_back([&] {
      staging own{root_.get()};  // as another process has it
      layer_store layers{root_.get(), own};
      layers.ensure(id, {}, [&](staged_layer&) {
        ++produced;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
      });
    });
  }
  threads.clear();
  EXPECT_EQ(produced, 1);
  EXPECT_TRUE(layers_.has(id));
}

TEST_F(store_test, waiting_for_a_layer_can_be_stopped) {
  const auto id = oci::digest::of("held");
  const auto held = layers_.claim(id, {});
  std::stop_source stop;
  std::jthread stopper{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{30});
    stop.request_stop();
  }};
  EXPECT_EQ(code_of([&] { (void)layers_.claim(id, stop.get_token()); }), errc::interrupted);
}

TEST(remove_tree, removes_what_bars_its_owner) {
  const scratch tmp;
  const auto dir = tmp.directory("x");
  std::string deep = "x";
  for (int i = 0; i != 60; ++i) deep += "/d";
  std::filesystem::create_directories(tmp / deep);
  std::filesystem::create_symlink("/", tmp / "x/root");
  testing::write_file(tmp / (deep + "/f"), "f");
  ASSERT_EQ(::chmod((tmp / "x/d").c_str(), 0), 0);
  EXPECT_TRUE(sys::remove_tree(tmp.open(".").get(), "x"));
  EXPECT_FALSE(std::filesystem::exists(tmp / "x"));
  EXPECT_TRUE(sys::remove_tree(tmp.open(".").get(), "x")) << "a missing one is fine";
}

}  // namespace
}  // namespace contain::storage
