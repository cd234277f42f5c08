// Archives that try to write where they must not, or to make the reader fall over. Each is unpacked beside a canary
// tree and links to it; whatever the verdict, the canary must be as it was.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <functional>

#include "contain/core/error.hpp"
#include "contain/storage/codec.hpp"
#include "contain/storage/layer.hpp"
#include "unit/storage/raw_tar.hpp"
#include "unit/storage/scratch.hpp"

namespace contain::storage {
namespace {

using testing::raw_tar;

enum class verdict { refused, harmless };

struct hostile_case {
  std::string name;
  verdict expected;
  std::function<std::string(const std::string& canary)> make;  // `canary`: its absolute path
};

std::string deep_name(std::size_t parts) {
  std::string name;
  for (std::size_t i = 0; i != parts; ++i) name += "d/";
  return name + "f";
}

std::vector<hostile_case> corpus() {
  using v = verdict;
  const auto c = [](auto build) { return std::function<std::string(const std::string&)>{build}; };
  return {
      {"dotdot", v::refused, c([](auto&) { return raw_tar{}.file("../canary/new").end(); })},
      {"dotdot_in_the_middle", v::refused, c([](auto&) { return raw_tar{}.file("a/../../canary/new").end(); })},
      {"dotdot_that_stays_inside", v::refused, c([](auto&) { return raw_tar{}.dir("a").file("a/../b").end(); })},
      {"dotdot_alone", v::refused, c([](auto&) { return raw_tar{}.dir("..").end(); })},
      {"dotdot_at_the_end", v::refused, c([](auto&) { return raw_tar{}.dir("a").dir("a/..", 0777).end(); })},
      {"dotdot_directory", v::refused, c([](auto&) { return raw_tar{}.dir("../canary", 0777).end(); })},
      {"dotdot_in_pax_path", v::refused, c([](auto&) {
         return raw_tar{}.pax({{"path", "../canary/new"}}).file("fine").end();
       })},
      {"dotdot_in_gnu_name", v::refused,
       c([](auto&) { return raw_tar{}.gnu_long("../canary/new").file("fine").end(); })},
      {"absolute", v::harmless, c([](auto& to) { return raw_tar{}.file(to + "/new").end(); })},
      {"absolute_over_a_file", v::harmless, c([](auto& to) { return raw_tar{}.file(to + "/file").end(); })},
      {"many_slashes", v::harmless, c([](auto& to) { return raw_tar{}.file("//" + to + "//new").end(); })},
      {"symlink_then_write", v::harmless, c([](auto& to) { return raw_tar{}.symlink("s", to).file("s/new").end(); })},
      {"symlink_then_overwrite", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).file("s/file").end(); })},
      {"relative_symlink_then_write", v::harmless,
       c([](auto&) { return raw_tar{}.symlink("s", "../canary").file("s/new").end(); })},
      {"symlink_chain", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("a", "b").symlink("b", to).file("a/new").end(); })},
      {"symlink_in_a_directory", v::harmless,
       c([](auto& to) { return raw_tar{}.dir("d").symlink("d/s", to).file("d/s/new").end(); })},
      {"symlink_to_a_file_then_write", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to + "/file").file("s", "changed").end(); })},
      {"symlink_then_directory", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).dir("s", 0700).end(); })},
      {"symlink_then_directory_below", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).dir("s/dir", 0700).end(); })},
      {"symlink_loop_as_parent", v::harmless,
       c([](auto&) { return raw_tar{}.symlink("a", "b").symlink("b", "a").file("a/f").end(); })},
      {"directory_then_symlink_then_write", v::harmless,
       c([](auto& to) { return raw_tar{}.dir("d").file("d/f").symlink("d", to).file("d/new").end(); })},
      {"symlink_then_fifo_below", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).add({.name = "s/fifo", .type = '6'}).end(); })},
      {"symlink_then_whiteout_below", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).file("s/.wh.file", "").end(); })},
      {"symlink_then_opaque_below", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).file("s/.wh..wh..opq", "").end(); })},
      {"symlink_then_symlink_below", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to).symlink("s/file", "/").end(); })},
      {"hardlink_outside_absolute", v::refused,
       c([](auto& to) { return raw_tar{}.hardlink("h", to + "/file").end(); })},
      {"hardlink_outside_dotdot", v::refused, c([](auto&) { return raw_tar{}.hardlink("h", "../canary/file").end(); })},
      {"hardlink_through_symlink", v::refused,
       c([](auto& to) { return raw_tar{}.symlink("s", to).hardlink("h", "s/file").end(); })},
      {"hardlink_then_write", v::harmless,
       c([](auto&) { return raw_tar{}.file("a", "one").hardlink("h", "a").file("h", "two").end(); })},
      {"hardlink_below_symlink", v::harmless,
       c([](auto& to) { return raw_tar{}.file("f").symlink("s", to).hardlink("s/file", "f").end(); })},
      {"hardlink_to_a_symlink_then_write", v::harmless,
       c([](auto& to) { return raw_tar{}.symlink("s", to + "/file").hardlink("h", "s").file("h", "changed").end(); })},
      {"hardlink_to_later_entry", v::refused, c([](auto&) { return raw_tar{}.hardlink("h", "later").end(); })},
      {"hardlink_to_itself", v::refused, c([](auto&) { return raw_tar{}.hardlink("h", "h").end(); })},
      {"hardlink_to_directory", v::refused, c([](auto&) { return raw_tar{}.dir("d").hardlink("h", "d").end(); })},
      {"hardlink_to_root", v::refused, c([](auto&) { return raw_tar{}.hardlink("h", "/").end(); })},
      {"hardlink_over_its_parent", v::refused,
       c([](auto&) { return raw_tar{}.dir("d").file("d/f").hardlink("d", "d/f").end(); })},
      {"hardlink_to_whiteout", v::refused,
       c([](auto&) { return raw_tar{}.file(".wh.x", "").hardlink("h", "x").end(); })},
      {"root_as_symlink", v::refused, c([](auto& to) { return raw_tar{}.symlink(".", to).file("new").end(); })},
      {"root_as_file", v::refused, c([](auto&) { return raw_tar{}.file("/").end(); })},
      {"root_as_hardlink", v::refused, c([](auto& to) { return raw_tar{}.hardlink("./", to).end(); })},
      {"root_as_fifo", v::refused, c([](auto&) { return raw_tar{}.add({.name = "./", .type = '6'}).end(); })},
      {"no_name", v::refused, c([](auto&) { return raw_tar{}.file("").end(); })},
      {"character_device", v::harmless, c([](auto&) {
         return raw_tar{}.add({.name = "mem", .type = '3', .device_major = 1, .device_minor = 1}).end();
       })},
      {"block_device", v::harmless,
       c([](auto&) { return raw_tar{}.add({.name = "sda", .type = '4', .device_major = 8}).end(); })},
      {"device_over_a_file", v::harmless,
       c([](auto&) { return raw_tar{}.file("f").add({.name = "f", .type = '3', .device_major = 1}).end(); })},
      {"whiteout_as_device", v::harmless, c([](auto&) { return raw_tar{}.add({.name = "x", .type = '3'}).end(); })},
      {"whiteout_of_dotdot", v::refused, c([](auto&) { return raw_tar{}.file(".wh...", "").end(); })},
      {"whiteout_of_dot", v::refused, c([](auto&) { return raw_tar{}.file(".wh..", "").end(); })},
      {"whiteout_of_nothing", v::refused, c([](auto&) { return raw_tar{}.file(".wh.", "").end(); })},
      {"overlay_redirect", v::harmless, c([](auto& to) {
         return raw_tar{}.pax({{"SCHILY.xattr.trusted.overlay.redirect", to}}).dir("d").end();
       })},
      {"name_longer_than_the_kernel_takes", v::refused,
       c([](auto&) { return raw_tar{}.gnu_long(std::string(5000, 'a')).file("f").end(); })},
      {"part_longer_than_the_kernel_takes", v::refused,
       c([](auto&) { return raw_tar{}.gnu_long(std::string(300, 'a')).file("f").end(); })},
      {"deepest_name", v::harmless, c([](auto&) { return raw_tar{}.gnu_long(deep_name(2000)).file("f").end(); })},
      {"link_longer_than_the_kernel_takes", v::refused,
       c([](auto&) { return raw_tar{}.gnu_long(std::string(5000, 'a'), 'K').symlink("s", "x").end(); })},
      {"huge_pax_header", v::refused, c([](auto&) {
         return raw_tar{}.pax({{"comment", std::string(std::size_t{6} << 20U, 'x')}}).file("f").end();
       })},
      {"endless_chain_of_headers", v::refused, c([](auto&) {
         raw_tar t;
         for (int i = 0; i != 200; ++i) t.pax({{"comment", std::string(60'000, 'x')}}, 'g');
         return t.file("f").end();
       })},
      {"pax_size_is_no_number", v::refused, c([](auto&) {
         return raw_tar{}.pax({{"size", "-1"}}).file("f").end();
       })},
      {"pax_line_without_length", v::refused,
       c([](auto&) { return raw_tar{}.add({.name = "pax", .type = 'x'}, "path=../x\n").file("f").end(); })},
      {"size_beyond_the_archive", v::refused,
       c([](auto&) { return raw_tar{}.add({.name = "f", .size = "77777777777"}, "x").end(); })},
      {"negative_size", v::refused,
       c([](auto&) { return raw_tar{}.add({.name = "f", .size = std::string(12, '\xff')}, "x").end(); })},
      {"sparse_file_of_exabytes", v::refused, c([](auto&) {
         return raw_tar{}
             .pax({{"GNU.sparse.major", "1"},
                   {"GNU.sparse.minor", "0"},
                   {"GNU.sparse.name", "s"},
                   {"GNU.sparse.realsize", "4611686018427387904"}})
             .add({.name = "s"}, std::string("1\n0\n1\n") + std::string(506, '\0') + "x")
             .end();
       })},
      {"wrong_checksum", v::refused,
       c([](auto&) { return raw_tar{}.file("a").add({.name = "b", .bad_checksum = true}).end(); })},
      {"not_a_tar", v::refused, c([](auto&) { return std::string(4096, 'z'); })},
      {"owner_that_is_no_id", v::refused, c([](auto&) {
         return raw_tar{}.pax({{"uid", "4294967295"}}).file("f").end();
       })},
      {"duplicates_of_every_kind", v::harmless, c([](auto& to) {
         return raw_tar{}
             .file("x")
             .dir("x")
             .file("x/y")
             .symlink("x", to)
             .add({.name = "x", .type = '6'})
             .dir("x")
             .file("x")
             .end();
       })},
  };
}

class hostile_layer : public ::testing::TestWithParam<hostile_case> {};

TEST_P(hostile_layer, writes_nothing_outside) {
  const testing::scratch tmp;
  std::filesystem::create_directories(tmp / "canary/dir");
  testing::write_file(tmp / "canary/file", "untouched");
  const auto before = testing::describe(tmp / "canary");
  const auto canary_mode = testing::stat_of(tmp / "canary").st_mode;
  const std::string tar = GetParam().make((tmp / "canary").string());
  auto dir = tmp.directory("tree");
  bool refused = false;
  try {
    memory_source source{tar};
    const auto applied = apply(source, dir.get());
    settle(dir.get(), applied, {});
  } catch (const error& e) {
    refused = true;
    EXPECT_EQ(e.code(), errc::corrupt) << e.what();
  }
  EXPECT_EQ(refused, GetParam().expected == verdict::refused);
  EXPECT_EQ(testing::describe(tmp / "canary"), before);
  EXPECT_EQ(testing::stat_of(tmp / "canary").st_mode, canary_mode);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator{tmp.path()}) ++entries;
  EXPECT_EQ(entries, 2U) << "something appeared beside the tree";
  for (const auto& e : std::filesystem::recursive_directory_iterator{tmp / "tree"}) {
    const auto st = testing::stat_of(e.path());
    EXPECT_FALSE(S_ISBLK(st.st_mode) || (S_ISCHR(st.st_mode) && st.st_rdev != 0)) << e.path();
  }
}

INSTANTIATE_TEST_SUITE_P(corpus, hostile_layer, ::testing::ValuesIn(corpus()),
                         [](const auto& one) { return one.param.name; });

TEST(layer, corpus_is_large_enough) { EXPECT_GE(corpus().size(), 60U); }

// A damaged archive must be refused or, where the cut falls between two entries, unpack to its first ones.
TEST(layer, truncated_anywhere_is_contained) {
  const std::string whole = raw_tar{}
                                .dir("d")
                                .file("d/f", std::string(1500, 'f'))
                                .pax({{"path", "d/long"}, {"mtime", "1.5"}})
                                .file("short", std::string(700, 'g'))
                                .gnu_long("d/gnu")
                                .file("g")
                                .hardlink("h", "d/f")
                                .end();
  unsigned refused = 0;
  for (std::size_t cut = 1; cut < whole.size(); cut += 37) {
    const testing::scratch tmp;
    const auto dir = tmp.directory("tree");
    try {
      memory_source source{std::string_view{whole}.substr(0, cut)};
      (void)apply(source, dir.get());
    } catch (const error& e) {
      ++refused;
      EXPECT_EQ(e.code(), errc::corrupt) << cut << ": " << e.what();
    }
  }
  EXPECT_GT(refused, whole.size() / 37 / 2);
}

TEST(layer, limits_bound_entries_and_bytes) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  raw_tar many;
  for (int i = 0; i != 20; ++i) many.file("f" + std::to_string(i), "12345678");
  const std::string tar = many.end();
  const auto refused = [&](const apply_limits& limits) {
    memory_source source{tar};
    try {
      (void)apply(source, dir.get(), limits);
    } catch (const error& e) {
      return e.code() == errc::corrupt;
    }
    return false;
  };
  EXPECT_TRUE(refused({.max_entries = 19}));
  EXPECT_FALSE(refused({.max_entries = 20}));
  EXPECT_TRUE(refused({.max_bytes = 100}));
  EXPECT_TRUE(refused({.max_bytes = tar.size() - 1}));
  EXPECT_FALSE(refused({.max_bytes = tar.size()}));
}

// Half a million sparse-map entries from a few megabytes must not become memory.
TEST(layer, header_bomb_stays_small) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  raw_tar bomb;
  std::string map(512, '\0');
  for (std::size_t i = 0; i != 21; ++i) {
    std::memcpy(map.data() + i * 24, "00000000001\000000000000001", 24);
  }
  map[504] = 1;  // more blocks follow
  raw_tar head;
  head.add({.name = "s", .type = 'S'});
  std::string tar = head.unfinished();
  tar[482] = 1;  // isextended
  unsigned sum = 0;
  std::memset(tar.data() + 148, ' ', 8);
  for (std::size_t i = 0; i != 512; ++i) sum += static_cast<unsigned char>(tar[i]);
  (void)std::snprintf(tar.data() + 148, 8, "%06o", sum);
  for (int i = 0; i != 40'000; ++i) tar += map;
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  memory_source source{tar};
  EXPECT_THROW((void)apply(source, dir.get()), error);
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "KiB";
}

}  // namespace
}  // namespace contain::storage
