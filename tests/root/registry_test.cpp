// image::pull against Debian's docker-registry in every configuration, and against a registry that misbehaves.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "contain/core/error.hpp"
#include "contain/engine.hpp"
#include "contain/image.hpp"
#include "contain/oci/platform.hpp"
#include "contain/sys/fd.hpp"

namespace contain {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;

/// tests/support/registry_farm.py for the life of this object.
class registry_farm {
 public:
  registry_farm() {
    const auto program = (fs::path{__FILE__}.parent_path().parent_path() / "support/registry_farm.py").string();
    std::array<int, 2> in{}, out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) return;
    sys::unique_fd child_in{in[0]}, child_out{out[1]};
    to_.reset(in[1]);
    from_ = ::fdopen(out[0], "r");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, child_in.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, child_out.get(), 1);
    const char* argv[] = {"python3", program.c_str(), nullptr};
    (void)::posix_spawnp(&pid_, argv[0], &actions, nullptr, const_cast<char**>(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    child_out.reset();
    where_ = read_line();
  }
  ~registry_farm() {
    to_.reset();
    if (from_ != nullptr) (void)std::fclose(from_);
    if (pid_ > 0) (void)::waitpid(pid_, nullptr, 0);
  }
  registry_farm(const registry_farm&) = delete;
  registry_farm& operator=(const registry_farm&) = delete;

  [[nodiscard]] bool ready() const { return where_.is_object(); }
  [[nodiscard]] std::string at(const char* name) const { return where_.at(name).get<std::string>(); }
  /// Every request to the hostile registry and its trap so far.
  [[nodiscard]] json log() {
    (void)!::write(to_.get(), "log\n", 4);
    return read_line();
  }

 private:
  json read_line() {
    std::string line;
    for (int c = 0; (c = std::fgetc(from_)) != EOF && c != '\n';) line += static_cast<char>(c);
    return json::parse(line, nullptr, false);
  }
  sys::unique_fd to_;
  FILE* from_ = nullptr;
  pid_t pid_ = -1;
  json where_;
};

class registry : public testing::Test {
 protected:
  static void SetUpTestSuite() { farm = std::make_unique<registry_farm>(); }
  static void TearDownTestSuite() { farm.reset(); }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: a store with ids of its own";
    if (!farm->ready()) GTEST_SKIP() << "needs docker-registry, skopeo and openssl";
    std::string name = (fs::temp_directory_path() / "contain-registry-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    options_.root = directory_ / "store";
    store_ = std::make_unique<engine>(options_);
  }
  void TearDown() override {
    store_.reset();
    std::error_code ignored;
    if (!directory_.empty()) fs::remove_all(directory_, ignored);
  }

  [[nodiscard]] static std::string at(const char* registry_name, const char* image_name = "app:latest") {
    return farm->at(registry_name) + "/" + image_name;
  }
  [[nodiscard]] static std::string bad(const char* repository) { return farm->at("hostile") + "/" + repository; }
  [[nodiscard]] static credentials tester() { return {farm->at("user"), farm->at("password"), ""}; }
  image pull(const std::string& reference, const pull_options& options = {}) {
    return image::pull(*store_, reference, options);
  }
  /// The error of a pull that must fail, and that nothing was kept.
  error failure(const std::string& reference, const pull_options& options = {}) {
    try {
      (void)pull(reference, options);
    } catch (const error& e) {
      EXPECT_TRUE(store_->images().empty()) << "an image was kept";
      EXPECT_EQ(files_below("blobs"), 0U) << "blobs were kept";
      EXPECT_EQ(files_below("staging"), 0U) << "staged files were kept";
      EXPECT_NE(std::string{e.what()}.find("while pulling"), std::string::npos) << e.what();
      return e;
    }
    ADD_FAILURE() << reference << " was pulled";
    return error{errc::kernel, "pull"};
  }
  [[nodiscard]] std::size_t files_below(const char* folder) const {
    std::size_t count = 0;
    std::error_code none;
    for (auto it = fs::recursive_directory_iterator{options_.root / folder, none};
         it != fs::recursive_directory_iterator{}; ++it)
      if (it->is_regular_file()) ++count;
    return count;
  }

  static std::unique_ptr<registry_farm> farm;
  fs::path directory_;
  engine_options options_;
  std::unique_ptr<engine> store_;
};
std::unique_ptr<registry_farm> registry::farm;

TEST_F(registry, anonymous_pull) {
  const auto pulled = pull(at("plain"));
  const auto info = pulled.info();
  EXPECT_EQ(info.tags, std::vector<std::string>{at("plain")});
  ASSERT_EQ(info.repo_digests.size(), 1U);
  EXPECT_TRUE(info.repo_digests[0].starts_with(farm->at("plain") + "/app@sha256:")) << info.repo_digests[0];
  EXPECT_EQ(pulled.layers().size(), 3U);
  EXPECT_EQ(json::parse(pulled.config_json()).at("config").at("Cmd").at(0), "/app/two");
  EXPECT_EQ(image::open(*store_, at("plain")).id(), pulled.id());
  EXPECT_EQ(files_below("staging"), 0U);
}

TEST_F(registry, default_tag_and_digest) {
  const auto by_tag = pull(farm->at("plain") + "/app");
  EXPECT_EQ(by_tag.info().tags, std::vector<std::string>{at("plain")});
  const auto digest = by_tag.info().repo_digests.at(0);
  const auto by_digest = pull(digest);
  EXPECT_EQ(by_digest.id(), by_tag.id());
  EXPECT_EQ(image::open(*store_, digest).id(), by_tag.id());
}

TEST_F(registry, layers_that_are_here_are_not_fetched_again) {
  (void)pull(at("plain"));
  std::map<transfer_progress::phase, int> phases;
  pull_options options;
  options.progress = [&](const transfer_progress& p) { ++phases[p.at]; };
  const auto second = pull(at("plain", "app:v2"), options);
  EXPECT_EQ(phases[transfer_progress::phase::exists], 2);
  EXPECT_EQ(phases[transfer_progress::phase::verified], 1);
  phases.clear();
  (void)pull(at("plain", "app:v2"), options);
  EXPECT_EQ(phases[transfer_progress::phase::exists], 3);
  EXPECT_EQ(phases[transfer_progress::phase::downloading], 0);
  EXPECT_EQ(store_->images().size(), 2U);
}

TEST_F(registry, progress_comes_on_the_calling_thread_in_order) {
  using phase = transfer_progress::phase;
  std::map<std::string, std::vector<transfer_progress>> seen;
  std::set<std::thread::id> threads;
  pull_options options;
  options.progress = [&](const transfer_progress& p) {
    seen[p.digest].push_back(p);
    threads.insert(std::this_thread::get_id());
  };
  (void)pull(at("plain"), options);
  EXPECT_EQ(threads, std::set<std::thread::id>{std::this_thread::get_id()});
  EXPECT_EQ(seen.size(), 4U) << "three layers and the image";
  EXPECT_EQ(seen[""].front().at, phase::resolving);
  EXPECT_EQ(seen[""].back().at, phase::done);
  for (const auto& [digest, steps] : seen) {
    if (digest.empty()) continue;
    EXPECT_EQ(steps.front().at, phase::waiting);
    EXPECT_EQ(steps.back().at, phase::done);
    EXPECT_EQ(steps.back().current_bytes, steps.back().total_bytes);
    EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.at < b.at; }));
  }
}

TEST_F(registry, throwing_progress_ends_the_pull) {
  pull_options options;
  options.progress = [](const transfer_progress& p) {
    if (p.at == transfer_progress::phase::downloading) throw std::runtime_error{"enough"};
  };
  EXPECT_THROW((void)pull(at("plain"), options), std::runtime_error);
  EXPECT_TRUE(store_->images().empty());
  EXPECT_EQ(files_below("staging"), 0U);
}

TEST_F(registry, basic_authentication) {
  const auto e = failure(at("basic"));
  EXPECT_EQ(e.code(), errc::auth);
  EXPECT_NE(e.detail().find("401"), std::string::npos) << e.detail();
  EXPECT_NE(e.hint().find("login " + farm->at("basic")), std::string::npos) << e.hint();
  pull_options options;
  options.auth = credentials{farm->at("user"), "wrong", ""};
  EXPECT_EQ(failure(at("basic"), options).code(), errc::auth);
  options.auth = tester();
  EXPECT_EQ(pull(at("basic"), options).layers().size(), 3U);
}

TEST_F(registry, credentials_from_a_docker_config) {
  const auto file = directory_ / "config.json";
  std::ofstream{file} << R"({"auths":{")" << farm->at("basic") << R"(":{"auth":"dGVzdGVyOnBhc3M6d29yZA=="}}})";
  pull_options options;
  options.auth_file = file;
  EXPECT_EQ(pull(at("basic"), options).layers().size(), 3U);
  options.auth_file = directory_ / "none.json";
  EXPECT_THROW((void)pull(at("basic"), options), error);
}

TEST_F(registry, bearer_token) {
  EXPECT_EQ(failure(at("token")).code(), errc::auth);
  pull_options options;
  options.auth = credentials{farm->at("user"), "wrong", ""};
  const auto e = failure(at("token"), options);
  EXPECT_EQ(e.code(), errc::auth);
  EXPECT_NE(std::string{e.what()}.find("tester"), std::string::npos) << e.what();
  options.auth = tester();
  EXPECT_EQ(pull(at("token"), options).layers().size(), 3U);
}

TEST_F(registry, identity_token) {
  pull_options options;
  options.auth = credentials{"", "", farm->at("refresh_token")};
  EXPECT_EQ(pull(at("token"), options).layers().size(), 3U);
}

TEST_F(registry, tls_with_an_own_ca) {
  const auto e = failure(at("tls"));
  EXPECT_EQ(e.code(), errc::registry_unreachable);
  EXPECT_NE(e.hint().find("--ca-file"), std::string::npos) << e.hint();
  pull_options options;
  options.ca_file = farm->at("ca");
  EXPECT_EQ(pull(at("tls"), options).layers().size(), 3U);
}

TEST_F(registry, tls_with_a_wrong_ca_is_refused) {
  pull_options options;
  for (const auto& entry : fs::directory_iterator{"/usr/share/ca-certificates/mozilla"}) {
    options.ca_file = entry.path();
    break;
  }
  EXPECT_EQ(failure(at("tls"), options).code(), errc::registry_unreachable);
  options.ca_file = directory_ / "none.pem";
  EXPECT_EQ(failure(at("tls"), options).code(), errc::invalid);
}

TEST_F(registry, tls_without_verification_only_when_asked) {
  pull_options options;
  options.insecure_tls = true;
  EXPECT_EQ(pull(at("tls"), options).layers().size(), 3U);
}

TEST_F(registry, plain_http_beyond_loopback_is_refused) {
  if (farm->at("open").empty()) GTEST_SKIP() << "this machine has no address but loopback";
  pull_options options;
  options.insecure_tls = true;
  EXPECT_EQ(failure(at("open"), options).code(), errc::registry_unreachable);
}

TEST_F(registry, platform_from_an_index) {
  const auto architecture = [](const image& i) {
    return json::parse(i.config_json()).at("architecture").get<std::string>();
  };
  EXPECT_EQ(architecture(pull(at("plain", "multi"))), oci::host_platform().architecture);
  pull_options options;
  options.platform = "linux/arm64/v8";
  const auto arm = pull(at("plain", "multi"), options);
  EXPECT_EQ(architecture(arm), "arm64");
  EXPECT_EQ(arm.info().variant, "");
  options.platform = "linux/arm/v7";
  EXPECT_EQ(pull(at("plain", "multi"), options).info().variant, "v7");
}

TEST_F(registry, platform_that_is_not_there_lists_those_that_are) {
  pull_options options;
  options.platform = "linux/s390x";
  const auto e = failure(at("plain", "multi"), options);
  EXPECT_EQ(e.code(), errc::platform_mismatch);
  EXPECT_NE(e.detail().find("linux/amd64, linux/arm64, linux/arm/v7"), std::string::npos) << e.detail();
  EXPECT_NE(e.hint().find("--platform linux/amd64"), std::string::npos) << e.hint();
  EXPECT_EQ(failure(at("plain"), options).code(), errc::platform_mismatch) << "an image of one platform";
}

TEST_F(registry, unknown_image) {
  const auto e = failure(at("plain", "nope:v9"));
  EXPECT_EQ(e.code(), errc::image_not_found);
  EXPECT_EQ(e.subject(), at("plain", "nope:v9"));
  EXPECT_NE(e.detail().find("404"), std::string::npos) << e.detail();
  EXPECT_EQ(failure(at("plain", "app:nope")).code(), errc::image_not_found);
}

TEST_F(registry, nobody_listens) {
  const auto e = failure("127.0.0.1:1/app");
  EXPECT_EQ(e.code(), errc::registry_unreachable);
  EXPECT_NE(std::string{e.what()}.find("Connection refused"), std::string::npos) << e.what();
  EXPECT_NE(std::string{e.what()}.find("127.0.0.1:1"), std::string::npos) << e.what();
}

TEST_F(registry, lies_are_found_out) {
  EXPECT_EQ(failure(bad("wrong-digest")).code(), errc::digest_mismatch);
  EXPECT_EQ(failure(bad("wrong-diff-id")).code(), errc::digest_mismatch);
  EXPECT_EQ(failure(bad("wrong-config")).code(), errc::digest_mismatch);
  EXPECT_EQ(failure(bad("confused")).code(), errc::corrupt);
  EXPECT_EQ(failure(bad("mislabelled")).code(), errc::corrupt);
  EXPECT_EQ(failure(bad("escaping")).code(), errc::corrupt);
  EXPECT_EQ(failure(bad("artifact")).code(), errc::protocol);
  EXPECT_EQ(failure(bad("foreign")).code(), errc::protocol);
  EXPECT_EQ(failure(bad("huge")).code(), errc::protocol);
  const auto e = failure(bad("schema1"));
  EXPECT_EQ(e.code(), errc::protocol);
  EXPECT_NE(e.detail().find("schema 1"), std::string::npos) << e.detail();
}

TEST_F(registry, broken_connections_resume_or_fail) {
  EXPECT_EQ(pull(bad("resumable")).layers().size(), 1U);
  store_.reset();
  fs::remove_all(options_.root);
  store_ = std::make_unique<engine>(options_);
  EXPECT_EQ(failure(bad("truncated")).code(), errc::registry_unreachable);
}

TEST_F(registry, credentials_stay_with_the_registry) {
  pull_options options;
  options.auth = credentials{"user", "secret", ""};
  (void)pull(bad("secret"), options);
  (void)pull(bad("redirect"), options);
  EXPECT_THROW((void)pull(bad("redirect-auth"), options), error);
  EXPECT_THROW((void)pull(bad("token"), options), error);
  int given = 0, led_astray = 0;
  for (const auto& request : farm->log()) {
    const bool has_it = request.at("headers").contains("authorization");
    const bool home = request.at("to") == farm->at("hostile");
    if (home) given += has_it ? 1 : 0;
    if (!home) {
      ++led_astray;
      EXPECT_FALSE(has_it) << request;
    }
    // Only who asked gets it.
    EXPECT_TRUE(!has_it || request.at("path").get<std::string>().starts_with("/v2/secret/")) << request;
  }
  EXPECT_GT(given, 0);
  EXPECT_GT(led_astray, 0);
}

TEST_F(registry, stop_request_ends_a_pull_within_a_tenth_of_a_second) {
  std::stop_source stop;
  pull_options options;
  options.stop = stop.get_token();
  std::chrono::steady_clock::time_point asked;
  std::jthread later;
  options.progress = [&](const transfer_progress& p) {
    if (p.at != transfer_progress::phase::downloading || later.joinable()) return;
    later = std::jthread{[&] {
      std::this_thread::sleep_for(100ms);
      asked = std::chrono::steady_clock::now();
      stop.request_stop();
    }};
  };
  const auto e = failure(bad("slow"), options);
  const auto took = std::chrono::steady_clock::now() - asked;
  EXPECT_EQ(e.code(), errc::interrupted);
  EXPECT_LT(took, 100ms) << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms";
}

TEST_F(registry, two_engines_pull_the_same_image_at_once) {
  // Two engines on one store share nothing but its files, as two processes do.
  engine other{options_};
  std::array<std::string, 2> ids;
  {
    std::jthread one{[&] { ids[0] = image::pull(*store_, at("plain")).id(); }};
    std::jthread two{[&] { ids[1] = image::pull(other, at("plain")).id(); }};
  }
  EXPECT_FALSE(ids[0].empty());
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(store_->images().size(), 1U);
  EXPECT_EQ(files_below("staging"), 0U);
}

TEST_F(registry, two_processes_pull_the_same_image_at_once) {
  store_.reset();  // a forked child must not hold an engine that its parent opened
  std::array<pid_t, 2> children{};
  for (auto& child : children) {
    child = ::fork();
    if (child != 0) continue;
    int status = 1;
    try {
      engine own{options_};
      status = image::pull(own, at("plain")).layers().size() == 3 ? 0 : 2;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
    ::_exit(status);
  }
  for (const auto child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  store_ = std::make_unique<engine>(options_);
  EXPECT_EQ(store_->images().size(), 1U);
  EXPECT_EQ(files_below("staging"), 0U);
}

}  // namespace
}  // namespace contain
