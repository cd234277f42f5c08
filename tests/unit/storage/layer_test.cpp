#include "contain/storage/layer.hpp"

#include <gtest/gtest.h>

#include <array>

#include "contain/core/error.hpp"
#include "contain/core/hash.hpp"
#include "contain/storage/tar.hpp"
#include "unit/storage/raw_tar.hpp"
#include "unit/storage/scratch.hpp"

namespace contain::storage {
namespace {

using testing::is_opaque;
using testing::is_whiteout;
using testing::raw_tar;
using testing::read_file;
using testing::stat_of;

applied_layer unpack(const std::string& tar, int dir, std::span<const int> below = {}) {
  memory_source source{tar};
  auto applied = apply(source, dir);
  settle(dir, applied, below);
  return applied;
}

class text_sink final : public byte_sink {
 public:
  void write(std::span<const std::byte> piece) override {
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  std::string bytes;
};

std::string pack(int dir, tree_form form) {
  text_sink out;
  (void)diff(dir, out, form);
  return out.bytes;
}

TEST(layer, files_get_what_the_archive_says) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  const auto applied = unpack(raw_tar{}
                                  .dir("./", 0711)
                                  .dir("bin", 0755)
                                  .pax({{"mtime", "1600000000.123456789"}, {"SCHILY.xattr.user.note", "a=b\nc"}})
                                  .add({.name = "bin/su", .mode = 04755}, "program")
                                  .symlink("bin/sh", "su")
                                  .hardlink("bin/twin", "bin/su")
                                  .add({.name = "pipe", .type = '6', .mode = 0622})
                                  .gnu_long("bin/" + std::string(180, 'n'))
                                  .file("short", "long name")
                                  .end(),
                              dir.get());
  EXPECT_EQ(applied.file_bytes, 16U);
  EXPECT_TRUE(applied.implied_dirs.empty());
  EXPECT_EQ(stat_of(tmp / "tree").st_mode & 07777U, 0711U);
  const auto su = stat_of(tmp / "tree/bin/su");
  EXPECT_EQ(su.st_mode & 07777U, 04755U);
  EXPECT_EQ(su.st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(su.st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(su.st_nlink, 2U);
  EXPECT_EQ(su.st_ino, stat_of(tmp / "tree/bin/twin").st_ino);
  std::array<char, 16> note{};
  EXPECT_EQ(::getxattr((tmp / "tree/bin/su").c_str(), "user.note", note.data(), note.size()), 5);
  EXPECT_EQ(std::string_view(note.data(), 5), "a=b\nc");
  EXPECT_EQ(std::filesystem::read_symlink(tmp / "tree/bin/sh"), "su");
  EXPECT_TRUE(S_ISFIFO(stat_of(tmp / "tree/pipe").st_mode));
  EXPECT_EQ(stat_of(tmp / "tree/pipe").st_mode & 07777U, 0622U);
  EXPECT_EQ(read_file(tmp / ("tree/bin/" + std::string(180, 'n'))), "long name");
  EXPECT_EQ(stat_of(tmp / "tree/bin").st_mtim.tv_sec, 1'700'000'000) << "set after the directory was filled";
}

TEST(layer, owners_and_capabilities_are_kept) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  const std::string cap_net_raw{"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20};
  (void)unpack(raw_tar{}
                   .pax({{"SCHILY.xattr.security.capability", cap_net_raw}, {"uid", "3000000"}})
                   .add({.name = "ping", .mode = 06755, .gid = 7}, "p")
                   .add({.name = "link", .type = '2', .link = "ping", .uid = 5, .gid = 6})
                   .end(),
               dir.get());
  const auto ping = stat_of(tmp / "tree/ping");
  EXPECT_EQ(ping.st_uid, 3'000'000U);
  EXPECT_EQ(ping.st_gid, 7U);
  EXPECT_EQ(ping.st_mode & 07777U, 06755U) << "after chown, which clears these";
  std::array<char, 64> value{};
  EXPECT_EQ(::getxattr((tmp / "tree/ping").c_str(), "security.capability", value.data(), value.size()), 20);
  EXPECT_EQ(stat_of(tmp / "tree/link").st_uid, 5U);
  EXPECT_EQ(pack(dir.get(), tree_form::overlay).find("trusted."), std::string::npos);
}

TEST(layer, names_are_bytes) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  const std::string latin = "caf\xe9", decomposed = "e\xcc\x81", composed = "\xc3\xa9";
  (void)unpack(raw_tar{}
                   .file("first")
                   .pax({{"path", latin}})
                   .file("a", "1")
                   .pax({{"path", decomposed}})
                   .file("b", "2")
                   .file(composed, "3")
                   .pax({{"linkpath", latin}})
                   .hardlink("d", "x")
                   .end(),
               dir.get());
  EXPECT_EQ(read_file(tmp / "tree" / latin), "1");
  EXPECT_EQ(read_file(tmp / "tree" / decomposed), "2") << "a composed accent is another name";
  EXPECT_EQ(read_file(tmp / "tree" / composed), "3");
  EXPECT_EQ(read_file(tmp / "tree/d"), "1");
  EXPECT_EQ(testing::describe(tmp / "tree").size(), 5U);
}

TEST(layer, later_entries_win) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  (void)unpack(raw_tar{}
                   .file("a", "old")
                   .hardlink("kept", "a")
                   .file("a", "new")
                   .dir("d")
                   .file("d/inner")
                   .file("d", "a file now")
                   .symlink("s", "a")
                   .dir("s")
                   .end(),
               dir.get());
  EXPECT_EQ(read_file(tmp / "tree/a"), "new");
  EXPECT_EQ(read_file(tmp / "tree/kept"), "old") << "never written through a link";
  EXPECT_EQ(read_file(tmp / "tree/d"), "a file now");
  EXPECT_TRUE(S_ISDIR(stat_of(tmp / "tree/s").st_mode));
  EXPECT_TRUE(is_opaque(tmp / "tree/s")) << "the link had hidden what is below";
}

TEST(layer, whiteouts_take_overlayfs_form) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  const auto applied = unpack(raw_tar{}
                                  .file(".wh.gone", "")
                                  .dir("d")
                                  .file("d/.wh..wh..opq", "")
                                  .file("d/kept", "k")
                                  .file("e/.wh.missing", "")
                                  .file(".wh..wh.plnk", "")
                                  .file(".wh.back", "")
                                  .dir("back")
                                  .dir("first")
                                  .file(".wh.first", "")
                                  .file("file", "f")
                                  .file(".wh.file", "")
                                  .end(),
                              dir.get());
  EXPECT_TRUE(is_whiteout(tmp / "tree/gone"));
  EXPECT_TRUE(is_opaque(tmp / "tree/d"));
  EXPECT_EQ(read_file(tmp / "tree/d/kept"), "k");
  EXPECT_TRUE(is_whiteout(tmp / "tree/e/missing"));
  EXPECT_EQ(applied.implied_dirs, std::vector<std::string>{"e"});
  EXPECT_EQ(stat_of(tmp / "tree/.wh..wh.plnk").st_nlink, 0U);
  // In either order a directory of the same layer stays and hides what was below.
  EXPECT_TRUE(is_opaque(tmp / "tree/back"));
  EXPECT_TRUE(is_opaque(tmp / "tree/first"));
  EXPECT_EQ(read_file(tmp / "tree/file"), "f") << "a whiteout hides only what is below its layer";
}

TEST(layer, links_and_parents_below_are_settled) {
  const testing::scratch tmp;
  const auto base = tmp.directory("base"), middle = tmp.directory("middle"), top = tmp.directory("top");
  (void)unpack(raw_tar{}
                   .dir("etc", 0700)
                   .add({.name = "etc/conf", .mode = 0640}, "from the base")
                   .file("etc/hidden")
                   .symlink("etc/link", "conf")
                   .end(),
               base.get());
  (void)unpack(raw_tar{}.file("etc/.wh.hidden", "").end(), middle.get(), std::array{base.get()});
  EXPECT_EQ(stat_of(tmp / "middle/etc").st_mode & 07777U, 0700U) << "a parent that no entry names keeps its mode";
  EXPECT_EQ(stat_of(tmp / "middle/etc").st_mtim.tv_sec, 1'700'000'000);
  const std::array below{middle.get(), base.get()};
  (void)unpack(raw_tar{}.hardlink("one", "etc/conf").hardlink("two", "etc/conf").hardlink("soft", "etc/link").end(),
               top.get(), below);
  EXPECT_EQ(read_file(tmp / "top/one"), "from the base");
  EXPECT_EQ(stat_of(tmp / "top/one").st_mode & 07777U, 0640U);
  EXPECT_EQ(stat_of(tmp / "top/one").st_ino, stat_of(tmp / "top/two").st_ino);
  EXPECT_EQ(std::filesystem::read_symlink(tmp / "top/soft"), "conf");
  EXPECT_EQ(stat_of(tmp / "base/etc/conf").st_nlink, 1U) << "the layer below never changes";
  const auto other = tmp.directory("other");
  EXPECT_THROW((void)unpack(raw_tar{}.hardlink("h", "etc/hidden").end(), other.get(), below), error);
}

TEST(layer, opaque_root_hides_everything_below) {
  const testing::scratch tmp;
  const auto base = tmp.directory("base"), top = tmp.directory("top");
  (void)unpack(raw_tar{}.file("old").dir("both").file("both/old").end(), base.get());
  (void)unpack(raw_tar{}.file(".wh..wh..opq", "").dir("both").file("new").end(), top.get(), std::array{base.get()});
  EXPECT_TRUE(is_whiteout(tmp / "top/old"));
  EXPECT_TRUE(is_opaque(tmp / "top/both"));
  EXPECT_EQ(read_file(tmp / "top/new"), "x");
}

TEST(layer, sparse_files_keep_their_holes) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree");
  const std::string map = "2\n1048576\n512\n8388608\n0\n";  // 512 bytes at 1 MiB, the end at 8 MiB
  std::string body = map + std::string(512 - map.size(), '\0') + std::string(512, 'd');
  const auto applied = unpack(raw_tar{}
                                  .pax({{"GNU.sparse.major", "1"},
                                        {"GNU.sparse.minor", "0"},
                                        {"GNU.sparse.name", "sparse"},
                                        {"GNU.sparse.realsize", "8388608"}})
                                  .add({.name = "GNUSparseFile.0/sparse"}, body)
                                  .end(),
                              dir.get());
  EXPECT_EQ(applied.file_bytes, 8'388'608U);
  const auto st = stat_of(tmp / "tree/sparse");
  EXPECT_EQ(st.st_size, 8'388'608);
  EXPECT_LT(st.st_blocks, 128);
  const auto text = read_file(tmp / "tree/sparse");
  EXPECT_EQ(text[1'048'575], '\0');
  EXPECT_EQ(text[1'048'576], 'd');
}

TEST(layer, pack_and_unpack_are_inverse) {
  const testing::scratch tmp;
  const auto first = tmp.directory("first"), second = tmp.directory("second");
  raw_tar t;
  t.dir("a", 0750).dir("a/b").file("a/b/f", std::string(3000, 'f')).hardlink("a/z", "a/b/f").symlink("l", "a/b");
  t.file(".wh.gone", "").dir("o").file("o/.wh..wh..opq", "").add({.name = "p", .type = '6'});
  t.pax({{"path", std::string(300, 'n').insert(150, "/")}, {"mtime", "1500000000.000000001"}}).file("x", "long");
  t.pax({{"path", "caf\xe9"}, {"SCHILY.xattr.user.b", "2"}, {"SCHILY.xattr.user.a", "1"}}).file("x", "latin");
  (void)unpack(t.end(), first.get());
  const auto packed = pack(first.get(), tree_form::overlay);
  (void)unpack(packed, second.get());
  EXPECT_EQ(testing::describe(tmp / "second"), testing::describe(tmp / "first"));
  EXPECT_TRUE(is_opaque(tmp / "second/o"));
  EXPECT_EQ(pack(second.get(), tree_form::overlay), packed) << "the same files are the same bytes";
  EXPECT_EQ(packed, pack(first.get(), tree_form::overlay));
}

TEST(layer, a_plain_directory_has_no_whiteouts) {
  const testing::scratch tmp;
  const auto dir = tmp.directory("tree"), copy = tmp.directory("copy");
  testing::write_file(tmp / "tree/.wh.x", "");
  EXPECT_THROW((void)pack(dir.get(), tree_form::plain), error);
  std::filesystem::remove(tmp / "tree/.wh.x");
  ASSERT_EQ(::mknodat(dir.get(), "device", S_IFCHR, 0), 0);
  (void)unpack(pack(dir.get(), tree_form::plain), copy.get());
  EXPECT_EQ(stat_of(tmp / "copy/device").st_nlink, 0U);
}

}  // namespace
}  // namespace contain::storage
