#include "contain/storage/metadata.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "contain/core/error.hpp"
#include "contain/core/text.hpp"

namespace contain::storage {
namespace {

class metadata_test : public testing::Test {
 protected:
  metadata_test() {
    std::string pattern = testing::TempDir() + "contain-md-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    store_.emplace(metadata::open(directory_ / "db"));
  }
  ~metadata_test() override { std::filesystem::remove_all(directory_); }

  static container_record container(std::string id, std::string name) {
    container_record c;
    c.id = std::move(id);
    c.name = std::move(name);
    c.image = "alpine";
    c.image_id = "sha256:aa";
    c.command = {"sh", "-c", "exit 3"};
    c.labels = {{"tier", "front \"end\""}};
    c.chains = {"sha256:c1", "sha256:c2"};
    c.created = time_point{std::chrono::nanoseconds{1'700'000'000'123'456'789}};
    return c;
  }
  void add(const container_record& c) {
    auto w = store_->write();
    ASSERT_TRUE(w.add_container(c, {.options = "{}", .image_config = "{\"os\":\"linux\"}"}));
    w.commit();
  }
  static image_record image(std::string id, std::int64_t created = 0) {
    image_record i;
    i.id = std::move(id);
    i.config = "{}";
    i.os = "linux";
    i.created = time_point{std::chrono::nanoseconds{created}};
    i.layers.resize(2);
    i.layers[0].diff_id = "sha256:d1";
    i.layers[0].chain_id = "sha256:c1";
    i.layers[0].digest = "sha256:b1";
    i.layers[1].diff_id = "sha256:d2";
    i.layers[1].chain_id = "sha256:c2";
    i.layers[1].size_bytes = 9;
    return i;
  }

  std::filesystem::path directory_;
  std::optional<metadata> store_;
};

TEST_F(metadata_test, a_container_comes_back_as_it_was_written) {
  auto c = container("abcd", "web");
  c.ephemeral = true;
  c.owner_pid = 77;
  c.owner_start_ticks = 1ULL << 60U;
  c.id_range = 0x4000'0000;
  add(c);
  const auto r = store_->read();
  const auto found = r.container_by_name("web");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "abcd");
  EXPECT_EQ(found->command, c.command);
  EXPECT_EQ(found->labels, c.labels);
  EXPECT_EQ(found->chains, c.chains);
  EXPECT_EQ(found->created, c.created);
  EXPECT_EQ(found->owner_start_ticks, c.owner_start_ticks);
  EXPECT_EQ(found->id_range, c.id_range);
  EXPECT_FALSE(found->exit);
  EXPECT_EQ(r.documents("abcd").image_config, "{\"os\":\"linux\"}");
  EXPECT_EQ(r.ephemeral_containers().size(), 1U);
}

TEST_F(metadata_test, a_taken_name_changes_nothing) {
  add(container("aa", "web"));
  add(container("bb", "db"));
  auto w = store_->write();
  EXPECT_FALSE(w.add_container(container("cc", "web"), {}));
  EXPECT_FALSE(w.rename_container("bb", "web"));
  EXPECT_TRUE(w.rename_container("bb", "cache"));
  w.commit();
  EXPECT_EQ(store_->read().containers().size(), 2U);
}

TEST_F(metadata_test, containers_are_listed_newest_first) {
  add(container("aa", "first"));
  add(container("bb", "second"));
  EXPECT_EQ(store_->read().containers().front().name, "second");
}

TEST_F(metadata_test, a_prefix_finds_one_or_shows_it_is_ambiguous) {
  add(container("abc1", "a"));
  add(container("abc2", "b"));
  add(container("abff", "c"));
  const auto r = store_->read();
  EXPECT_EQ(r.container_ids("abc1"), std::vector<std::string>{"abc1"});
  EXPECT_EQ(r.container_ids("abf"), std::vector<std::string>{"abff"});
  EXPECT_EQ(r.container_ids("ab").size(), 2U);
  EXPECT_TRUE(r.container_ids("ac").empty());
  EXPECT_TRUE(r.container_ids("abc1%").empty());
}

TEST_F(metadata_test, an_exit_is_recorded_exactly_once_per_run) {
  add(container("aa", "web"));
  const process_record first{.boot_id = "boot", .pid = 10, .start_ticks = 5, .supervisor_pid = 9};
  process_record second = first;
  second.start_ticks = 6;
  auto w = store_->write();
  EXPECT_FALSE(w.set_exited("aa", first, {}));
  EXPECT_TRUE(w.set_running("aa", first, now()));
  EXPECT_FALSE(w.set_running("aa", second, now()));
  EXPECT_TRUE(w.set_exited("aa", first, {.code = 137, .signal = 9, .oom_killed = true, .finished = now()}));
  EXPECT_FALSE(w.set_exited("aa", first, {}));
  const auto ended = w.container("aa");
  ASSERT_TRUE(ended && ended->exit);
  EXPECT_EQ(ended->exit->code, 137);
  EXPECT_TRUE(ended->exit->oom_killed);
  EXPECT_TRUE(w.set_running("aa", second, now()));
  EXPECT_FALSE(w.set_exited("aa", first, {}));
  EXPECT_FALSE(w.container("aa")->exit);
}

TEST_F(metadata_test, id_ranges_never_overlap_and_are_used_again) {
  const std::vector<id_interval> reserved = {{100'000, 165'535}, {65'536 * 4, 65'536 * 4}};
  std::set<std::uint32_t> ranges;
  for (int i = 0; i < 6; ++i) {
    auto w = store_->write();
    auto c = container(text::cat("aa", i), text::cat("n", i));
    c.id_range = w.free_id_range(65'536, reserved);
    EXPECT_TRUE(ranges.insert(c.id_range).second);
    EXPECT_FALSE(c.id_range <= 165'535 && c.id_range + 65'535 >= 100'000) << c.id_range;
    EXPECT_NE(c.id_range, 65'536U * 4);
    ASSERT_TRUE(w.add_container(c, {}));
    w.commit();
  }
  auto w = store_->write();
  const auto freed = w.container("aa2")->id_range;
  EXPECT_TRUE(w.remove_container("aa2"));
  EXPECT_EQ(w.free_id_range(65'536, reserved), freed);
}

TEST_F(metadata_test, id_ranges_run_out_with_an_error) {
  auto w = store_->write();
  auto c = container("aa", "last");
  c.id_range = w.free_id_range(0xfffe'0000, {});
  ASSERT_TRUE(w.add_container(c, {}));
  try {
    (void)w.free_id_range(0xfffe'0000, {});
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::exhausted);
  }
}

TEST_F(metadata_test, names_are_unique_under_sixteen_writers) {
  std::atomic<int> won = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      auto w = store_->write();
      if (w.add_container(container(text::cat("ab", i), "same"), {})) {
        w.commit();
        ++won;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(won, 1);
}

TEST_F(metadata_test, an_image_comes_back_with_its_layers_in_order) {
  auto w = store_->write(durability::full);
  w.put_image(image("sha256:aa", 1));
  w.put_image(image("sha256:bb", 2));
  w.put_image(image("sha256:aa", 1));  // again: the same, once
  w.commit();
  const auto r = store_->read();
  const auto found = r.image("sha256:aa");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->layers.size(), 2U);
  EXPECT_EQ(found->layers[0].chain_id, "sha256:c1");
  EXPECT_EQ(found->layers[1].size_bytes, 9U);
  EXPECT_EQ(r.images().front().id, "sha256:bb");
  EXPECT_EQ(r.image_ids("sha256:").size(), 2U);
  EXPECT_EQ(r.image_ids("sha256:a").size(), 1U);
}

TEST_F(metadata_test, a_tag_moves_and_goes_with_its_image) {
  auto w = store_->write();
  w.put_image(image("sha256:aa"));
  w.put_image(image("sha256:bb"));
  EXPECT_FALSE(w.put_tag("docker.io/library/x:1", "sha256:aa"));
  EXPECT_FALSE(w.put_tag("docker.io/library/x:1", "sha256:aa"));
  EXPECT_EQ(w.put_tag("docker.io/library/x:1", "sha256:bb"), "sha256:aa");
  w.put_repo_digest("docker.io/library/x@sha256:m", "sha256:bb");
  w.put_image(image("sha256:bb"));
  EXPECT_EQ(w.image_of("docker.io/library/x:1"), "sha256:bb");
  EXPECT_EQ(w.image_of("docker.io/library/x@sha256:m"), "sha256:bb");
  EXPECT_TRUE(w.tags("sha256:aa").empty());
  w.remove_image("sha256:bb");
  EXPECT_FALSE(w.image_of("docker.io/library/x:1"));
  EXPECT_FALSE(w.image_of("docker.io/library/x@sha256:m"));
  EXPECT_FALSE(w.remove_tag("docker.io/library/x:1"));
}

TEST_F(metadata_test, layers_are_in_use_through_images_and_containers) {
  {
    auto w = store_->write();
    w.put_image(image("sha256:aa"));
    EXPECT_TRUE(w.blob_in_use("sha256:b1"));
    EXPECT_TRUE(w.chain_in_use("sha256:c2"));
    w.commit();
  }
  add(container("cc", "web"));
  auto w = store_->write();
  w.remove_image("sha256:aa");
  EXPECT_FALSE(w.blob_in_use("sha256:b1"));
  EXPECT_TRUE(w.chain_in_use("sha256:c2"));
  w.remove_container("cc");
  EXPECT_FALSE(w.chain_in_use("sha256:c2"));
}

TEST_F(metadata_test, events_are_numbered_without_gaps_and_bounded) {
  {
    auto w = store_->write();
    for (int i = 0; i < 12'000; ++i) w.add_event("container", "die", "aa", {{"exitCode", "3"}});
    w.commit();
  }
  const auto r = store_->read();
  const auto all = r.events_after(0, 100'000);
  EXPECT_LE(all.size(), 11'000U);
  EXPECT_EQ(all.back().id, 12'000);
  EXPECT_EQ(all.back().attributes.at("exitCode"), "3");
  EXPECT_EQ(r.events_after(11'990, 3).front().id, 11'991);
}

}  // namespace
}  // namespace contain::storage
