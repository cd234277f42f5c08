// Images from and to files, their names, and their removal; checked with skopeo and umoci where those are installed.
#include "contain/image.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "contain/container.hpp"
#include "contain/core/error.hpp"
#include "contain/engine.hpp"
#include "unit/storage/raw_tar.hpp"
#include "unit/storage/scratch.hpp"

namespace contain {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::raw_tar;

class image_test : public ::testing::Test {
 protected:
  testing::scratch tmp_;
  engine engine_{{.root = tmp_ / "store", .log = {}}};

  /// A root file system with something of everything.
  fs::path rootfs() {
    const auto root = tmp_ / "rootfs";
    fs::create_directories(root / "bin");
    testing::write_file(root / "bin/tool", std::string(50'000, 't'));
    fs::permissions(root / "bin/tool", fs::perms{0755});
    fs::create_symlink("tool", root / "bin/alias");
    fs::create_hard_link(root / "bin/tool", root / "bin/twin");
    return root;
  }
  image import(const std::string& tar, std::string_view tag = {}, std::span<const std::string> changes = {},
               engine* in = nullptr) {
    testing::write_file(tmp_ / "import.tar", tar);
    const sys::unique_fd fd{::open((tmp_ / "import.tar").c_str(), O_RDONLY | O_CLOEXEC)};
    return image::from_tar(in == nullptr ? engine_ : *in, fd.get(), tag, {}, changes);
  }
  fs::path save(std::vector<std::string> names, image::archive_format format, std::string_view to = "saved.tar") {
    const auto path = tmp_ / to;
    const sys::unique_fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    image::save(engine_, names, fd.get(), format);
    return path;
  }
  [[nodiscard]] std::size_t count(std::string_view below) const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& e : fs::directory_iterator{tmp_ / "store" / below}) ++n;
    return n;
  }
  static errc code_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const error& e) {
      return e.code();
    }
    return errc{};
  }
  /// Runs a line for the shell with $T as the scratch directory.
  bool shell(const std::string& line) const {
    return std::system(("T='" + tmp_.path().string() + "'; { " + line + "; } >\"$T/shell.log\" 2>&1").c_str()) == 0;
  }
  static bool has_program(const char* name) {
    return std::system((std::string{"command -v "} + name + " >/dev/null 2>&1").c_str()) == 0;
  }
};

TEST_F(image_test, hello_world_needs_no_registry) {
  const auto hello = image::ensure(engine_, "hello-world");
  EXPECT_EQ(hello.id(), image::hello_world(engine_).id());
  engine other{{.root = tmp_ / "other", .log = {}}};
  EXPECT_EQ(image::hello_world(other).id(), hello.id()) << "the same on every store";
  const auto info = hello.info();
  EXPECT_EQ(info.tags, std::vector<std::string>{"hello-world:latest"});
  EXPECT_EQ(info.os, "linux");
  EXPECT_LT(info.size_bytes, 10'000U);
  EXPECT_EQ(json::parse(hello.config_json()).at("config").at("Cmd"), json::array({"/hello"}));
  EXPECT_EQ(hello.history().size(), 2U);
  EXPECT_EQ(hello.history().front().image_id, hello.id());
  (void)import(raw_tar{}.file("f").end(), "hello-world");
  EXPECT_EQ(image::hello_world(engine_).id(), hello.id());
  EXPECT_NE(image::open(engine_, "hello-world").id(), hello.id()) << "a name that the user gave away is not taken back";
}

TEST_F(image_test, the_same_directory_is_the_same_image) {
  const auto root = rootfs();
  const auto first = image::from_directory(engine_, root, "tools:1");
  const auto again = image::from_directory(engine_, root, "tools:2");
  EXPECT_EQ(first.id(), again.id());
  EXPECT_EQ(first.info().tags, (std::vector<std::string>{"tools:1", "tools:2"}));
  EXPECT_EQ(first.info().size_bytes, 50'000U) << "a hard link is counted once";
  ASSERT_EQ(first.layers().size(), 1U);
  EXPECT_EQ(count("layers"), 1U);
  testing::write_file(tmp_ / "rootfs/new", "n");
  EXPECT_NE(image::from_directory(engine_, root).id(), first.id());
  EXPECT_EQ(code_of([&] { (void)image::from_directory(engine_, tmp_ / "missing"); }), errc::invalid);
}

TEST_F(image_test, import_takes_any_packing_and_changes) {
  const auto tar = raw_tar{}.dir("etc").file("etc/motd", "hi").end();
  const std::vector<std::string> changes{"CMD [\"/bin/tool\", \"-v\"]",
                                         "entrypoint /init --x",
                                         "ENV A=1 B=\"two words\"",
                                         "ENV A 2",
                                         "LABEL k=v",
                                         "EXPOSE 80 53/udp",
                                         "USER 1000:1000",
                                         "WORKDIR /srv",
                                         "WORKDIR data",
                                         "VOLUME [\"/v\"]",
                                         "STOPSIGNAL SIGINT"};
  const auto plain = import(tar, "imported", changes);
  for (const auto& packed : {testing::gzip(tar), testing::zstd(tar)})
    EXPECT_EQ(import(packed).layers(), plain.layers());
  const auto config = json::parse(plain.inspect_json()).at("Config");
  EXPECT_EQ(config.at("Cmd"), json::array({"/bin/tool", "-v"}));
  EXPECT_EQ(config.at("Entrypoint"), json::array({"/bin/sh", "-c", "/init --x"}));
  EXPECT_EQ(config.at("Env"), json::array({"A=2", "B=two words"}));
  EXPECT_EQ(config.at("Labels"), json({{"k", "v"}}));
  EXPECT_TRUE(config.at("ExposedPorts").contains("80/tcp") && config.at("ExposedPorts").contains("53/udp"));
  EXPECT_EQ(config.at("User"), "1000:1000");
  EXPECT_EQ(config.at("WorkingDir"), "/srv/data");
  EXPECT_TRUE(config.at("Volumes").contains("/v"));
  EXPECT_EQ(config.at("StopSignal"), "SIGINT");
  for (const char* bad : {"RUN true", "EXPOSE x", "ENV", "ENV A", "LABEL \"open", "STOPSIGNAL NONE"})
    EXPECT_EQ(code_of([&] { (void)import(tar, {}, std::array{std::string{bad}}); }), errc::invalid) << bad;
}

TEST_F(image_test, a_refused_import_leaves_nothing) {
  const auto tar = raw_tar{}.file("fine", std::string(5000, 'f')).file("../escape").end();
  EXPECT_EQ(code_of([&] { (void)import(tar, "bad"); }), errc::corrupt);
  EXPECT_EQ(code_of([&] { (void)import(testing::gzip(tar).substr(0, 60), "bad"); }), errc::corrupt);
  EXPECT_EQ(count("blobs/sha256"), 0U);
  EXPECT_EQ(count("layers"), 0U);
  EXPECT_TRUE(engine_.images().empty());
  EXPECT_EQ(code_of([&] { (void)image::open(engine_, "bad"); }), errc::image_not_found);
}

TEST_F(image_test, archives_load_as_they_were_saved) {
  const auto tools = image::from_directory(engine_, rootfs(), "tools:1");
  const auto packed = import(testing::gzip(raw_tar{}.file("f").end()), "registry.example:5000/team/packed:v2");
  for (const auto format : {image::archive_format::docker_archive, image::archive_format::oci_layout}) {
    const std::vector<std::string> names{"tools:1", "registry.example:5000/team/packed:v2"};
    const auto path = save(names, format);
    EXPECT_EQ(testing::read_file(path), testing::read_file(save(names, format, "again.tar"))) << "reproducible";
    const auto root = tmp_ / ("other" + std::to_string(static_cast<int>(format)));
    engine other{{.root = root, .log = {}}};
    const auto loaded = image::load(other, path);
    ASSERT_EQ(loaded.size(), 2U);
    EXPECT_EQ(loaded[0].id(), tools.id());
    EXPECT_EQ(loaded[1].id(), packed.id());
    EXPECT_EQ(loaded[0].info().tags, std::vector<std::string>{"tools:1"});
    EXPECT_EQ(loaded[1].info().tags, std::vector<std::string>{"registry.example:5000/team/packed:v2"});
    EXPECT_EQ(image::load(other, path).size(), 2U) << "again is no error";
    EXPECT_EQ(other.images().size(), 2U);
  }
}

TEST_F(image_test, load_reads_pipes_and_packed_archives_and_directories) {
  const auto tools = image::from_directory(engine_, rootfs(), "tools:1");
  const auto archive = testing::read_file(save({"tools:1"}, image::archive_format::docker_archive));
  engine other{{.root = tmp_ / "other", .log = {}}};
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  sys::unique_fd reader{ends[0]};
  std::thread writer{[fd = sys::unique_fd{ends[1]}, packed = testing::zstd(archive)] {
    std::string_view rest{packed};
    while (!rest.empty()) {
      const auto n = ::write(fd.get(), rest.data(), std::min<std::size_t>(rest.size(), 777));
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }};
  const auto loaded = image::load(other, reader.get());
  writer.join();
  ASSERT_EQ(loaded.size(), 1U);
  EXPECT_EQ(loaded[0].id(), tools.id());

  fs::create_directories(tmp_ / "layout");
  (void)save({tools.id()}, image::archive_format::oci_layout, "layout.tar");
  ASSERT_TRUE(shell("tar -C $T/layout -xf $T/layout.tar"));
  engine third{{.root = tmp_ / "third", .log = {}}};
  const auto untagged = image::load(third, tmp_ / "layout");
  ASSERT_EQ(untagged.size(), 1U);
  EXPECT_EQ(untagged[0].id(), tools.id());
  EXPECT_TRUE(untagged[0].info().tags.empty()) << "saved by its id";
}

TEST_F(image_test, damaged_archives_leave_nothing) {
  (void)image::from_directory(engine_, rootfs(), "tools:1");
  const auto whole = testing::read_file(save({"tools:1"}, image::archive_format::oci_layout));
  engine other{{.root = tmp_ / "other", .log = {}}};
  const auto refusal = [&](const std::string& bytes) {
    testing::write_file(tmp_ / "damaged.tar", bytes);
    const auto code = code_of([&] { (void)image::load(other, tmp_ / "damaged.tar"); });
    EXPECT_TRUE(other.images().empty());
    EXPECT_TRUE(fs::is_empty(tmp_ / "other/layers"));
    return code;
  };
  EXPECT_EQ(refusal(whole.substr(0, whole.size() / 2)), errc::corrupt);
  auto changed = whole;
  changed[changed.find(std::string(600, 't')) + 100] = 'u';
  EXPECT_EQ(refusal(changed), errc::digest_mismatch);
  EXPECT_EQ(refusal(raw_tar{}.file("file").end()), errc::corrupt);
  EXPECT_EQ(refusal(raw_tar{}.file("manifest.json", R"([{"Config":"../../etc/passwd","Layers":[]}])").end()),
            errc::corrupt);
  EXPECT_EQ(refusal(raw_tar{}.symlink("manifest.json", "/etc/passwd").end()), errc::corrupt);
}

TEST_F(image_test, names_find_images) {
  const auto tools = image::from_directory(engine_, rootfs(), "tools");
  tools.tag("registry.example/other:x");
  for (const auto& name : {std::string{"tools"}, std::string{"tools:latest"}, std::string{"docker.io/library/tools"},
                           std::string{"registry.example/other:x"}, tools.id(), tools.id().substr(7),
                           tools.id().substr(7, 12), tools.id().substr(0, 15)})
    EXPECT_EQ(image::open(engine_, name).id(), tools.id()) << name;
  EXPECT_EQ(code_of([&] { (void)image::open(engine_, "tools:2"); }), errc::image_not_found);
  EXPECT_EQ(code_of([&] { (void)image::open(engine_, "No/Such"); }), errc::invalid);
  EXPECT_EQ(code_of([&] { tools.tag("x@" + tools.id()); }), errc::invalid);
}

TEST_F(image_test, removal_takes_names_first) {
  const auto tools = image::from_directory(engine_, rootfs(), "tools:1");
  tools.tag("tools:2");
  EXPECT_EQ(code_of([&] { (void)image::remove(engine_, tools.id()); }), errc::image_in_use) << "two tags";
  const auto first = image::remove(engine_, "tools:1");
  EXPECT_EQ(first.untagged, std::vector<std::string>{"tools:1"});
  EXPECT_TRUE(first.deleted.empty());
  const auto last = image::remove(engine_, "tools:2");
  EXPECT_EQ(last.untagged, std::vector<std::string>{"tools:2"});
  ASSERT_EQ(last.deleted.size(), 2U) << "the image and its layer";
  EXPECT_EQ(last.deleted[0], tools.id());
  EXPECT_EQ(count("layers"), 0U);
  EXPECT_EQ(count("blobs/sha256"), 0U);
  EXPECT_EQ(code_of([&] { (void)image::remove(engine_, "tools:2"); }), errc::image_not_found);
}

TEST_F(image_test, users_keep_an_image) {
  const auto tools = image::from_directory(engine_, rootfs(), "tools:1");
  container_options options;
  options.image = "tools:1";
  options.command = {"/bin/tool"};
  const auto user = container::create(engine_, options);
  EXPECT_EQ(code_of([&] { (void)image::remove(engine_, "tools:1"); }), errc::image_in_use);
  EXPECT_TRUE(engine_.prune_images(true).deleted.empty());
  EXPECT_EQ(image::open(engine_, "tools:1").id(), tools.id()) << "a refused removal takes no name";
  remove_options force;
  force.force = true;
  EXPECT_EQ(image::remove(engine_, "tools:1", force).deleted, std::vector<std::string>{tools.id()});
  EXPECT_EQ(count("layers"), 1U) << "the container still has its layers";
}

TEST_F(image_test, prune_takes_dangling_images) {
  const auto old = import(raw_tar{}.file("old").end(), "app");
  const auto current = import(raw_tar{}.file("new").end(), "app");
  EXPECT_TRUE(old.info().tags.empty()) << "the tag has moved";
  EXPECT_EQ(engine_.images().size(), 2U);
  const auto pruned = engine_.prune_images();
  EXPECT_EQ(pruned.deleted, std::vector<std::string>{old.id()});
  EXPECT_GT(pruned.reclaimed_bytes, 0U);
  EXPECT_EQ(engine_.prune_images(true).deleted, (std::vector<std::string>{"app:latest", current.id()}));
  EXPECT_EQ(count("layers"), 0U);
}

TEST_F(image_test, concurrent_additions_share_their_layers) {
  std::vector<std::jthread> threads;
  const auto root = rootfs();
  for (int i = 0; i != 6; ++i)
    threads.emplace_back([&, i] { (void)image::from_directory(engine_, root, "tools:" + std::to_string(i)); });
  threads.clear();
  EXPECT_EQ(engine_.images().size(), 1U);
  EXPECT_EQ(engine_.images()[0].tags.size(), 6U);
  EXPECT_EQ(count("layers"), 1U);
}

TEST_F(image_test, skopeo_and_umoci_agree) {
  if (!has_program("skopeo") || !has_program("umoci")) GTEST_SKIP() << "needs skopeo and umoci";
  const auto tools = image::from_directory(engine_, rootfs(), "tools:1");
  (void)save({"tools:1"}, image::archive_format::docker_archive, "docker.tar");
  (void)save({"tools:1"}, image::archive_format::oci_layout, "oci.tar");
  const auto log = [&] { return testing::read_file(tmp_ / "shell.log"); };
  // Ours in theirs: both read every digest.
  ASSERT_TRUE(shell("skopeo --insecure-policy copy docker-archive:$T/docker.tar oci:$T/from-docker:1")) << log();
  ASSERT_TRUE(shell("skopeo --insecure-policy copy oci-archive:$T/oci.tar oci:$T/from-oci:1")) << log();
  ASSERT_TRUE(shell("umoci unpack --image $T/from-oci:1 $T/bundle")) << log();
  EXPECT_EQ(testing::stat_of(tmp_ / "bundle/rootfs/bin/twin").st_nlink, 2U);
  EXPECT_EQ(testing::read_file(tmp_ / "bundle/rootfs/bin/tool"), std::string(50'000, 't'));
  // Theirs in ours, after they have packed the layers anew.
  ASSERT_TRUE(shell("skopeo --insecure-policy copy oci:$T/from-oci:1 docker-archive:$T/theirs.tar:tools:3")) << log();
  ASSERT_TRUE(shell("umoci config --image $T/from-docker:1 --config.user 12")) << log();
  engine other{{.root = tmp_ / "other", .log = {}}};
  const auto archived = image::load(other, tmp_ / "theirs.tar");
  ASSERT_EQ(archived.size(), 1U);
  EXPECT_EQ(archived[0].layers(), tools.layers());
  EXPECT_EQ(archived[0].info().tags, std::vector<std::string>{"tools:3"});
  const auto layout = image::load(other, tmp_ / "from-docker");
  ASSERT_EQ(layout.size(), 1U);
  EXPECT_EQ(json::parse(layout[0].config_json()).at("config").at("User"), "12");
  EXPECT_EQ(layout[0].layers(), tools.layers());
}

}  // namespace
}  // namespace contain
