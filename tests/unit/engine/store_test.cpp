// Containers as the store knows them: everything that can be done without starting one.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "contain/contain.hpp"
#include "contain/core/id.hpp"
#include "engine/state.hpp"

namespace contain {
namespace {

namespace fs = std::filesystem;

class store_test : public testing::Test {
 protected:
  store_test() {
    std::string pattern = testing::TempDir() + "contain-store-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    engine_.emplace(engine_options{.root = directory_ / "store", .log = {}});
  }
  ~store_test() override {
    engine_.reset();
    fs::remove_all(directory_);
  }

  container make(std::string name = {}, lifetime life = lifetime::detached) {
    container_options o;
    o.name = std::move(name);
    o.life = life;
    return container::create(*engine_, std::move(o));
  }
  [[nodiscard]] std::vector<container_info> list() const {
    list_filter all;
    all.all = true;
    return engine_->containers(all);
  }
  [[nodiscard]] std::vector<std::string> actions() const {
    std::vector<std::string> found;
    for (const auto& e : engine_->internals().records.read().events_after(0, 1000)) {
      if (e.type == "container") found.push_back(e.action);
    }
    return found;
  }
  [[nodiscard]] bool no_files() const { return fs::is_empty(directory_ / "store" / "containers"); }
  template <class Act>
  static errc code_of(Act act) {
    try {
      act();
    } catch (const error& e) {
      return e.code();
    }
    return errc{};
  }

  fs::path directory_;
  std::optional<engine> engine_;
};

TEST_F(store_test, a_new_container_is_created_and_has_docker_like_identity) {
  const auto c = make("web");
  EXPECT_EQ(c.id().size(), 64U);
  EXPECT_TRUE(ids::is_hex(c.id()));
  const auto info = c.info();
  EXPECT_EQ(info.name, "web");
  EXPECT_EQ(info.state, container_state::created);
  EXPECT_EQ(info.image, "hello-world");
  EXPECT_FALSE(info.command.empty());
  EXPECT_FALSE(info.exit);
  EXPECT_TRUE(info.detached);
  EXPECT_EQ(c.open_wait_fd(), -1);
  EXPECT_EQ(c.log_text(stream::out), "");
}

TEST_F(store_test, opens_by_id_name_and_unique_prefix) {
  const auto c = make("web");
  EXPECT_EQ(container::open(*engine_, c.id()).id(), c.id());
  EXPECT_EQ(container::open(*engine_, "web").id(), c.id());
  EXPECT_EQ(container::open(*engine_, ids::short_id(c.id())).id(), c.id());
  EXPECT_EQ(code_of([&] { (void)container::open(*engine_, "absent"); }), errc::container_not_found);
  EXPECT_EQ(code_of([&] { (void)container::open(*engine_, ""); }), errc::container_not_found);
}

TEST_F(store_test, an_ambiguous_prefix_is_said_to_be_one) {
  std::vector<container> many;
  std::set<char> first;
  std::string shared;
  while (shared.empty()) {
    many.push_back(make());
    if (!first.insert(many.back().id().front()).second) shared = many.back().id().substr(0, 1);
  }
  try {
    (void)container::open(*engine_, shared);
    FAIL();
  } catch (const error& e) {
    EXPECT_EQ(e.code(), errc::container_not_found);
    EXPECT_NE(std::string{e.what()}.find("several"), std::string::npos);
  }
}

TEST_F(store_test, a_name_in_use_leaves_nothing_behind) {
  const auto c = make("web");
  EXPECT_EQ(code_of([&] { (void)make("web"); }), errc::name_in_use);
  EXPECT_EQ(code_of([&] { (void)make("-web"); }), errc::invalid);
  EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator{directory_ / "store/containers"}, {}), 1);
}

TEST_F(store_test, options_that_cannot_work_leave_nothing_behind) {
  const auto refuse = [&](auto change) {
    container_options o;
    change(o);
    return code_of([&] { (void)container::create(*engine_, o); });
  };
  EXPECT_EQ(refuse([](auto& o) { o.limits.memory_bytes = 1000; }), errc::invalid);
  EXPECT_EQ(refuse([](auto& o) { o.workdir = "relative"; }), errc::invalid);
  EXPECT_EQ(refuse([](auto& o) { o.stop_signal = "SIGNONE"; }), errc::invalid);
  EXPECT_EQ(refuse([](auto& o) { o.image = "UPPER CASE"; }), errc::invalid);
  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(no_files());
  EXPECT_TRUE(actions().empty());
}

TEST_F(store_test, the_end_of_the_object_removes_an_owned_container) {
  {
    const auto c = make({}, lifetime::owner);
    EXPECT_EQ(c.info().owner_pid, ::getpid());
    EXPECT_EQ(list().size(), 1U);
    const auto handle = container::open(*engine_, c.id());  // does not own
  }
  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(no_files());
  EXPECT_EQ(actions(), (std::vector<std::string>{"create", "destroy"}));
}

TEST_F(store_test, a_detached_container_stays) {
  {
    auto c = make("kept", lifetime::owner);
    c.detach();
    EXPECT_TRUE(c.info().detached);
  }
  EXPECT_EQ(container::open(*engine_, "kept").state(), container_state::created);
}

TEST_F(store_test, the_end_of_the_engine_removes_what_it_owned) {
  static const container* leaked = nullptr;  // its destructor must not run
  leaked = new container{make({}, lifetime::owner)};
  EXPECT_FALSE(leaked->id().empty());
  engine_.reset();
  engine_.emplace(engine_options{.root = directory_ / "store", .log = {}});
  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(no_files());
}

TEST_F(store_test, what_a_killed_process_owned_is_swept) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    engine own{{.root = directory_ / "store", .log = {}}};
    container_options o;
    o.name = "orphan";
    const auto c = container::create(own, o);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(std::distance(fs::directory_iterator{directory_ / "store/containers"}, {}), 1);
  // Its name is free at once, even before anybody lists.
  const auto c = make("orphan");
  EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(list().front().id, c.id());
  EXPECT_EQ(std::distance(fs::directory_iterator{directory_ / "store/containers"}, {}), 1);
}

TEST_F(store_test, a_forked_copy_of_a_handle_does_nothing) {
  const auto c = make("mine", lifetime::owner);
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    { auto copy = std::move(const_cast<container&>(c)); }
    engine_.reset();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(container::open(*engine_, "mine").id(), c.id());
}

TEST_F(store_test, remove_is_idempotent_and_complete) {
  auto c = make("web");
  c.remove();
  c.remove();
  c.remove(true);
  EXPECT_TRUE(no_files());
  EXPECT_EQ(code_of([&] { (void)c.info(); }), errc::container_not_found);
  EXPECT_EQ(actions(), (std::vector<std::string>{"create", "destroy"}));
}

TEST_F(store_test, rename_moves_the_name) {
  auto c = make("old");
  auto other = make("other");
  c.rename("new");
  EXPECT_EQ(c.name(), "new");
  EXPECT_EQ(code_of([&] { (void)container::open(*engine_, "old"); }), errc::container_not_found);
  EXPECT_EQ(code_of([&] { c.rename("other"); }), errc::name_in_use);
  EXPECT_EQ(code_of([&] { c.rename("-"); }), errc::invalid);
  EXPECT_EQ(c.name(), "new");
}

TEST_F(store_test, nothing_can_be_done_to_what_does_not_run) {
  auto c = make();
  EXPECT_EQ(code_of([&] { c.kill(); }), errc::not_running);
  EXPECT_EQ(code_of([&] { (void)c.attach(); }), errc::not_running);
  exec_options what;
  what.command = {"true"};
  EXPECT_EQ(code_of([&] { (void)c.exec(what); }), errc::not_running);
  EXPECT_EQ(c.stop().code, 0);
  EXPECT_EQ(c.wait().code, 0);
  EXPECT_EQ(c.state(), container_state::created);
}

TEST_F(store_test, lists_filter_as_docker_does) {
  container_options o;
  o.life = lifetime::detached;
  o.name = "front-1";
  o.labels = {{"tier", "front"}};
  const auto front = container::create(*engine_, o);
  o.name = "back-1";
  o.labels = {{"tier", "back"}};
  const auto back = container::create(*engine_, o);
  const auto names = [&](list_filter f) {
    std::vector<std::string> found;
    for (const auto& c : engine_->containers(f)) found.push_back(c.name);
    return found;
  };
  using texts = std::vector<std::string>;
  list_filter f;
  EXPECT_EQ(names(f), texts{});
  f.all = true;
  EXPECT_EQ(names(f), (texts{"back-1", "front-1"}));
  f.labels = {{"tier", ""}};
  EXPECT_EQ(names(f).size(), 2U);
  f.labels = {{"tier", "front"}};
  EXPECT_EQ(names(f), texts{"front-1"});
  f = {};
  f.statuses = {"created"};  // says `all` by itself
  EXPECT_EQ(names(f).size(), 2U);
  f.names = {"back"};
  EXPECT_EQ(names(f), texts{"back-1"});
  f = {};
  f.all = true;
  f.ids = {front.id().substr(0, 12)};
  EXPECT_EQ(names(f), texts{"front-1"});
  f.ids = {};
  f.ancestors = {"hello-world"};
  EXPECT_EQ(names(f).size(), 2U);
  f.ancestors = {front.info().image_id};
  EXPECT_EQ(names(f).size(), 2U);
  f.ancestors = {"alpine"};
  EXPECT_EQ(names(f), texts{});
}

TEST_F(store_test, prune_leaves_what_belongs_to_a_living_object) {
  const auto mine = make("mine", lifetime::owner);
  const auto stopped = make("stopped");
  // A file of some size: on tmpfs directories take no blocks at all.
  std::ofstream{directory_ / "store/containers" / stopped.id() / "upper/data"} << std::string(8192, 'x');
  const auto report = engine_->prune_containers();
  EXPECT_EQ(report.deleted, std::vector<std::string>{stopped.id()});
  EXPECT_GE(report.reclaimed_bytes, 8192U);
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(store_test, names_and_id_ranges_are_unique_under_sixteen_creators) {
  (void)image::hello_world(*engine_);
  std::mutex mutex;
  std::vector<container> made;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 4; ++n) {
        auto c = make();
        const std::lock_guard lock{mutex};
        made.push_back(std::move(c));
      }
    });
  }
  threads.clear();
  std::set<std::string> names;
  std::set<std::uint32_t> ranges;
  for (const auto& c : engine_->internals().records.read().containers()) {
    names.insert(c.name);
    ranges.insert(c.id_range);
  }
  EXPECT_EQ(names.size(), 64U);
  if (::geteuid() == 0) {
    EXPECT_EQ(ranges.size(), 64U);
  }
}

TEST_F(store_test, only_one_of_sixteen_gets_a_given_name) {
  (void)image::hello_world(*engine_);
  std::atomic<int> won = 0, refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] { (code_of([&] { (void)make("the-one"); }) == errc{} ? won : refused)++; });
  }
  threads.clear();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(refused, 15);
}

TEST_F(store_test, inspect_is_dockers_object_with_isolation) {
  const auto c = make("web");
  const auto json = c.inspect_json();
  for (const auto* member : {"\"Name\": \"/web\"", "\"Status\": \"created\"", "\"StartedAt\": \"0001-01-01T00:00:00Z\"",
                             "\"Isolation\":", "\"user_namespace\""}) {
    EXPECT_NE(json.find(member), std::string::npos) << member << json;
  }
  EXPECT_FALSE(c.isolation().empty());
}

}  // namespace
}  // namespace contain
